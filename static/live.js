// A room's news: one stream for this tab while it can be seen, polling where streams do not pass.
'use strict';
window.cowscopeLive = ({ code, as, seen, keep, onState, onHere, onOver }) => {
  const SILENCE = 40_000; // ms; the server says something every 15 s
  const OPENING = 8_000; // a browser's seventh connection to a server waits for ever
  const POLL = 2_000;
  const AGAIN = 60_000; // ms of polling after which a stream is tried again
  const WORST = 15; // s between two tries
  let after = seen;
  let source = null;
  let tries = 0;
  let timer = 0;
  let watchdog = 0;
  let leader = true;
  let connected = '';
  let over = false;

  function say(words, tone) {
    const live = document.getElementById('live');
    if (!live) return;
    if (live.textContent !== words) live.textContent = words;
    live.dataset.tone = tone;
  }
  function show() {
    if (connected && leader) say(connected, 'good');
    else if (connected) say('The leader is offline', 'warn');
  }

  function take(state) {
    if (state.seq <= after && state.seq !== seen) return;
    after = Math.max(after, state.seq);
    onState(state);
  }
  function here(counts) {
    leader = counts.leader;
    onHere(counts);
    show();
  }
  function end() {
    over = true;
    stop();
    say('The room is over', 'warn');
    onOver?.();
  }

  function stop() {
    source?.close();
    source = null;
    clearTimeout(timer);
    clearTimeout(watchdog);
    connected = '';
  }
  function feed(patience = SILENCE) {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, patience);
  }

  function open() {
    if (over || source || (document.hidden && !keep)) return;
    stop();
    source = new EventSource(`/w/${code}/events?as=${as}&after=${after}`);
    feed(OPENING);
    source.addEventListener('open', () => { tries = 0; connected = 'Live'; feed(); show(); });
    source.addEventListener('state', e => { feed(); take(JSON.parse(e.data)); });
    source.addEventListener('here', e => { feed(); here(JSON.parse(e.data)); });
    source.addEventListener('beat', () => feed());
    source.addEventListener('over', end);
    source.addEventListener('error', lost);
  }
  function lost() {
    stop();
    if (over) return;
    tries += 1;
    if (tries > 4) { ask(AGAIN / POLL); return; }
    const most = Math.min(WORST, 2 ** tries);
    count(Math.max(1, Math.round(most * (0.5 + Math.random() / 2))));
  }
  function count(seconds) {
    if (seconds <= 0) { open(); return; }
    say(`Reconnecting (${seconds} s)`, 'warn');
    timer = setTimeout(count, 1000, seconds - 1);
  }

  // without a stream: every two seconds, in words that say so
  async function ask(rounds) {
    if (over || source || (document.hidden && !keep)) return;
    if (rounds <= 0) { tries = 4; open(); return; }
    let wait = POLL * (0.8 + Math.random() * 0.4);
    try {
      const answer = await fetch(`/w/${code}/state.json?as=${as}`, { headers: { Accept: 'application/json' } });
      if (answer.status === 404 || answer.status === 410) { end(); return; }
      if (!answer.ok) throw new Error(answer.status);
      const found = await answer.json();
      connected = 'Live (asks every 2 s)';
      take(found.state);
      here(found.here);
    } catch {
      connected = '';
      wait = 5000;
      say('Not connected. What you see stays', 'warn');
    }
    timer = setTimeout(ask, wait, rounds - 1);
  }

  document.addEventListener('visibilitychange', () => {
    if (keep) return;
    if (document.hidden) stop();
    else { tries = 0; open(); }
  });
  addEventListener('pagehide', stop);
  addEventListener('pageshow', e => { if (e.persisted) open(); });
  addEventListener('offline', () => { stop(); say('No network. What you see stays', 'warn'); });
  addEventListener('online', () => { tries = 0; open(); });
  open();
  return { show };
};
