// The button of an empty tab. A script of a gr.HTML: `element` and `trigger` are Gradio's.
element.addEventListener('click', event => { if (event.target.closest('.empty-do')) trigger('select', {}); });
