// A member of a room: follows the leader's step, wanders off and comes back, predicts.
'use strict';
(() => {
  const room = document.getElementById('room');
  if (!room) return;
  const { code, leader } = room.dataset;
  const box = document.getElementById('poll');
  let state = JSON.parse(room.dataset.state);
  let following = room.dataset.following === 'yes';
  let counts = null;
  let mine = null; // the request that following makes, so that it is not taken for the reader's
  let notice = '';

  // -- where this screen is
  const at = () => {
    const explorer = document.getElementById('explorer');
    return { base: explorer?.dataset.base, step: Number(explorer?.dataset.step) };
  };
  const there = () => at().base === `/r/${state.run}` && at().step === state.step;

  function behind() {
    if (at().base !== `/r/${state.run}`) return 'In another part or policy';
    const steps = state.step - at().step;
    if (steps === 0) return "At the leader's step";
    return `${Math.abs(steps)} step${Math.abs(steps) === 1 ? '' : 's'} ${steps > 0 ? 'behind' : 'ahead'}`;
  }
  function show() {
    const where = room.querySelector('[data-where]');
    const held = state.locked ? ' · held here' : '';
    const words = notice || (following ? `Following ${leader} · step ${state.step} of ${state.last}${held}` : behind());
    if (where.textContent !== words) where.textContent = words;
    document.getElementById('leave').hidden = !following || state.locked;
    document.getElementById('rejoin').hidden = following;
    document.body.classList.toggle('following', following);
    const curtain = document.getElementById('curtain');
    curtain.hidden = !(state.blank && following);
    room.querySelector('[data-here]').textContent = counts ? `${counts.here} here` : '';
    const answered = box.querySelector('[data-answered]');
    if (answered && counts) answered.textContent = `${counts.answered} of ${counts.here} answered`;
  }

  function follow() {
    if (!following) return;
    if (there()) { point(); return; }
    if (!window.htmx) return; // it is on its way: cowscope:htmx comes when it is there
    mine = `/r/${state.run}/${state.step}`;
    // An older step that is still on its way is given up: htmx would ask for this one only after it.
    window.htmx.trigger(room, 'htmx:abort');
    window.htmx.ajax('GET', mine, { source: room, target: '#explorer', swap: 'step show:none' }).catch(() => {});
  }
  function point() {
    const { sel } = state;
    const picture = document.querySelector('#draw .mem');
    const pick = [...document.querySelectorAll('#draw .pick')].find(one => one.dataset.sel === sel);
    const labels = (pick?.dataset.link || sel).split(' ');
    picture?.classList.toggle('has-link', Boolean(sel));
    for (const mark of document.querySelectorAll('#draw .lk')) mark.classList.toggle('is-linked', Boolean(sel) && labels.includes(mark.dataset.link));
    for (const one of document.querySelectorAll('#draw .pick')) one.classList.toggle('is-sel', one === pick);
    for (const link of document.querySelectorAll('#tables a')) {
      if (sel && link.getAttribute('href') === `?sel=${sel}`) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }
  // A pointer that leaves a mark leaves what the reader has selected himself; that is nothing here.
  document.addEventListener('mouseout', e => { if (following && state.sel && e.target.closest?.('#draw .pick, #draw .lk')) point(); });
  function address() {
    const own = at();
    const path = following || own.base !== `/r/${state.run}` ? `/w/${code}` : `/w/${code}?item=${state.item}&step=${own.step}`;
    if (location.pathname + location.search !== path) history.replaceState(history.state, '', path);
  }
  function leave(words = '') {
    if (!following) return;
    following = false;
    notice = words;
    show();
    address();
  }
  function rejoin() {
    following = true;
    notice = '';
    show();
    follow();
    address();
  }
  document.getElementById('leave').addEventListener('click', e => { e.preventDefault(); leave(); });
  document.getElementById('rejoin').addEventListener('click', e => { e.preventDefault(); rejoin(); });
  document.addEventListener('keydown', e => {
    if (e.key === 'Escape' && following && !state.locked && !e.target.closest('input, textarea, dialog')) leave();
  });

  // -- stepping oneself leaves, unless everybody is held; the address stays the room's
  document.addEventListener('htmx:configRequest', e => {
    const inside = e.detail.path.match(/^\/w\/[A-Z]+\?item=(\d+)&step=(\d+)$/);
    if (inside && Number(inside[1]) === Number(room.dataset.item)) e.detail.path = `/r/${room.dataset.run}/${inside[2]}`;
    if (e.detail.path === mine && e.detail.elt === room) return;
    if (!e.detail.path.startsWith('/r/') || e.detail.verb !== 'get') return;
    if (state.locked) {
      e.preventDefault();
      notice = `${leader} holds everybody at this step`;
      show();
      setTimeout(() => { notice = ''; show(); }, 3000);
    } else leave();
  });
  document.body.addEventListener('htmx:beforeHistoryUpdate', e => { e.detail.history.type = 'replace'; e.detail.history.path = `/w/${code}`; });
  document.addEventListener('htmx:afterSettle', () => { show(); address(); if (following) point(); });
  // An answer that does not come is no reason to leave the room.
  addEventListener('htmx:responseError', e => {
    if (e.detail.elt !== room) return;
    e.stopImmediatePropagation();
    setTimeout(follow, 2000);
  }, true);
  addEventListener('cowscope:htmx', follow);

  // -- predictions
  const KEY = `cowscope.room.${code}`;
  let asking = 0;
  async function pull() {
    const mark = asking += 1;
    if (!state.poll) { box.replaceChildren(); box.hidden = true; return; }
    await new Promise(done => setTimeout(done, Math.random() * 400)); // hundreds ask at once
    try {
      const answer = await fetch(`/w/${code}/poll`);
      if (!answer.ok) throw new Error(answer.status);
      const html = await answer.text();
      if (mark !== asking) return;
      box.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes);
      box.hidden = !box.querySelector('[data-poll]');
      show();
      resend();
    } catch {
      if (mark === asking) setTimeout(pull, 2000);
    }
  }
  const told = words => { const kept = box.querySelector('[data-kept]'); if (kept) kept.textContent = words; };
  let sending = false;
  function keep(body) {
    try {
      if (body) sessionStorage.setItem(KEY, body);
      else sessionStorage.removeItem(KEY);
    } catch { /* no storage: it is sent again while this page lives */ }
    unsent = body;
  }
  let unsent = '';
  try { unsent = sessionStorage.getItem(KEY) || ''; } catch { /* as above */ }

  async function resend() {
    if (!unsent || sending) return;
    sending = true;
    for (let wait = 500; unsent; wait = Math.min(8000, wait * 2)) {
      const body = unsent;
      if (new URLSearchParams(body).get('poll') !== String(state.poll?.n)) { keep(''); break; }
      try {
        const answer = await fetch(`/w/${code}/answer`, {
          method: 'POST', body, headers: { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' },
        });
        if (answer.ok) {
          if (unsent === body) keep('');
          told('Your answer is kept. You can change it until it is closed.');
          const button = box.querySelector('.go button');
          if (button) button.textContent = 'Change my answer';
          continue;
        }
        if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
          keep('');
          const words = (await answer.json().catch(() => ({}))).detail;
          told(words || 'The answer was not taken.');
          break;
        }
      } catch { /* not connected */ }
      told('Not connected, your answer is kept here and sent again.');
      await new Promise(done => setTimeout(done, wait * (0.5 + Math.random())));
    }
    sending = false;
  }
  document.addEventListener('submit', e => {
    if (e.target.dataset.act !== 'answer') return;
    e.preventDefault();
    keep(new URLSearchParams(new FormData(e.target)).toString());
    told('Sending …');
    resend();
  });

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  cowscopeLive({
    code, as: 'member', seen: state.seq,
    onState(next) {
      const asked = !same(next.poll, state.poll);
      state = next;
      if (state.locked && !following) rejoin();
      show();
      follow();
      if (asked) pull();
    },
    onHere(next) { counts = next; show(); },
    onOver() { location.reload(); },
  });
  show();
  follow();
  resend();
})();
