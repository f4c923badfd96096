// Runs before the first paint: the chosen look, and htmx from here when its CDN does not answer.
'use strict';
(() => {
  const root = document.documentElement;
  const PATIENCE = 1500; // ms that the CDN has; a room without internet often drops packets silently
  const local = document.currentScript.dataset.htmx;

  root.classList.add('js');

  // A page from the browser's cache may carry the look of an earlier visit; a link may ask for one.
  const applyLook = () => {
    const asked = new URLSearchParams(location.search);
    for (const name of ['theme', 'size', 'level', 'view', 'only', 'tab', 'keys']) {
      const kept = document.cookie.match(new RegExp(`(?:^|; )${name}=(\\w+)`))?.[1];
      const wanted = ['level', 'view', 'only'].includes(name) && asked.get(name);
      const plain = ['kernel', 'drawing', 'all'].includes(wanted);
      const value = plain ? '' : wanted || kept;
      if (value) root.dataset[name] = value;
      else delete root.dataset[name];
    }
  };
  applyLook();
  addEventListener('pageshow', applyLook);

  let parsed = false;
  document.addEventListener('DOMContentLoaded', () => { parsed = true; }, { once: true });

  // htmx starts on DOMContentLoaded and misses it when it arrives after it and before `load`.
  const wake = () => {
    if (parsed && document.readyState !== 'complete') {
      document.dispatchEvent(new Event('DOMContentLoaded'));
    }
    dispatchEvent(new Event('cowscope:htmx'));
  };

  let fallen = false;
  const fall = () => {
    if (fallen || window.htmx) return;
    fallen = true;
    const cdn = document.getElementById('htmx-cdn');
    // A script whose document has changed since it was prepared never runs: no second htmx later.
    if (cdn) document.implementation.createHTMLDocument('').adoptNode(cdn);
    const script = document.createElement('script');
    script.src = local;
    script.addEventListener('load', wake);
    document.head.append(script);
  };

  document.addEventListener('error', e => { if (e.target.id === 'htmx-cdn') fall(); }, true);
  document.addEventListener('load', e => { if (e.target.id === 'htmx-cdn') wake(); }, true);
  document.addEventListener('DOMContentLoaded', () => {
    if (!document.getElementById('htmx-cdn')) fall();
  }, { once: true });
  setTimeout(fall, PATIENCE);
})();
