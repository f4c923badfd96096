// The editor: numbers follow the typing at once, marks with the next check; an error leads to its token.
'use strict';
(() => {
  const text = document.getElementById('text');
  const box = text.closest('.edbox');
  const LEAST = 14;

  const follow = () => {
    const lines = text.value.split('\n').length;
    text.rows = Math.max(lines, LEAST);
    const numbers = document.getElementById('edlines');
    const shown = numbers.textContent.split('\n').length;
    if (shown === text.rows) return;
    numbers.textContent = Array.from({ length: text.rows }, (_, i) => i + 1).join('\n');
  };
  text.addEventListener('input', () => { box.classList.add('stale'); follow(); });
  document.addEventListener('htmx:afterSettle', () => { box.classList.remove('stale'); follow(); });
  follow();
  // What was typed, or brought back by the browser, before htmx listened is checked now.
  document.addEventListener('htmx:load', e => {
    if (e.target === document.body && text.value !== text.defaultValue) text.dispatchEvent(new Event('input'));
  });

  document.addEventListener('click', e => {
    const link = e.target.closest('#errs a[data-line]');
    if (!link) return;
    e.preventDefault();
    const [line, column, length] = ['line', 'column', 'length'].map(name => Number(link.dataset[name]));
    const before = text.value.split('\n').slice(0, line - 1).join('\n');
    const start = before.length + (line > 1 ? 1 : 0) + column - 1;
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, start + length);
    const pitch = parseFloat(getComputedStyle(box).lineHeight);
    box.scrollTop = Math.max(0, (line - 1) * pitch - box.clientHeight / 2);
    box.scrollIntoView({ block: 'nearest' });
  });
})();
