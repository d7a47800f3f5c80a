// The offer of another model: one press loads it, another one puts the words away for good.
// A script of a gr.HTML: `element` and `trigger` are Gradio's; model_offer.py fills in the words.
const HIDDEN = 'tsumami-offer-hidden';
const hide = () => element.toggleAttribute('data-hidden', localStorage.getItem(HIDDEN) !== null);
element.addEventListener('click', event => {
  const {do: does} = event.target.closest('button')?.dataset ?? {};
  if (does === 'hide') { localStorage.setItem(HIDDEN, ''); hide(); }
  if (does !== 'load') return;
  event.target.disabled = true;
  event.target.textContent = '@loading…';
  trigger('select', {});
});
hide();
