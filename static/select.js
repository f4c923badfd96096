// The view: what the links do by themselves (?sel= ?tab= ?watch= ?only= ?hide=), without loading a page.
// The address is the only state; steps are swapped by htmx and know nothing of it.
'use strict';
const VIEW = ['sel', 'tab', 'watch', 'only', 'hide'];
const NARROW = '(max-width: 60rem)'; // one part of the page at a time
const wholeOf = name => (name.includes(']') ? name.slice(0, name.indexOf(']') + 1) : name.split('.')[0]);
let view = readView();

function readView() {
  const given = new URLSearchParams(location.search);
  const asked = Object.fromEntries(VIEW.map(name => [name, (given.get(name) || '').trim()]));
  return { ...asked, only: asked.only === 'changed' ? asked.only : '' };
}
function queryOf(wanted) {
  const said = VIEW.filter(name => wanted[name])
    .map(name => `${name}=${encodeURIComponent(wanted[name]).replace(/%5B|%5D|%2C|%3A/g, decodeURIComponent)}`);
  return said.length ? `?${said.join('&')}` : '';
}
function current(link, is, word = 'true') {
  if (is) link.setAttribute('aria-current', word);
  else link.removeAttribute('aria-current');
}
const shared = () => ({ sel: view.sel, only: view.only, hide: view.hide }); // what a comparison has as well
const tabOf = wanted => wanted.tab || (wanted.sel ? 'history' : 'why');

// -- lighting: the same frame everywhere; what is not about it recedes and stays readable
const pictures = () => document.querySelectorAll('#draw .mem'); // a comparison has two
function light(name) {
  const thing = wholeOf(name);
  const process = thing && /^[A-Z]/.test(thing) && !thing.includes('.');
  const labels = new Set();
  for (const pick of document.querySelectorAll('#draw .pick')) {
    const { sel, link } = pick.dataset;
    if (thing && (sel === thing || (process && sel.startsWith(`${thing}.`)))) for (const label of link.split(' ')) if (label) labels.add(label);
    pick.classList.toggle('is-sel', Boolean(view.sel) && sel === view.sel);
    pick.classList.toggle('is-thing', Boolean(view.sel) && sel !== view.sel && sel === wholeOf(view.sel));
  }
  shine(labels, process ? `${thing}.` : '');
}
function shine(labels, owner = '') {
  for (const picture of pictures()) picture.classList.toggle('has-link', labels.size > 0);
  for (const mark of document.querySelectorAll('#draw .lk')) {
    const { link, at } = mark.dataset;
    mark.classList.toggle('is-linked', labels.has(link) && (!owner || !at || at.startsWith(owner)));
  }
}

// -- which steps wrote it
const writesOf = block => (block?.dataset.writes || '').split(' ').filter(Boolean);
function markSteps() {
  const all = new Set(writesOf($('#inspector')));
  const own = Object.fromEntries(Array.from(document.querySelectorAll('#inspector [data-side]'), side => [side.dataset.side, new Set(writesOf(side))]));
  const step = Number($('#explorer').dataset.step);
  for (const a of document.querySelectorAll('#lanes .tl:not(.tl-all) a, #script a:not(.switch)')) {
    const writes = a.dataset.side ? own[a.dataset.side] : all;
    a.classList.toggle('wrote', Boolean(view.sel && writes?.has(a.getAttribute('href').split('?')[0].split('/').pop())));
  }
  for (const row of document.querySelectorAll('.hist > li[data-n]')) {
    const n = Number(row.dataset.n);
    row.className = n === step ? 'now' : n < step ? 'past' : 'future';
    $('.when', row).textContent = n === step ? 'this step' : n > step ? 'future' : '';
    current($('.n', row), n === step, 'step');
  }
}
function write(direction) {
  const step = Number($('#explorer').dataset.step);
  const writes = writesOf($('#inspector')).map(Number);
  return direction > 0 ? writes.find(n => n > step) : writes.findLast(n => n < step);
}

// -- the block that depends on the selection
let wanted = 0;
let asking = null;
async function load() {
  const mine = ++wanted;
  asking?.abort();
  asking = new AbortController();
  const { base, step } = $('#explorer').dataset;
  if (held) return; // the block that was there stays until the key is let go
  if (!queryOf(view) && !$('#inspector').firstChild && !$('#watch')?.firstChild) return;
  if (!queryOf(view)) { put('<div id="inspector" data-own></div><div id="watch" data-own></div>'); return; }
  try {
    const answer = await fetch(`${base}/${step}/inspect${queryOf(view)}`, { signal: asking.signal });
    const text = await answer.text();
    if (answer.ok && mine === wanted) put(text);
  } catch (error) {
    if (error.name !== 'AbortError') say('The server does not answer. What is selected is shown as it was.');
  }
}
function put(html) {
  const holder = document.createElement('template');
  holder.innerHTML = html;
  const focused = document.activeElement?.closest('#inspector, #watch') && document.activeElement.id;
  const pane = $('#why');
  const top = pane?.scrollTop;
  for (const id of ['inspector', 'watch']) $(`#${id}`)?.replaceWith(holder.content.getElementById(id));
  if (pane) pane.scrollTop = top;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  markSteps();
  document.dispatchEvent(new Event('cowscope:selected'));
  const row = tabOf(view) === 'history' && $('.hist > .now');
  if (row) {
    const [box, frame] = [row.getBoundingClientRect(), pane.getBoundingClientRect()];
    if (box.bottom > frame.bottom || box.top < frame.top) pane.scrollTop += box.top - frame.top - frame.height / 3;
  }
}

function address() {
  const query = queryOf(view);
  if (/^\/[rc]\/[^/]+\/\d+$/.test(location.pathname) && location.search !== query) history.replaceState(history.state, '', location.pathname + query);
}
for (const moved of ['htmx:pushedIntoHistory', 'htmx:replacedInHistory']) document.addEventListener(moved, address);

// -- everything from the view; once after each change of it, and after each step
function show() {
  if (!$('#explorer')) return;
  view.hide = $('#explorer').dataset.hide || ''; // what is hidden is what was drawn without
  const tab = tabOf(view);
  root.dataset.pane = tab;
  if (view.only === 'changed') root.dataset.only = view.only;
  else delete root.dataset.only;
  for (const link of document.querySelectorAll('.tabs a')) {
    current(link, link.dataset.pane === tab);
  }
  for (const link of document.querySelectorAll('#tables a')) current(link, view.sel && new URLSearchParams(link.getAttribute('href')).get('sel') === view.sel);
  const { base, step } = $('#explorer').dataset;
  $('#copy').href = `${base}/${step}${queryOf(view)}`;
  for (const link of document.querySelectorAll('#explorer a[href^="/m/"]:not([data-keeps])')) link.setAttribute('href', link.getAttribute('href').split('?')[0] + queryOf(shared()));
  address();
  light(view.sel);
  markSteps();
  load();
  document.dispatchEvent(new Event('cowscope:view'));
}
function change(link) {
  const next = { ...view };
  if (link.dataset.sel) next.sel = link.dataset.sel;
  else if (link.dataset.pane) next.tab = link.dataset.pane;
  else for (const [name, value] of new URLSearchParams(link.getAttribute('href'))) if (VIEW.includes(name)) next[name] = value;
  if (link.matches('.pick') && next.sel === view.sel) next.sel = '';
  if (!next.sel && next.tab === 'history' && view.sel) next.tab = '';
  if (next.sel && next.sel !== view.sel && next.tab === 'why') next.tab = '';
  const { hide } = next;
  const again = hide !== view.hide;
  next.hide = view.hide;
  if (next.sel && next.sel !== view.sel && $('#why') && matchMedia(NARROW).matches) root.dataset.tab = 'why';
  view = next;
  if (again) redraw(hide, link);
  show();
  if (link.dataset.says) document.dispatchEvent(new CustomEvent('cowscope:look', { detail: link }));
}

// A drawing without something is another drawing.
function redraw(hide, link) {
  const { base, step } = $('#explorer').dataset;
  if (window.htmx) visit(`${base}/${step}?hide=${hide}`, $('#first').parentElement);
  else location.assign(link.href);
}

document.addEventListener('click', e => {
  const link = e.target.closest?.('#explorer a');
  if (!link || e.button !== 0 || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
  const jump = { 'sel-next': 1, 'sel-previous': -1 }[link.id];
  if (jump && window.htmx) {
    e.preventDefault();
    e.stopPropagation();
    const to = write(jump);
    if (to !== undefined) visit(`${$('#explorer').dataset.base}/${to}`, $('#lanes'));
  } else if (link.getAttribute('href').startsWith('?')) {
    e.preventDefault();
    e.stopPropagation();
    change(link);
  } else if (window.htmx && link.closest('#watch')) { // htmx takes no links of pictures
    e.preventDefault();
    visit(link.getAttribute('href'), $('#lanes'));
  }
}, true);

// a step's fragment is the same for everybody who hides the same: it is asked for without the rest of the view
const STEP = /^\/[rc]\/[^/?]+\/\d+$/;
document.addEventListener('htmx:configRequest', e => {
  const [path, query] = e.detail.path.split('?');
  if (!STEP.test(path)) return;
  const given = new URLSearchParams(query);
  const said = given.has('policy') ? [`policy=${given.get('policy')}`] : [];
  const hide = given.has('hide') ? given.get('hide') : view.hide;
  if (hide) said.push(`hide=${hide}`);
  e.detail.path = path + (said.length ? `?${said.join('&')}` : '');
});
let focus = '';
document.addEventListener('htmx:beforeSwap', e => {
  if (e.detail.target.id === 'explorer') focus = document.activeElement?.dataset?.sel || '';
});
document.addEventListener('htmx:afterSettle', e => {
  if (!$('#explorer') || !['explorer', 'BODY'].includes(e.detail.target?.id || e.detail.target?.tagName)) return;
  show();
  if (focus && document.activeElement?.dataset?.sel !== focus) document.querySelector(`.pick[data-sel="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  focus = '';
});
document.addEventListener('cowscope:rest', () => { if ($('#inspector')) { address(); load(); } });
document.addEventListener('htmx:historyRestore', () => { view = readView(); show(); });

// links that are opened elsewhere carry the view
let dressed = null; // until something else is pressed: the next step may show the same link
document.addEventListener('pointerdown', e => {
  if (dressed) dressed.setAttribute('href', dressed.getAttribute('href').split('?')[0]);
  dressed = null;
  const link = e.target.closest?.('#explorer a');
  const { base } = $('#explorer')?.dataset || {};
  if (!link || (e.button === 0 && !e.ctrlKey && !e.metaKey && !e.shiftKey)) return;
  const [path, given] = link.getAttribute('href').split('?');
  if (given || !path.startsWith(`${base}/`)) return;
  link.href = path + queryOf(view);
  dressed = link;
}, true);

// -- hover and focus do for a moment what a click does for good
for (const [on, off] of [['mouseover', 'mouseout'], ['focusin', 'focusout']]) {
  document.addEventListener(on, e => {
    const mark = e.target.closest?.('#draw .pick, #draw .lk');
    if (!mark) return;
    if (mark.matches('.pick')) light(mark.dataset.sel);
    else shine(new Set([mark.dataset.link]));
  });
  document.addEventListener(off, e => { if (e.target.closest?.('#draw .pick, #draw .lk')) light(view.sel); });
}
document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === 'Escape' && view.sel && !document.querySelector('#keysheet[open], .look[open], dialog[open]')
    && !e.target.closest('input:not([type=range]), textarea')) {
    view = { ...view, sel: '', tab: view.tab === 'history' ? '' : view.tab };
    show();
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  const here = step && document.activeElement?.closest?.('.picks a');
  if (!here) return;
  e.preventDefault();
  const all = [...document.querySelectorAll('.picks a')];
  all[all.indexOf(here) + step]?.focus();
}, true);

// a page that was dressed by the server goes on as one that was not
for (const link of document.querySelectorAll('#explorer a[href]')) {
  const [path, query] = link.getAttribute('href').split('?');
  if (query && !query.startsWith('policy=') && !link.matches('.alone, #swap') && STEP.test(path)) link.setAttribute('href', path);
}
for (const link of document.querySelectorAll('#explorer a[href^="?"]')) { // to what it changes, less what it kept
  const given = new URLSearchParams(link.getAttribute('href'));
  const changed = VIEW.filter(name => (given.get(name) || '') !== view[name]);
  link.setAttribute('href', `?${(changed.length ? changed : ['sel']).map(name => `${name}=${given.get(name) || ''}`).join('&')}`);
}
for (const hidden of document.querySelectorAll('#goto input[type=hidden], #scrubber input[type=hidden]')) hidden.remove();
addEventListener('pageshow', () => { // boot.js has set what was chosen by then
  if (view.sel && !root.dataset.tab && $('#why') && matchMedia(NARROW).matches) root.dataset.tab = 'why';
});
if (queryOf(view)) show();
