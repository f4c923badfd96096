// A step takes the place of the one before it: Idiomorph leaves what both have where it is, so that
// panes keep their place and what has the focus, and the browser draws only what differs.
'use strict';
(() => {
  const typed = node => node === document.activeElement && node.matches('input:not([type=range])');
  const callbacks = {
    // what a script fills, no step has anything to say about; nor about what is being typed
    beforeNodeMorphed: old => old.nodeType !== Node.ELEMENT_NODE || !('own' in old.dataset || typed(old)),
    // what the reader opened stays open; a menu closes once it is used
    beforeAttributeUpdated: (name, node, kind) => kind !== 'remove' || name !== 'open' || node.matches('.menu'),
  };
  const learn = () => window.htmx?.defineExtension('step', {
    handleSwap(style, target, fragment) {
      if (style !== 'step') return false;
      Idiomorph.morph(target, fragment.firstElementChild, { morphStyle: 'outerHTML', callbacks });
      for (const asking of target.querySelectorAll('[hx-get]')) window.htmx.process(asking);
      return true;
    },
  });
  learn();
  addEventListener('cowscope:htmx', learn);
})();
