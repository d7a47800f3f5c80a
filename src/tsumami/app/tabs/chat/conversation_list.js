// Draws the list of conversations: `props.value` is (JSON) what conversation_list.py gives. Names are text and never HTML.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; `words` stands before it.
const fold = element.querySelector('details'), list = element.querySelector('ul'), gone = element.querySelector('p');
const seek = element.querySelector('input');

function button(kind, text, about, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = kind;
  made.textContent = text;
  made.title = about;
  made.addEventListener('click', act);
  return made;
}
function rename(row, {key, name}) {
  const box = document.createElement('input');
  box.value = name;
  box.setAttribute('aria-label', words.rename);
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.isComposing) trigger('edit', {key, name: box.value});
    if (event.key === 'Escape') { event.stopPropagation(); draw(); }
  });
  row.replaceChildren(box);
  box.focus();
  box.select();
}
function drawn(talk) {
  const row = document.createElement('li'), when = document.createElement('time'), {key} = talk;
  const name = talk.name || words.unnamed, about = word => `${word}: ${name}`;
  const open = button('talk-open', name, talk.here ? words.here : name, () => trigger('select', {key}));
  open.translate = false;
  open.dir = 'auto';
  if (talk.here) open.setAttribute('aria-current', 'true');
  when.textContent = talk.when;
  const pen = button('talk-rename', '✎', about(words.rename), () => rename(row, talk));
  const bin = button('talk-forget', '✕', about(words.forget), () => trigger('delete', {key}));
  for (const one of [pen, bin]) one.setAttribute('aria-label', one.title);
  row.append(open, when, pen, bin);
  return row;
}
function sift() {
  const wanted = seek.value.toLowerCase();
  for (const row of list.children) row.hidden = !row.firstChild.textContent.toLowerCase().includes(wanted);
}
function draw() {
  const {on, talks, gone: some} = JSON.parse(props.value || '{}');
  fold.hidden = !on;
  document.body.classList.toggle('no-branches', !on);  // for log.css
  list.replaceChildren(...(talks ?? []).map(drawn));
  seek.hidden = !(talks?.length > 1);
  if (seek.hidden) seek.value = '';
  sift();
  gone.replaceChildren(some ? words.forgotten : talks?.length ? '' : words.none);
  if (some) gone.append(' ', button('talk-back', words.bring_back, words.bring_back, () => trigger('undo')));
}
fold.firstElementChild.textContent = words.title;
seek.placeholder = words.search;
seek.setAttribute('aria-label', words.search);
seek.addEventListener('input', sift);
fold.addEventListener('toggle', () => { if (fold.open) trigger('expand'); });
watch('value', draw);
draw();
