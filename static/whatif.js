// What if: the list of possible next steps comes when the reader stops at a step.
'use strict';
(() => {
  const PAUSE = 250; // ms at a step before it is asked for: a held key asks for none
  const kept = new Map(); // panels by address; the newest few
  const KEPT = 40;
  let waiting = 0;

  const put = (panel, html) => { panel.querySelector('.coming-in').innerHTML = html; };

  async function ask(panel) {
    const { src } = panel.dataset;
    try {
      const got = await fetch(src);
      if (!got.ok) return; // the link to the page stays, and that page says why
      const html = await got.text();
      kept.set(src, html);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      const now = document.getElementById('coming');
      if (now && now.dataset.src === src) put(now, html);
    } catch { /* no network: the link stays */ }
  }

  function settle() {
    const panel = document.getElementById('coming');
    clearTimeout(waiting);
    if (held || !panel || panel.dataset.asked) return;
    panel.dataset.asked = 'yes';
    const html = kept.get(panel.dataset.src);
    if (html) put(panel, html);
    // A panel that is not shown (another tab of a phone) is asked for when it is.
    else waiting = setTimeout(() => { if (panel.isConnected) ask(panel); }, PAUSE);
  }

  // where the list has no room the key leads to its page
  document.addEventListener('keydown', e => {
    const panel = document.getElementById('coming');
    if (e.key !== 'b' || !panel || panel.getClientRects().length) return;
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input, textarea, select')) return;
    if (document.documentElement.dataset.keys !== 'few') panel.querySelector('header a').click();
  }, true);

  // digits choose only when the list has the focus: elsewhere they are the policies
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || !/^[1-9]$/.test(e.key)) return;
    const panel = e.target.closest('#coming');
    if (!panel || e.target.closest('input:not([type=radio])')) return;
    e.preventDefault();
    e.stopPropagation();
    panel.querySelectorAll('ol.acts button')[Number(e.key) - 1]?.click();
  }, true);

  document.addEventListener('htmx:afterSettle', settle);
  document.addEventListener('cowscope:rest', settle);
  // a page that is being opened has more urgent things to do
  if (document.readyState === 'complete') settle();
  else addEventListener('load', settle);
})();
