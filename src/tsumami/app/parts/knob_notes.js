// Hands what is to be said of the knobs to the panel, and says what cannot work in a line of its own.
// A script of a gr.HTML: `element`, `props` and `watch` are Gradio's.
function say() {
  const notes = props.value;
  if (!notes?.wrong) return;
  const line = element.querySelector('p');
  line.textContent = notes.problem;
  line.hidden = !notes.problem;
  document.querySelector('.knob-panel')?.dispatchEvent(new CustomEvent('notes', {detail: notes}));
}
watch(['value'], say);
say();
