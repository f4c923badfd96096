// Predictions and the course: what was answered is remembered in this browser, and only here.
'use strict';
(() => {
  const KEY = 'cowscope.learn';
  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY));
      return kept && typeof kept === 'object' && !Array.isArray(kept) ? kept : {};
    } catch {
      return {}; // not allowed here, or not ours
    }
  }
  function save(progress) {
    try {
      localStorage.setItem(KEY, JSON.stringify(progress));
    } catch {
      // no storage: the course works, it only forgets
    }
  }

  function remember() {
    const progress = load();
    for (const question of document.querySelectorAll('.question[data-answered]')) {
      const { question: id, answered } = question.dataset;
      if (progress[id] !== 'right') progress[id] = answered;
    }
    save(progress);
  }

  function show() {
    const bar = document.getElementById('progress');
    if (!bar) return;
    const progress = load();
    let done = 0;
    for (const lesson of document.querySelectorAll('[data-questions]')) {
      const ids = lesson.dataset.questions.split(' ');
      const right = ids.filter(id => progress[id] === 'right').length;
      const begun = ids.some(id => progress[id]);
      const state = lesson.querySelector('[data-state]');
      state.textContent = right === ids.length ? '✓ done' : begun ? `${right} of ${ids.length} right` : '';
      if (right === ids.length) done += 1;
    }
    bar.hidden = Object.keys(progress).length === 0;
    bar.querySelector('[data-count]').textContent = `${done} of 12 lessons done.`;
  }

  document.getElementById('reset')?.addEventListener('click', () => {
    save({});
    show();
  });
  document.addEventListener('htmx:afterSettle', remember);
  window.addEventListener('pageshow', show); // also when the browser brings the page back as it was
  remember();
  show();
})();
