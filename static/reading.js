// Reading aids: playing, what is spoken, menus that close, and toggles that keep the focus.
// All else is in cowscope.js.
'use strict';
(() => {
  const { dataset } = root;

  // -- one live region that stays while the panes are swapped: it says each step once
  const QUIET = 1800; // ms between two captions while playing
  let spoken = 0;
  let waiting = 0;
  function speak() {
    const caption = $('#caption');
    const live = $('#spoken');
    if (!caption || !live) return;
    clearTimeout(waiting);
    const due = dataset.playing ? spoken + QUIET - performance.now() : 0;
    if (due > 0) { waiting = setTimeout(speak, due); return; }
    spoken = performance.now();
    live.textContent = caption.innerText.trim(); // of the two levels the one that is shown
  }

  // -- play: off until it is asked for; it stops at a violation, at the end, and when anybody steps
  const BEAT = 1200; // ms a step is shown at speed 1
  const SPEEDS = ['0.5', '1', '2', '4'];
  let speed = document.cookie.match(/(?:^|; )speed=([\d.]+)/)?.[1];
  if (!SPEEDS.includes(speed)) speed = '1';
  let timer = 0;

  function pause() {
    clearTimeout(timer);
    delete dataset.playing;
  }
  function beat() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const next = $('#next[href]');
      if (!next || document.hidden) pause();
      else next.click();
    }, BEAT / speed);
  }
  function arrived() {
    if (!dataset.playing) return;
    const done = $('.has-bad') || !$('#next[href]');
    if (done) pause();
    else beat();
  }
  function toggle() {
    if (dataset.playing) { pause(); speak(); return; }
    if (!window.htmx) return;
    dataset.playing = 'yes';
    const next = $('#next[href]') || $('#first[href]');
    if (next) next.click();
    else pause();
  }
  function showSpeed() {
    const button = $('#speed');
    if (button) button.querySelector('.rate').textContent = `${speed}×`;
  }

  document.addEventListener('click', e => {
    const control = e.target.closest('#play, #speed');
    if (control?.id === 'play') toggle();
    if (control?.id === 'speed') {
      speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
      document.cookie = `speed=${speed}; path=/; max-age=${YEAR}; samesite=lax`;
      showSpeed();
      if (dataset.playing) beat();
    }
    if (e.isTrusted && !control && e.target.closest('a[href], .tl, .scrub')) pause();
    for (const menu of document.querySelectorAll('.menu[open], .look[open]')) {
      if (!menu.contains(e.target)) menu.open = false;
    }
  });
  document.addEventListener('keydown', e => {
    if (e.isTrusted && /^(Arrow|Home|End|Page|[hjklv]$)/.test(e.key)) pause();
  });
  document.addEventListener('visibilitychange', () => { if (document.hidden) pause(); });
  for (const failed of ['htmx:sendError', 'htmx:responseError']) document.addEventListener(failed, pause);
  document.addEventListener('htmx:afterSettle', e => {
    if (e.detail.elt.id !== 'explorer') return;
    showSpeed();
    speak();
    arrived();
  });

  // -- a toggle gives way to its opposite: the focus goes there, and the change is said
  document.addEventListener('cowscope:look', e => {
    const button = e.detail;
    const live = $('#spoken');
    if (live) live.textContent = button.dataset.says || '';
    if (button.getClientRects().length) return;
    const pair = other => other !== button && other.name === button.name && other.getAttribute('aria-keyshortcuts') === button.getAttribute('aria-keyshortcuts');
    [...button.parentElement.querySelectorAll('[data-says]')].find(other => pair(other) && other.getClientRects().length)?.focus();
  });

  showSpeed();
})();
