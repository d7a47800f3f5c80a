// A click on a candidate goes on with it. A script of a gr.HTML: `element` and `trigger` are Gradio's.
element.addEventListener('click', event => {
  const row = event.target.closest('.tsu-bar[data-candidate], .tsu-share[data-candidate], .next-pick button');
  if (row) trigger('select', {token: +row.dataset.candidate});
});
