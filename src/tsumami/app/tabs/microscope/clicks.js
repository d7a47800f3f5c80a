// A click on a row, or Enter on it, chooses it; its buttons close it or put it beside what is shown. tab.py fills in what
// a row's number is called in its data. A script of a gr.HTML: `element` and `trigger` are Gradio's.
const go = event => {
  const button = event.target.closest('[data-close], [data-beside]'), row = event.target.closest('[data-@name]');
  if (button) trigger('select', {...button.dataset});
  else if (row) trigger('select', {to: +row.dataset['@name']});
};
const reach = () => { for (const row of element.querySelectorAll('tr[data-@name]')) row.tabIndex = 0; };
element.addEventListener('click', go);
watch(['value'], reach);
element.addEventListener('keydown', event => { if (event.key === 'Enter') go(event); });
