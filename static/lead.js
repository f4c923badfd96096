// The leader's page: asks for itself again when the room has changed, and leads from one tab only.
'use strict';
(() => {
  const page = document.getElementById('lead');
  if (!page) return;
  const { code, tab } = page.dataset;
  const state = () => JSON.parse(document.getElementById('lead').dataset.state);
  let live = null;
  let again = 0;

  // A tab that was duplicated has the name of the one it was made from.
  const door = 'BroadcastChannel' in window ? new BroadcastChannel(`cowscope.lead.${code}`) : null;
  const me = Math.random();
  door?.addEventListener('message', e => {
    if (e.data.tab !== tab || e.data.me === me) return;
    if (e.data.asks) door.postMessage({ tab, me, to: e.data.me });
    else if (e.data.to === me) location.replace(`/w/${code}/lead`);
  });
  door?.postMessage({ tab, me, asks: true });

  // What the leader has in hand is not swapped away: a number half typed, a button half pressed.
  let pressed = false;
  addEventListener('pointerdown', () => { pressed = true; }, true);
  for (const ended of ['pointerup', 'pointercancel', 'blur']) addEventListener(ended, () => { pressed = false; }, true);
  const busy = () => pressed || document.activeElement?.matches('#to, #offer') || !window.htmx;

  // A number half typed outlives the answer to the click before it, too.
  let typed = null;
  document.addEventListener('input', e => { if (e.target.id === 'to') typed = e.target.value; });
  document.addEventListener('htmx:configRequest', () => { typed = null; });
  document.addEventListener('htmx:afterSwap', () => {
    const to = document.getElementById('to');
    if (to && typed !== null) to.value = typed;
  });

  // Asked for beside htmx: to swap the page while htmx waits for the answer to a click would lose that.
  let asked = 0;
  document.addEventListener('htmx:configRequest', () => { asked += 1; });
  function refresh(delay = 0) {
    clearTimeout(again);
    again = setTimeout(load, delay);
  }
  async function load() {
    if (busy()) { refresh(1500); return; }
    const mark = asked += 1;
    const path = `/w/${code}/lead${location.search}`;
    try {
      const answer = await fetch(path);
      const html = await answer.text();
      if (mark !== asked) return; // what was asked for later shows it, too
      if (answer.status >= 500 || answer.status === 429) refresh(2000);
      else if (!answer.ok) location.assign(path);
      else if (!html.includes('id="lead"')) location.replace(`/w/${code}/lead`); // another tab leads now, or somebody else
      else if (busy()) refresh(1500);
      else window.htmx.swap('#lead', html, { swapStyle: 'outerHTML' }, { select: '#lead' });
    } catch {
      if (mark === asked) refresh(2000);
    }
  }
  // Whatever the server refuses it explains; a lost connection keeps the page.
  addEventListener('htmx:sendError', e => { e.stopImmediatePropagation(); refresh(2000); }, true);
  addEventListener('htmx:responseError', e => {
    e.stopImmediatePropagation();
    if (e.detail.xhr.status >= 500 || e.detail.xhr.status === 429) refresh(2000);
    else location.assign(`/w/${code}/lead${location.search}`);
  }, true);
  document.addEventListener('htmx:beforeSwap', e => {
    if (e.detail.xhr.status !== 200 || e.detail.serverResponse.includes('id="lead"')) return;
    e.preventDefault(); // another tab leads now, or somebody else: the page that says so
    location.replace(`/w/${code}/lead`);
  });
  document.addEventListener('htmx:afterSettle', () => {
    live?.show();
    point();
    document.title = `Leading ${code}: step ${state().step} of ${state().last}`;
  });
  function point() {
    const { sel } = state();
    for (const mark of document.querySelectorAll('#lead .mem .lk')) mark.classList.toggle('is-linked', Boolean(sel) && mark.dataset.link === sel);
    for (const picture of document.querySelectorAll('#lead .mem')) picture.classList.toggle('has-link', Boolean(sel));
  }
  // A click in the drawing points at what was clicked.
  document.addEventListener('click', e => {
    const mark = e.target.closest('.ldraw a.lk');
    if (!mark) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    const sel = mark.dataset.link === state().sel ? '' : mark.dataset.link;
    window.htmx?.ajax('POST', `/w/${code}/lead`, { source: '#lead', target: '#lead', select: '#lead', swap: 'outerHTML show:none', values: { tab, sel } });
  }, true);

  let counts = null;
  live = cowscopeLive({
    code, as: 'lead', seen: state().seq, keep: true,
    onState(next) { if (next.seq > state().seq) refresh(); },
    onHere(next) {
      const voted = counts && counts.answered !== next.answered;
      const came = counts && counts.here !== next.here;
      counts = next;
      for (const here of document.querySelectorAll('[data-here]')) here.textContent = `${next.here} here`;
      for (const answered of document.querySelectorAll('[data-answered]')) answered.textContent = `${next.answered} of ${next.here} answered`;
      if (came && !voted) refresh(3000);
    },
    onOver() { location.reload(); },
  });
  point();
})();
