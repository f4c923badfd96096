// Comparing: the timeline scrolls to the cursor, and what differs comes into view.
// All else is in cowscope.js.
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
  document.addEventListener('htmx:afterSettle', () => { follow(); reveal(); });
  follow();
})();
