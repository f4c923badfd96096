// Comparing: on a narrow screen the timeline scrolls to the cursor. All else is in cowscope.js.
'use strict';
(() => {
  const follow = () => {
    const lanes = document.querySelector('.cline #lanes');
    const cursor = lanes?.querySelector('.tl:not(.tl-all) .tl-cur');
    if (!cursor || lanes.scrollWidth <= lanes.clientWidth) return;
    const [mark, view] = [cursor.getBoundingClientRect(), lanes.getBoundingClientRect()];
    lanes.scrollLeft += mark.left + mark.width / 2 - view.left - view.width / 2;
  };
  document.addEventListener('htmx:afterSettle', follow);
  follow();
})();
