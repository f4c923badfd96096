// Comparing: the timeline scrolls to the cursor, and what differs comes into view.
// All else is in cowscope.js and select.js.
'use strict';
(() => {
  const follow = () => {
    const lanes = document.querySelector('.cline #lanes');
    const cursor = lanes?.querySelector('.tl:not(.tl-all) .tl-cur');
    if (!cursor || lanes.scrollWidth <= lanes.clientWidth) return;
    const [mark, view] = [cursor.getBoundingClientRect(), lanes.getBoundingClientRect()];
    lanes.scrollLeft += mark.left + mark.width / 2 - view.left - view.width / 2;
  };
  const seen = mark => {
    const { top, bottom } = mark.getBoundingClientRect();
    return top > document.querySelector('.cline').getBoundingClientRect().bottom && bottom < innerHeight;
  };
  const reveal = () => {
    const marks = [...document.querySelectorAll('.side .mem .ne')].filter(m => m.getClientRects().length);
    const parting = document.querySelector('.chead.parting');
    if (parting && marks.length && !marks.some(seen)) marks[0].scrollIntoView({ block: 'center', inline: 'nearest' });
  };
  // links that leave the comparison take the selection along, by the name that it has there
  const RIGHT = 'right:';
  const bare = link => link.getAttribute('href').split('?')[0];
  const hidden = way => document.querySelector('#explorer').dataset[`hide${way}`] || '';
  const lead = (link, sel, way) => link?.setAttribute('href', bare(link) + queryOf({ ...shared(), sel, hide: hidden(way) }));
  function along() {
    const own = side => document.querySelector(`#inspector [data-side=${side}]`)?.dataset.sel || '';
    for (const side of ['left', 'right']) lead(document.querySelector(`.side.${side} .alone`), own(side), side === 'left' ? 'Left' : 'Right');
    const theirs = name => (/^[fs]\d/.test(name) ? RIGHT + name : name);
    lead(document.querySelector('#swap'), own('right') || theirs(own('left')), 'Swapped');
    for (const twin of document.querySelectorAll('.cdiff header a')) twin.setAttribute('href', bare(twin) + queryOf({ sel: view.sel }));
    for (const way of document.querySelectorAll('#explorer [data-keeps]')) {
      const left = way.dataset.keeps === 'left';
      const kept = left ? own('left') : theirs(own('right'));
      const name = way.matches('form') ? 'action' : 'href';
      way.setAttribute(name, way.getAttribute(name).split('?')[0] + queryOf({ ...shared(), sel: kept, hide: hidden(left ? 'Left' : 'KeptRight') }));
    }
  }
  for (const changed of ['cowscope:selected', 'cowscope:view']) document.addEventListener(changed, along);
  document.addEventListener('htmx:afterSettle', () => { follow(); reveal(); along(); });
  follow();
})();
