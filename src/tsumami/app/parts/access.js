// What Gradio's own markup lacks for keyboards and screen readers, mended in this one place: names in the page's
// language, arrow keys that go from tab to tab, and no motion for who wants none.
(() => {
  const NAMES = JSON.parse('@names');  // what Gradio names not at all, or in another language: a selector and a name each

  const FOR = '[aria-label^="range slider for "], [aria-label^="number input for "]';

  // --- names
  function name() {
    for (const [where, what] of NAMES) {
      for (const one of document.querySelectorAll(where)) if (one.ariaLabel !== what) one.ariaLabel = what;
    }
    for (const one of document.querySelectorAll('footer img')) one.alt = '';  // its words stand beside it
    for (const one of document.querySelectorAll(FOR)) one.ariaLabel = one.ariaLabel.replace(/^.*? for /, '');
  }
  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; name(); }, 50);
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

  new MutationObserver(soon).observe(document.documentElement, {childList: true, subtree: true});
})();
