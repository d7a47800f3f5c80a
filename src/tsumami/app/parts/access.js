// What Gradio's own markup lacks for keyboards and screen readers, mended in this one place: names in the page's
// language, arrow keys that go from tab to tab, and no motion for who wants none.
(() => {
  const NAMES = JSON.parse('@names');  // what Gradio names not at all, or in another language: a selector and a name each

  const FOR = '[aria-label^="range slider for "], [aria-label^="number input for "]';

  // --- names: soon of what has come, and of all there is once nothing more comes
  function name(root) {
    const each = (where, act) => { if (root.matches?.(where)) act(root); root.querySelectorAll(where).forEach(act); };
    for (const [where, what] of NAMES) each(where, one => { if (one.ariaLabel !== what) one.ariaLabel = what; });
    each('footer img', one => { one.alt = ''; });  // its words stand beside it
    each(FOR, one => { one.ariaLabel = one.ariaLabel.replace(/^.*? for /, ''); });
  }
  const fresh = new Set();
  let waiting = false, quiet = null;
  function came(records) {
    for (const {addedNodes} of records) for (const one of addedNodes) if (one.nodeType === Node.ELEMENT_NODE) fresh.add(one);
    clearTimeout(quiet);
    quiet = setTimeout(() => name(document), 300);
    if (waiting || !fresh.size) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      for (const one of fresh) if (one.isConnected) name(one);
      fresh.clear();
    }, 50);
  }

  // --- motion: also of what Gradio lays over the page, where our style sheets do not reach
  document.head.insertAdjacentHTML('beforeend', `<style>@media (prefers-reduced-motion: reduce) { *, *::before, *::after {
    animation-duration: .01ms !important; animation-iteration-count: 1 !important; transition-duration: .01ms !important;
    scroll-behavior: auto !important; } }</style>`);

  // --- keys
  const visible = tab => !tab.disabled && tab.getClientRects().length > 0;
  document.addEventListener('keydown', event => {
    const here = event.target.closest?.('[role=tab]'), list = here?.closest('[role=tablist]');
    if (!list || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const tabs = [...list.querySelectorAll('[role=tab]')].filter(visible), at = tabs.indexOf(here);
    const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.click();
    next.focus();
  });

  new MutationObserver(came).observe(document.documentElement, {childList: true, subtree: true});
})();
