// Steps a run inside one file: its data is the JSON beside this script, nothing is ever fetched.
'use strict';
(() => {
  const byId = id => document.getElementById(id);
  const { first, steps, pool, url, query } = JSON.parse(byId('run').textContent);
  const last = first + steps.length - 1;
  let now = -1;

  const element = (name, words, css) => {
    const made = document.createElement(name);
    made.textContent = words;
    if (css) made.className = css;
    return made;
  };

  function show(wanted) {
    const number = Math.min(last, Math.max(first, wanted));
    if (number === now) return;
    now = number;
    const step = steps[number - first];
    byId('draw').innerHTML = step.marks.map(mark => pool[mark]).join('');
    byId('number').textContent = number;
    byId('command').textContent = step.command;
    byId('lead').textContent = step.lead;
    byId('alarm').hidden = !step.alarm;
    byId('alarm').textContent = step.alarm && `✗ ${step.alarm}: ${step.lead}`;
    byId('changes').replaceChildren(...step.changes.slice(0, 6).map(([what, words]) => {
      const line = element('li', '');
      line.append(element('span', 'Δ', 'd'), ' ', element('code', what), ` ${words}`);
      return line;
    }));
    byId('why').replaceChildren(...step.why.map(([title, text, because], at) => {
      const line = element('li', '');
      const body = element('div', '');
      body.append(element('b', title), element('p', text));
      if (because) { const p = element('p', '', 'because'); p.append(element('code', because)); body.append(p); }
      line.append(element('span', at + 1, 'mi'), body);
      return line;
    }));
    for (const line of byId('steps').children) {
      const here = Number(line.dataset.step) === number;
      line.toggleAttribute('aria-current', here);
      if (here) {
        line.setAttribute('aria-current', 'step');
        byId('steps').scrollTop = line.offsetTop - byId('steps').offsetTop - byId('steps').clientHeight / 2;
      }
    }
    byId('scrub').value = number;
    byId('scrub').setAttribute('aria-valuetext', `Step ${number}: ${step.command}`);
    byId('online').href = `${url}/${number}${query}`;
    for (const button of document.querySelectorAll('[data-go]')) {
      button.disabled = /first|previous/.test(button.dataset.go) ? number === first : number === last;
    }
  }

  const go = { first: () => first, previous: () => now - 1, next: () => now + 1, last: () => last };
  const find = (from, by, good) => {
    for (let at = from + by; at >= first && at <= last; at += by) if (good(steps[at - first])) return at;
    return now;
  };
  const keys = {
    ArrowRight: go.next, l: go.next, j: go.next, ArrowLeft: go.previous, h: go.previous, k: go.previous,
    Home: go.first, End: go.last, v: () => find(now, 1, step => step.alarm),
    'Shift+ArrowRight': () => find(now, 1, step => step.marked), 'Shift+ArrowLeft': () => find(now, -1, step => step.marked),
  };
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === 'range') return;
    const key = (event.shiftKey && event.key.startsWith('Arrow') ? 'Shift+' : '') + event.key;
    if (!Object.hasOwn(keys, key)) return;
    event.preventDefault();
    jump(keys[key]());
  });

  // The number after # is the address of a step: it can be bookmarked. A step never adds to the history.
  function jump(number) {
    show(number);
    try { history.replaceState(null, '', `#${now}`); } catch { /* some viewers of files refuse it */ }
  }
  const asked = () => (/^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) : first);
  addEventListener('hashchange', () => show(asked()));
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-go]');
    if (button) jump(go[button.dataset.go]());
  });
  byId('scrub').addEventListener('input', event => jump(Number(event.target.value)));
  byId('controls').hidden = false;
  show(asked());
})();
