// The projector: shows the room's step, and takes a clicker's keys when its browser leads.
'use strict';
(() => {
  const stage = () => document.getElementById('stage');
  if (!stage()) return;
  const { code } = stage().dataset;
  let state = JSON.parse(stage().dataset.state);
  let counts = null;
  let asked = 0;

  async function pull() {
    const mark = asked += 1;
    try {
      const answer = await fetch(`/w/${code}/stage`);
      if (!answer.ok) throw new Error(answer.status);
      const html = await answer.text();
      if (mark !== asked) return;
      const next = new DOMParser().parseFromString(html, 'text/html').getElementById('stage');
      const live = document.getElementById('live');
      next.querySelector('#live')?.replaceWith(live);
      const drive = document.activeElement?.closest('.sdrive') ? document.activeElement.name + document.activeElement.getAttribute('aria-keyshortcuts') : '';
      stage().replaceWith(next);
      if (drive) for (const button of next.querySelectorAll('.sdrive button')) if (button.name + button.getAttribute('aria-keyshortcuts') === drive) button.focus();
      show();
    } catch {
      if (mark === asked) setTimeout(pull, 1500);
    }
  }
  function show() {
    for (const picture of document.querySelectorAll('.mem')) {
      picture.classList.toggle('has-link', Boolean(state.sel));
      for (const link of picture.querySelectorAll('.lk')) link.classList.toggle('is-linked', Boolean(state.sel) && link.dataset.link === state.sel);
    }
    const answered = document.querySelector('#stage [data-answered]');
    if (answered && counts) answered.textContent = `${counts.answered} of ${counts.here} answered`;
    const live = document.getElementById('live');
    if (counts && live.textContent === 'Live') live.textContent = `${counts.here} here`;
  }

  // the clicker: the same buttons, without loading the page anew
  document.addEventListener('submit', async e => {
    if (!e.target.matches('.sdrive')) return;
    e.preventDefault();
    // The buttons are the picture's, and the room may be further than its picture.
    const { name, value } = e.submitter;
    const by = Number(value) - JSON.parse(stage().dataset.state).step;
    const wanted = name === 'step' ? Math.min(Math.max(state.step + by, 0), state.last) : state.blank ? 'off' : 'on';
    const body = new URLSearchParams({ from: 'stage', [name]: wanted });
    const headers = { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' };
    try {
      const answer = await fetch(`/w/${code}/lead`, { method: 'POST', body, headers });
      if (answer.status === 403) location.reload(); // it was handed over
    } catch {
      document.getElementById('live').textContent = 'Not connected. Press again';
    }
  });

  cowscopeLive({
    code, as: 'stage', seen: state.seq,
    onState(next) { state = next; stage().classList.toggle('blank', next.blank); pull(); },
    onHere(next) { counts = next; setTimeout(show); },
    onOver() { location.reload(); },
  });
  show();
})();
