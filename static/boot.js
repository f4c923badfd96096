// Runs before the first paint: the chosen look, and htmx from here when its CDN does not answer.
'use strict';
(() => {
  const root = document.documentElement;
  const PATIENCE = 1500; // ms that the CDN has; a room without internet often drops packets silently
  const { htmx: local, cdn, integrity } = document.currentScript.dataset;

  root.classList.add('js');

  // A page from the browser's cache may carry the look of an earlier visit; a link may ask for one.
  const applyLook = () => {
    const asked = new URLSearchParams(location.search);
    for (const name of ['theme', 'size', 'level', 'view', 'tab', 'keys']) {
      const kept = document.cookie.match(new RegExp(`(?:^|; )${name}=(\\w+)`))?.[1];
      const wanted = ['level', 'view'].includes(name) && asked.get(name);
      const plain = ['kernel', 'drawing'].includes(wanted);
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

  const add = (src, more = {}) => {
    const script = Object.assign(document.createElement('script'), { src, ...more });
    script.addEventListener('load', wake);
    document.head.append(script);
    return script;
  };

  // A CDN that did not answer once is not asked again by this tab.
  const silent = {
    get: () => { try { return sessionStorage.getItem('cdn') === 'silent'; } catch { return false; } },
    set: () => { try { sessionStorage.setItem('cdn', 'silent'); } catch { /* not allowed: asked again */ } },
  };

  if (!cdn || silent.get()) { add(local); return; }
  // Only now: a script that is on its way would hold back `load`, for minutes where packets are lost.
  addEventListener('load', () => {
    let fallen = false;
    const fall = () => {
      if (fallen || window.htmx) return;
      fallen = true;
      silent.set();
      // A script whose document has changed since it was prepared never runs: no second htmx later.
      document.implementation.createHTMLDocument('').adoptNode(far);
      add(local);
    };
    const far = add(cdn, { integrity, crossOrigin: 'anonymous', referrerPolicy: 'no-referrer' });
    far.addEventListener('error', fall);
    setTimeout(fall, PATIENCE);
  }, { once: true });
})();
