// Chooses what the lanes are explained from; says at once that it is being looked into.
// A script of a gr.HTML: `element` and `trigger` are Gradio's; tab.py fills in the words.
element.addEventListener('click', event => {
  const button = event.target.closest('[data-to]');
  if (!button) return;
  for (const one of element.querySelectorAll('[data-to]')) one.setAttribute('aria-pressed', one === button);
  element.querySelector('h2').textContent = '@looking';
  trigger('select', {to: button.dataset.to});
});
