// Takes a settings file that is dropped on the page while the knobs are in sight, and hands it to the button that loads
// one; what takes files itself has said so before it comes here. A script of a gr.HTML: `element` and `props` are
// Gradio's.
const knobs = () => document.querySelector('#knobs');
const ours = event => !event.defaultPrevented && event.dataTransfer?.types.includes('Files') && knobs()?.offsetParent;
const mark = on => knobs()?.classList.toggle('taking', on);
document.addEventListener('dragover', event => {
  if (!ours(event)) return;
  event.preventDefault();
  mark(true);
});
document.addEventListener('dragleave', event => { if (!event.relatedTarget) mark(false); });
document.addEventListener('drop', event => {
  mark(false);
  if (!ours(event)) return;
  event.preventDefault();
  const input = document.querySelector('#settings-file')?.parentElement.querySelector('input[type=file]');
  if (!input || !event.dataTransfer.files.length) return;
  const one = new DataTransfer();
  one.items.add(event.dataTransfer.files[0]);
  input.files = one.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
});
element.addEventListener('click', event => {
  if (event.target.closest('button')?.dataset.do === 'hide') props.value = '';
});
