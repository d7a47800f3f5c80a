// A click on a candidate, or Enter on it, goes on with it. A script of a gr.HTML: `element`, `trigger` and `watch` are
// Gradio's.
const go = event => {
  const row = event.target.closest('.tsu-bar[data-candidate], .tsu-share[data-candidate], .next-pick button');
  if (row) trigger('select', {token: +row.dataset.candidate});
};
element.addEventListener('click', go);
element.addEventListener('keydown', event => { if (event.key === 'Enter' && event.target.matches('.tsu-bar')) go(event); });
watch(['value'], () => { for (const row of element.querySelectorAll('.tsu-bar[data-candidate]')) row.tabIndex = 0; });
