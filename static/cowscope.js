// cowscope: everything works without this file; it adds keys, swapping, linking, copying.
'use strict';
const $ = (selector, root = document) => root.querySelector(selector);
const root = document.documentElement;
const YEAR = 365 * 24 * 3600;

// -- what the reader chose: the form works by itself; this saves the reload
const PLAIN = ['auto', 'normal', 'kernel', 'drawing', 'all', 'grid']; // the defaults
document.addEventListener('submit', e => {
  if (e.target.dataset.act !== 'look' || !e.submitter) return;
  e.preventDefault();
  const { name, value } = e.submitter;
  const plain = PLAIN.includes(value);
  document.cookie = `${name}=${plain ? '' : value}; path=/; max-age=${plain ? 0 : YEAR}; samesite=lax`;
  if (plain) delete root.dataset[name];
  else root.dataset[name] = value;
  document.dispatchEvent(new CustomEvent('cowscope:look', { detail: e.submitter }));
});

// -- copy link: the address is the whole state
async function copyLink(link) {
  const says = $('.says', link);
  const was = says.dataset.was || says.textContent;
  says.dataset.was = was;
  try {
    await navigator.clipboard.writeText(link.href);
    says.textContent = 'Copied';
  } catch {
    says.textContent = 'Copy from the address bar'; // no permission, or no secure context
  }
  setTimeout(() => { says.textContent = was; }, 1500);
}

// -- moving: one way for keys, scrubber and timeline; htmx asks, swaps and keeps the history
let asked = 0;      // number of the newest request
let inFlight = 0;
function visit(url, source) {
  if (!window.htmx) location.assign(url);
  else window.htmx.ajax('GET', url, { source, target: '#explorer', swap: 'step show:none', ...(held && { replace: 'false' }) }); // swap.js
}
function here() {
  const { base, step } = $('#explorer')?.dataset || {};
  return `${base}/${step}`;
}
// Browsers refuse addresses that change too often, so that of a held key comes when it is let go.
function stay() {
  const inside = location.pathname.startsWith(`${$('#explorer')?.dataset.base}/`);
  if (inside && !held && location.pathname !== here()) history.replaceState(history.state, '', here());
}
document.addEventListener('cowscope:rest', stay);

document.addEventListener('htmx:configRequest', e => { if (e.detail.target.id === 'explorer') asked += 1; });
document.addEventListener('htmx:beforeRequest', e => {
  if (e.detail.target.id !== 'explorer') return;
  const number = asked;
  inFlight += 1;
  const { elt, xhr } = e.detail;
  // Listened for at the source: once that is swapped away, its events reach nobody else.
  elt.addEventListener('htmx:beforeOnLoad', function check(answer) {
    if (answer.detail.xhr !== xhr) return;
    elt.removeEventListener('htmx:beforeOnLoad', check);
    if (number !== asked) answer.preventDefault(); // too late
  });
});
document.addEventListener('htmx:afterRequest', e => {
  if (e.detail.target?.id !== 'explorer') return;
  inFlight -= 1;
  if (due) requestAnimationFrame(again); // the step that has come is painted first
});
document.addEventListener('htmx:afterSettle', () => settle());
document.addEventListener('htmx:sendError', () => say('The server does not answer. The step on the screen stays.'));
document.addEventListener('htmx:responseError', e => location.assign(e.detail.pathInfo.requestPath)); // the page that explains it

function say(words) {
  const live = $('#spoken') || $('#caption');
  if (live) live.textContent = words;
}

let at = here(); // the step that was settled last
function settle() {
  const explorer = $('#explorer');
  if (!explorer) return;
  document.title = explorer.dataset.title;
  const canonical = $('link[rel=canonical]');
  if (canonical) canonical.href = here();
  if (at !== here() && !['history', 'fields'].includes(root.dataset.pane)) $('#why')?.scrollTo(0, 0); // another step, another why
  at = here();
  stay();
  showCurrent();
  prefetch();
}

// the current line and the changed rows stay in view inside their panes; the page never jumps
function showCurrent() {
  const pane = $('#script');
  const line = pane && $('[aria-current]', pane);
  if (line) pane.scrollTop = line.offsetTop - pane.offsetTop - pane.clientHeight / 2;
  const draw = $('#draw');
  const change = draw && $('.chg', draw);
  if (!change || draw.scrollHeight <= draw.clientHeight) return;
  const [box, view] = [change.getBoundingClientRect(), draw.getBoundingClientRect()];
  if (box.top < view.top || box.bottom > view.bottom) draw.scrollTop += box.top - view.top - view.height / 3;
}

// neighbours come into the browser's cache before they are asked for
const fetched = new Set();
function prefetch() {
  const { hide } = $('#explorer')?.dataset || {};
  for (const link of document.querySelectorAll('#next[href], #prev[href]')) {
    const url = link.href.split('?')[0] + (hide ? `?hide=${hide}` : ''); // as a step asks for it
    if (fetched.has(url)) continue;
    fetched.add(url);
    fetch(url, { headers: { 'HX-Request': 'true' }, priority: 'low' }).catch(() => fetched.delete(url));
  }
}

// One listener for all links to steps: hx-boost would cost listeners and events for each of hundreds.
function stepLink(target) {
  const link = target.closest('#explorer a[href]');
  if (!link || link.closest('#lanes, #policies')) return link;
  const href = link.getAttribute('href');
  const base = `${$('#explorer').dataset.base}/`;
  const own = href.startsWith(base) && /^\d+$/.test(href.slice(base.length));
  return own && link.getAttribute('hx-boost') !== 'false' ? link : null;
}
// What is swapped away is dropped as a whole: htmx would send two events to each of its elements.
document.addEventListener('htmx:beforeCleanupElement', e => { if (e.target.id === 'explorer') e.target.replaceChildren(); });

document.addEventListener('click', e => {
  const act = e.target.closest('[data-act=copy]');
  if (act) { e.preventDefault(); copyLink(act); return; }
  const plain = e.button === 0 && !e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey;
  const step = plain && !e.defaultPrevented && window.htmx && stepLink(e.target);
  if (step) {
    e.preventDefault();
    visit(step.getAttribute('href'), step.closest('[hx-replace-url]') || $('#lanes'));
    return;
  }
  const mark = e.target.closest('.mem:not(:has(.picks)) a.lk');
  if (mark) { e.preventDefault(); link(pinned = pinned === mark.dataset.link ? null : mark.dataset.link); }
});

// -- keys act on the control that says so in aria-keyshortcuts: routes live in the templates only
const PACE = 60; // ms between steps of a held key
let last = 0;
let held = false; // while a key repeats nothing is asked for but steps
let due = ''; // the key that came while a step was on its way: one, so that nothing queues
function press(found) {
  last = performance.now();
  due = '';
  if (found.dataset.act === 'focus') found.focus();
  else found.click();
}
function again() {
  if (!due || inFlight > 0) return;
  const rest = last + PACE - performance.now();
  if (rest > 0) { setTimeout(again, rest); return; }
  const found = control(due);
  if (found) press(found);
}
function release() {
  due = '';
  if (!held) return;
  held = false;
  document.dispatchEvent(new Event('cowscope:rest'));
}
document.addEventListener('keyup', release);
addEventListener('blur', release);
const shown = el => el.getClientRects().length > 0;
// What is hidden still has its key, unless something that can be seen has the same one.
function control(key) {
  const all = [...document.querySelectorAll('[aria-keyshortcuts]')]
    .filter(el => el.getAttribute('aria-keyshortcuts').split(' ').includes(key));
  return all.find(shown) || all[0];
}
// A key that does something where the focus is: Space on a button, a page in a pane that scrolls.
function taken(e) {
  if (e.target.closest('input:not([type=range]), textarea, select')) return true;
  if (e.target.type === 'range') return /^(Arrow|Home|End|Page)/.test(e.key);
  if (e.key === ' ') return Boolean(e.target.closest('button, summary, input'));
  const pane = e.key.startsWith('Page') && e.target.closest('[tabindex="0"]');
  return Boolean(pane && pane.scrollHeight > pane.clientHeight);
}
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
  if (e.key === 'Escape') { escape(); return; }
  if (taken(e)) return;
  if (root.dataset.keys === 'few' && e.key.length === 1 && e.key !== ' ') return; // WCAG 2.1.4
  const key = e.key === ' ' ? 'Space' : e.key;
  const name = (e.shiftKey && e.key.startsWith('Arrow') ? 'Shift+' : '') + key;
  if (e.repeat && name === due) { e.preventDefault(); return; }
  const found = control(name);
  if (!found) return;
  e.preventDefault();
  if (found.tagName === 'INPUT') { found.focus(); found.select(); return; }
  if (!e.repeat) { press(found); return; }
  held = true;
  const waiting = due;
  due = name;
  if (!waiting) requestAnimationFrame(again);
});
function escape() {
  for (const open of document.querySelectorAll('#keysheet[open], .look[open], .menu[open]')) open.open = false;
  link(pinned = null);
  if (document.activeElement?.matches('#stepno')) document.activeElement.blur();
}

// -- the scrubber: shows the number while it moves, asks when the newest answer is there
document.addEventListener('input', e => {
  if (e.target.id === 'stepno') e.target.setCustomValidity('');
  if (e.target.id !== 'scrub') return;
  $('#stepno').value = e.target.value;
});
document.addEventListener('change', e => {
  if (e.target.id !== 'scrub') return;
  visit(`${$('#explorer').dataset.base}/${e.target.value}`, $('#first').parentElement);
});
document.addEventListener('submit', e => {
  if (e.target.id !== 'goto' || !window.htmx) return;
  e.preventDefault();
  const { base, last: end } = $('#explorer').dataset;
  const field = $('#stepno');
  if (Number(field.value) > Number(end)) {
    field.setCustomValidity(`There is no step ${field.value}: the last one is ${end}.`);
    field.reportValidity();
    return;
  }
  document.activeElement.blur();
  visit(`${base}/${Number(field.value)}`, $('#lanes'));
}, true);

// -- hover, focus or a click on an entry, wire or page lights everything about the same frame
const LINKED = '.mem:not(:has(.picks)) .lk'; // where things can be selected, select.js lights them
let pinned = null;
function link(id) {
  for (const picture of document.querySelectorAll('.mem:not(:has(.picks))')) {
    picture.classList.toggle('has-link', Boolean(id));
    for (const mark of picture.querySelectorAll('.lk')) {
      mark.classList.toggle('is-linked', Boolean(id) && mark.dataset.link === id);
    }
  }
}
for (const [on, off] of [['mouseover', 'mouseout'], ['focusin', 'focusout']]) {
  document.addEventListener(on, e => { const mark = e.target.closest?.(LINKED); if (mark) link(mark.dataset.link); });
  document.addEventListener(off, e => { if (e.target.closest?.(LINKED)) link(pinned); });
}

showCurrent();
addEventListener('load', prefetch);
