// Sharing: copy buttons on the share page, and that page's section as a dialog in the explorer.
'use strict';
(() => {
  const SAID = 2000; // ms that a button shows what came of it

  function answer(button, words) {
    const section = button.closest('.share');
    const was = button.dataset.was || button.textContent;
    button.dataset.was = was;
    button.textContent = words;
    section.querySelector('#share-says').textContent = `${was}: ${words}`;
    setTimeout(() => { button.textContent = was; }, SAID);
  }

  async function copy(button) {
    const field = button.dataset.copy && document.getElementById(button.dataset.copy);
    try {
      if (field) {
        await navigator.clipboard.writeText(field.value);
      } else {
        // The promise goes into the clipboard's hands: some browsers allow it during the click only.
        const text = fetch(button.dataset.copyFrom).then(got => {
          if (!got.ok) throw new Error(`The server answers ${got.status}`);
          return got.text();
        });
        if (window.ClipboardItem) {
          const blob = text.then(words => new Blob([words], { type: 'text/plain' }));
          await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
        } else {
          await navigator.clipboard.writeText(await text);
        }
      }
      answer(button, 'Copied');
    } catch {
      if (field) { field.focus(); field.select(); answer(button, 'Press Ctrl+C'); } // no permission, or no secure context
      else answer(button, 'Not copied');
    }
  }

  const ready = root => { for (const button of root.querySelectorAll('[data-copy], [data-copy-from]')) button.hidden = false; };

  let opening = 0;
  async function open(link) {
    const mine = opening += 1;
    let section;
    try {
      const got = await fetch(link.pathname + location.search); // with what is selected
      section = new DOMParser().parseFromString(await got.text(), 'text/html').getElementById('share');
    } catch { section = null; }
    if (mine !== opening) return;
    if (!section || !window.HTMLDialogElement) { location.assign(link.href); return; }
    const dialog = document.createElement('dialog');
    dialog.className = 'sharing';
    dialog.setAttribute('aria-labelledby', 'h-share');
    const close = document.createElement('button');
    close.className = 'btn close';
    close.type = 'button';
    close.textContent = 'Close';
    close.addEventListener('click', () => dialog.close());
    dialog.append(close, section);
    dialog.addEventListener('keydown', event => event.stopPropagation()); // the explorer's keys rest meanwhile
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener('close', () => {
      dialog.remove();
      document.getElementById(link.id)?.focus({ preventScroll: true });
    });
    document.body.append(dialog);
    ready(dialog);
    dialog.showModal();
    dialog.querySelector('#share-link').select();
  }

  document.addEventListener('click', event => {
    const button = event.target.closest('[data-copy], [data-copy-from]');
    if (button) { copy(button); return; }
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = plain && event.target.closest('a[data-act=share]');
    if (link) { event.preventDefault(); event.stopPropagation(); open(link); }
  }, true);
  ready(document);
})();
