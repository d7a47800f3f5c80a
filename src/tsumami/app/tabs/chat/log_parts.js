// The small parts that the log is drawn with. log.py puts `words` before this script, and log.js after it.
function made(tag, kind, text) {
  const part = document.createElement(tag);
  part.className = kind;
  if (text !== undefined) part.textContent = text;
  return part;
}
function written(tag, kind, text = '') {
  const part = made(tag, kind);
  part.append(document.createTextNode(text));
  part.translate = false;
  part.dir = 'auto';
  return part;
}
function write(part, text) {
  const node = part.firstChild;
  if (node.data === text) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}
function button(name, act) {
  const part = made('button', `log-${name}`, words[name]);
  part.type = 'button';
  part.title = words[`${name}_about`];
  part.addEventListener('click', () => act(part));
  return part;
}
function row(kind, name, ...parts) {
  const part = made('div', `${kind}-row`);
  part.setAttribute('role', 'group');
  part.setAttribute('aria-label', name);
  part.append(...parts);
  return part;
}
async function copy(text, pressed) {
  try { await navigator.clipboard.writeText(text); } catch {  // only https and localhost have that
    const box = document.createElement('textarea');
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand('copy');
    box.remove();
  }
  pressed.classList.add('done');
  setTimeout(() => pressed.classList.remove('done'), 1200);
}
// Which of several ways is shown, with arrows to those beside it. back, on: the names of the arrows' words.
function arrows(kind, name, back, on, turn) {
  const box = made('div', kind), place = made('span', 'variant-place'), ways = {back: 0, on: 0};
  const [to, fro] = [button(back, () => turn(ways.back)), button(on, () => turn(ways.on))];
  box.append(to, place, fro);
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', name);
  box.stand = variant => {
    box.hidden = !variant;
    if (!variant) return;
    place.textContent = words.of.replace('{at}', variant.at + 1).replace('{of}', variant.of);
    Object.assign(ways, {back: variant.back, on: variant.on});
    to.disabled = !variant.back;
    fro.disabled = !variant.on;
  };
  return box;
}
// A box in place of a text, to put it differently. `does`: the name of its button's words; Enter does it, too, where
// `enter` says so, and Ctrl+Enter always.
function editor(value, label, does, enter, done, left) {
  const box = document.createElement('textarea'), tools = made('div', 'tools'), whole = made('div', 'editor');
  box.className = 'log-editing';
  box.setAttribute('aria-label', label);
  box.value = value;
  box.rows = Math.min(12, box.value.split('\n').length + 1);
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (enter ? !event.shiftKey : event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      done(box.value);
    }
    if (event.key === 'Escape') { event.stopPropagation(); left(); }
  });
  tools.append(button(does, () => done(box.value)), button('cancel', left));
  whole.append(box, tools);
  return whole;
}
