// The settings that a model's file recommends: one press uses them, another one puts the words away.
// A script of a gr.HTML: `element`, `props` and `trigger` are Gradio's.
element.addEventListener('click', event => {
  const {do: does} = event.target.closest('button')?.dataset ?? {};
  if (does === 'use') trigger('select', {});
  if (does === 'hide') props.value = '';
});
