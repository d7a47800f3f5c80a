// The page is in its own language, whatever the browser's is: Gradio sets the language of its own words there.
new MutationObserver(() => {
  if (document.documentElement.lang !== '@language') document.documentElement.lang = '@language';
}).observe(document.documentElement, {attributeFilter: ['lang']});
document.documentElement.lang = '@language';
// Esc presses the Stop that stands in the open tab, or, in a tab without one, the one of the line that says that work is
// going on (busy.js).
function stop() {
  const stops = document.querySelectorAll('button.stop:not([disabled]), #busy .busy-stop:not([disabled])');
  return [...stops].find(one => one.checkVisibility({visibilityProperty: true}));
}
// While an input method composes (Japanese, Chinese …), Enter confirms the composition and must not send the message.
// Chromium reports key code 229 for the key that ends it. Listening on the way down comes before Gradio's own listener.
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.isComposing || event.keyCode === 229)) event.stopPropagation();
  if (event.key === 'Escape') stop()?.click();
}, true);
// The message box has the focus from the beginning, but the page begins at its top, however low the window is.
let touched = false;
document.addEventListener('pointerdown', () => { touched = true; }, {once: true, capture: true});
document.addEventListener('focusin', () => {
  if (!touched) requestAnimationFrame(() => window.scrollTo(0, 0));
}, {once: true});
// What positions.py restores cannot be touched before it is restored: a knob that was turned would be turned back.
document.head.insertAdjacentHTML('beforeend', '<style id="restoring">#knobs, #model-bar, #voice { visibility: hidden }</style>');
