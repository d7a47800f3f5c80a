// Chooses a system prompt, and keeps the reader's own in the browser. `props.value` is the text that was chosen.
// A script of a gr.HTML: `element`, `props` and `trigger` are Gradio's; system_prompts.py puts `words` before it.
const KEPT = 'tsumami-system-prompts';
const choice = element.querySelector('.prompts-pick'), name = element.querySelector('.prompts-name');
const save = element.querySelector('.prompts-save'), forget = element.querySelector('.prompts-forget');
const said = element.querySelector('.prompts-said');
const written = () => document.querySelector('#system textarea')?.value ?? '';

function own() {
  try {
    const found = Object.entries(JSON.parse(localStorage.getItem(KEPT)) ?? {});
    return new Map(found.filter(([, text]) => typeof text === 'string'));
  } catch { return new Map(); }
}
function keep(prompts) {
  localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(prompts)));
  draw();
}
function group(title, entries, kind) {
  const made = document.createElement('optgroup');
  made.label = title;
  made.append(...entries.map(([label, text]) => {
    const option = new Option(label, `${kind}:${label}`);
    option.title = text;
    option.prompt = text;
    return option;
  }));
  return made;
}
function draw(chosen = '') {
  const mine = [...own()];
  choice.replaceChildren(new Option(words.choose, ''));
  if (mine.length) choice.append(group(words.own, mine, 'own'));
  choice.append(group(words.ready, words.ready_made, 'ready'));
  choice.value = chosen;
  if (choice.selectedIndex < 0) choice.value = '';
  forget.hidden = !choice.value.startsWith('own:');
}
choice.addEventListener('change', () => {
  said.textContent = '';
  forget.hidden = !choice.value.startsWith('own:');
  const [option] = choice.selectedOptions;
  if (!option?.value) return;
  props.value = option.prompt;
  setTimeout(() => trigger('select'), 0);
});
choice.addEventListener('pointerdown', () => { if (!choice.value) draw(); });  // another window may have saved some
save.addEventListener('click', () => {
  if (!written().trim()) { said.textContent = words.nothing; return; }
  said.textContent = '';
  name.hidden = false;
  name.value = choice.value.startsWith('own:') ? choice.value.slice(4) : '';
  name.focus();
});
function close() {
  name.hidden = true;
  save.focus();
}
name.addEventListener('keydown', event => {
  if (event.key === 'Escape') { event.stopPropagation(); close(); }
  if (event.key !== 'Enter' || event.isComposing || !name.value.trim()) return;
  event.preventDefault();  // else it presses the button that gets the focus
  const called = name.value.trim();
  keep(own().set(called, written()));
  draw(`own:${called}`);
  said.textContent = words.saved.replace('{name}', called);
  close();
});
forget.addEventListener('click', () => {
  const mine = own();
  mine.delete(choice.value.slice(4));
  keep(mine);
  choice.focus();
});
for (const [button, text] of [[save, 'save'], [forget, 'forget']]) {
  button.textContent = words[text];
  button.title = words[`${text}_about`];
}
choice.setAttribute('aria-label', words.choose);
name.setAttribute('aria-label', words.name);
name.placeholder = words.name;
draw();
