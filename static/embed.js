// The embed: steps without leaving the frame, and talks to the page around it. Its own address never
// changes, it keeps nothing, and keys are its own only after a click inside.
'use strict';
(() => {
  const embed = () => document.getElementById('embed');
  const framed = window.parent !== window;
  const PACE = 60; // ms between steps of a held key
  let asked = 0;
  let waiting = null;
  let keysOn = false;
  let pressed = 0;

  const range = () => {
    const { from, to, step } = embed().dataset;
    return { first: Number(from), last: Number(to), now: Number(step) };
  };
  const clamp = number => { const { first, last } = range(); return Math.min(last, Math.max(first, number)); };

  // -- out: the step on the screen, to whoever holds the frame; everything in it is public
  function tell(more) {
    if (!framed) return;
    const { run, step, from, to, last, alarm } = embed().dataset;
    window.parent.postMessage({
      source: 'cowscope', type: 'step', run, step: Number(step), from: Number(from), to: Number(to), last: Number(last),
      command: document.getElementById('command').textContent, lead: document.getElementById('lead').textContent,
      violation: alarm || null, ...more,
    }, '*');
  }
  function complain(message) {
    if (framed) window.parent.postMessage({ source: 'cowscope', type: 'error', message }, '*');
  }

  async function show(number, focus) {
    const wanted = clamp(number);
    if (wanted === range().now && !waiting) return;
    const url = embed().dataset.url.replace('{step}', wanted);
    const mine = asked += 1;
    waiting?.abort();
    waiting = new AbortController();
    try {
      const answer = await fetch(url, { signal: waiting.signal });
      if (!answer.ok) throw new Error(`The server answers ${answer.status}.`);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (mine !== asked) return;
      swap(page, focus);
    } catch (error) {
      if (mine !== asked || error.name === 'AbortError') return;
      if (window.origin === 'null') { location.replace(url); return; } // a sandbox without an origin
      document.getElementById('lead').textContent = `Step ${wanted} does not come: ${error.message}`;
      complain(`Step ${wanted} does not come.`);
    } finally {
      if (mine === asked) waiting = null;
    }
  }

  // The status line stays the same element: screen readers speak what changes in it.
  function swap(page, focus) {
    const [old, fresh] = [embed(), page.getElementById('embed')];
    const had = focus || document.activeElement?.id;
    for (const name of old.getAttributeNames()) old.setAttribute(name, fresh.getAttribute(name) ?? '');
    const lead = document.getElementById('lead');
    const words = fresh.querySelector('#lead').textContent;
    fresh.querySelector('#lead').replaceWith(lead);
    old.replaceChildren(...fresh.childNodes);
    lead.textContent = words;
    document.title = page.title;
    arm(keysOn);
    if (had) document.getElementById(had)?.focus({ preventScroll: true });
    showChange();
    tell();
  }

  function showChange() {
    const draw = document.getElementById('draw');
    const change = draw.querySelector('.chg');
    if (!change || draw.scrollHeight <= draw.clientHeight) return;
    const [box, view] = [change.getBoundingClientRect(), draw.getBoundingClientRect()];
    if (box.top < view.top || box.bottom > view.bottom) draw.scrollTop += box.top - view.top - 12;
  }

  // -- keys
  function arm(on) {
    keysOn = on && embed().dataset.keys === 'focus';
    embed().classList.toggle('keys-on', keysOn);
    const hint = document.getElementById('hint');
    if (!hint) return;
    hint.hidden = false;
    hint.textContent = keysOn ? '← → step, Esc leaves' : 'Click, then ← →';
  }
  document.addEventListener('pointerdown', () => arm(true));
  window.addEventListener('blur', () => arm(false));
  const keys = {
    ArrowRight: () => range().now + 1, ArrowLeft: () => range().now - 1,
    Home: () => range().first, End: () => range().last,
  };
  document.addEventListener('keydown', event => {
    if (!keysOn || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.key === 'Escape') {
      arm(false);
      document.activeElement?.blur();
      if (framed) window.parent.focus();
      return;
    }
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    if (event.repeat && (waiting || performance.now() - pressed < PACE)) return; // never queues
    pressed = performance.now();
    show(keys[event.key]());
  });

  document.addEventListener('click', event => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = plain && event.target.closest('a[href]:not([target])');
    if (!link) return;
    const found = new URL(link.href, location.href).pathname.match(/^\/e\/[^/]+\/(\d+)$/);
    if (!found) return;
    event.preventDefault();
    show(Number(found[1]), link.id);
  });

  // -- in: { step: 7 }, { step: 'next' }, { theme: 'dark' }, { query: 'step' }, from the page around alone
  const WORDS = { next: keys.ArrowRight, previous: keys.ArrowLeft, first: keys.Home, last: keys.End };
  addEventListener('message', event => {
    if (!framed || event.source !== window.parent || typeof event.data !== 'object' || !event.data) return;
    const { step, theme, query } = event.data;
    if (theme !== undefined) {
      if (theme === 'auto') delete document.documentElement.dataset.theme;
      else if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
      else complain('theme is auto, light or dark.');
    }
    if (query === 'step') tell();
    if (step === undefined) return;
    if (Object.hasOwn(WORDS, step)) show(WORDS[step]());
    else if (!Number.isInteger(step)) complain('step is a number, next, previous, first or last.');
    else if (clamp(step) !== step) complain(`step is from ${range().first} to ${range().last}.`);
    else show(step);
  });

  arm(false);
  showChange();
  tell();
})();
