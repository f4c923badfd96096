// A step takes the place of the one before it: what both have stays where it is, so that the browser
// styles, lays out and paints only what differs, and panes keep their place and what has the focus.
'use strict';
(() => {
  const keyOf = node => node.id || node.dataset?.sel || '';
  const alike = (old, fresh) => old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
  // Lines and links, of which most are the same in the next step: those are not even parsed again.
  const LINE = /<(li|a)\b[^>]*>.*?<\/\1>/gs;
  const texts = new WeakMap(); // what a line was parsed from
  const ARRIVES = '.chg, .chgflag, .copywire, .copytip'; // fades in where it was not before

  function attributes(old, fresh) {
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) {
      const opened = name === 'open' && !old.matches('.menu'); // a menu closes once it is used
      if (!fresh.hasAttribute(name) && !opened) old.removeAttribute(name);
    }
    const typed = old === document.activeElement && old.type !== 'range';
    if (old.localName === 'input' && fresh.hasAttribute('value') && !typed) old.value = fresh.getAttribute('value');
  }

  function become(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
    if ('own' in old.dataset) return; // filled by a script: no step has anything to say about it
    if (texts.has(fresh)) texts.set(old, texts.get(fresh));
    else texts.delete(old);
    attributes(old, fresh);
    children(old, fresh);
  }

  const same = (old, fresh) => old === fresh || (!taken.has(old) && !around.has(old) && old.isEqualNode(fresh));
  function children(old, fresh) {
    const had = [...old.childNodes];
    const has = Array.from(fresh.childNodes, line);
    let start = 0;
    while (start < had.length && start < has.length && same(had[start], has[start])) start += 1;
    let [end, until] = [had.length, has.length];
    while (end > start && until > start && same(had[end - 1], has[until - 1])) { end -= 1; until -= 1; }
    const spare = new Set(had.slice(start, end));
    const keyed = new Map();
    const plain = [];
    for (const node of spare) {
      if (taken.has(node)) continue;
      if (keyOf(node)) keyed.set(keyOf(node), node);
      else plain.push(node);
    }
    const pairs = has.slice(start, until).map(node => {
      if (taken.has(node)) { spare.delete(node); return [node, node]; }
      const found = keyOf(node) ? keyed.get(keyOf(node)) : plain.shift();
      const fits = found && spare.has(found) && (same(found, node) || (alike(found, node) && !node.matches?.(ARRIVES)));
      if (fits) spare.delete(found);
      return [fits ? found : node, node];
    });
    for (const node of spare) node.remove();
    let at = start ? had[start - 1].nextSibling : old.firstChild;
    for (const [placed, node] of pairs) {
      if (placed === at) at = at.nextSibling;
      else old.insertBefore(placed, at);
      if (!same(placed, node)) become(placed, node);
      else if (!taken.has(node)) for (const place of node.querySelectorAll?.('x-line') || []) place.replaceWith(line(place));
    }
  }

  // A line whose text is on the page is replaced by a place for it, any other is marked.
  let lines = [];
  let marked = [];
  let taken = new Set(); // the lines that have a place already
  let around = new Set(); // what they are taken out of
  const line = node => lines[node.dataset?.line] || node;
  function shorten(html) {
    const known = new Map();
    for (const shown of document.querySelectorAll('#explorer :is(li, a:not(li a))')) {
      const text = texts.get(shown);
      if (text) known.set(text, [...(known.get(text) || []), shown]);
    }
    [lines, marked] = [[], []];
    const short = html.replace(LINE, text => {
      if (text.indexOf('<li', 1) > 0) return text; // a list in a line
      const shown = known.get(text)?.shift();
      if (shown) return `<x-line data-line="${lines.push(shown) - 1}"></x-line>`;
      return text.replace(/^<\w+/, `$& data-marked="${marked.push(text) - 1}"`);
    });
    [taken, around] = [new Set(lines), new Set()];
    for (const shown of lines) for (let outer = shown.parentNode; outer && !around.has(outer); outer = outer.parentNode) around.add(outer);
    return short;
  }
  function unmark(fragment) {
    for (const fresh of fragment.querySelectorAll('[data-marked]')) {
      texts.set(fresh, marked[fresh.dataset.marked]);
      fresh.removeAttribute('data-marked');
    }
  }

  const learn = () => window.htmx?.defineExtension('step', {
    transformResponse: html => (html.startsWith('<div class="p-') ? shorten(html) : html),
    handleSwap(style, target, fragment) {
      if (style !== 'step') return false;
      unmark(fragment);
      become(target, fragment.firstElementChild);
      for (const asking of target.querySelectorAll('[hx-get]')) window.htmx.process(asking);
      return true;
    },
  });
  learn();
  addEventListener('cowscope:htmx', learn);
})();
