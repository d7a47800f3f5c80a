// Draws the conversation. `props.value` lists its exchanges as view.py makes them; `props.account` is what was asked for
// when somebody unfolded the account of a reply, `props.why` when somebody asked why two replies part.
// Whatever somebody wrote comes into the page as the text of a text node (`textContent`) and in no other way (but in the
// pictures of charts, which escape it), so nothing in it is Markdown or HTML, and nothing of it is fetched. A reply grows at its end: what is marked stays marked.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; log.py puts `words` before it.
const log = element.querySelector('.log'), empty = element.querySelector('.log-empty');
const all = element.querySelector('.log-all');
const drawn = [];  // of each exchange, its parts on the page

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
function added(number) {
  const user = written('div', 'said user'), reply = written('div', 'said bot'), half = made('p', 'log-half', words.half);
  const thinking = made('details', 'thinking'), thoughts = written('div', 'thoughts');
  const account = made('details', 'account'), title = made('summary', ''), body = made('div', 'account-body');
  const several = made('div', 'variants'), why = made('div', 'explained');
  const tools = made('div', 'tools'), mine = made('div', 'tools'), box = made('section', 'exchange');
  mine.append(button('copy', pressed => copy(user.textContent, pressed)), button('edit', () => edit(number)));
  tools.append(button('copy', pressed => copy(reply.textContent, pressed)));
  const turn = by => trigger('select', {exchange: number, by}), place = made('span', 'variant-place'), says = made('code', '');
  several.append(button('earlier', () => turn(-1)), place, button('later', () => turn(1)), says, button('why', () => {
    why.textContent = words.looking;
    trigger('apply', {exchange: number});
  }));
  several.setAttribute('role', 'group');
  several.setAttribute('aria-label', words.variants);
  why.setAttribute('role', 'status');
  thinking.append(made('summary', '', words.thinking), thoughts);
  account.append(title, body);
  account.addEventListener('toggle', () => {
    if (account.open && !body.childNodes.length) trigger('expand', {exchange: number});
  });
  const answer = row('bot', words.model, thinking, reply, half, several, why, account, tools);
  box.append(row('user', words.you, user, mine), answer);
  log.append(box);
  return {box, user, thinking, thoughts, reply, half, several, place, says, why, account, title, body, tools, mine, answer,
    of: null, editor: null};
}
function draw() {
  const exchanges = props.value || [];
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60, grows = exchanges.length > drawn.length;
  while (drawn.length > exchanges.length) drawn.pop().box.remove();
  exchanges.forEach((exchange, number) => {
    const parts = drawn[number] ??= added(number);
    if (parts.editor && parts.user.textContent !== exchange.user) close(parts);
    write(parts.user, exchange.user);
    write(parts.thoughts, exchange.thinking);
    write(parts.reply, exchange.reply);
    parts.thinking.hidden = !exchange.thinking;
    parts.answer.hidden = !exchange.reply && !exchange.thinking && !exchange.growing && !exchange.account;
    parts.reply.hidden = !exchange.reply && !(exchange.growing && !exchange.thinking);
    parts.answer.setAttribute('aria-busy', !!exchange.growing);
    parts.tools.hidden = !exchange.reply;
    parts.half.hidden = !exchange.half;
    choose(parts, exchange);
    const of = JSON.stringify([exchange.account, exchange.user, exchange.reply, exchange.variant]);
    if (parts.of === of) return;
    parts.of = of;
    parts.account.hidden = !exchange.account;
    parts.account.open = false;
    parts.body.replaceChildren();
    parts.why.replaceChildren();
    parts.title.textContent = exchange.account || '';
  });
  empty.hidden = exchanges.length > 0;
  back.hidden = !props.cleared;
  all.hidden = !exchanges.length;
  if (atEnd || grows) log.scrollTop = log.scrollHeight;
}
function choose(parts, {variant, growing}) {
  parts.several.hidden = !variant || growing;
  if (!variant) return;
  parts.place.textContent = words.of.replace('{at}', variant.at + 1).replace('{of}', variant.of);
  parts.says.textContent = variant.says;
  parts.several.querySelector('.log-earlier').disabled = variant.at === 0;
  parts.several.querySelector('.log-later').disabled = variant.at + 1 === variant.of;
}
function explained() {
  const parts = props.why && drawn[props.why.exchange];
  if (parts && parts.why.childNodes.length) parts.why.innerHTML = props.why.picture;
}
function unfolded() {
  const parts = props.account && drawn[props.account.exchange];
  if (!parts || !parts.account.open) return;
  const link = made('a', 'account-inside', words.inside);
  link.href = `#inside-${props.account.exchange}`;
  parts.body.replaceChildren(link, ...props.account.parts.map(
    ({kind, text}) => kind === 'code' ? written('pre', '', text) : made('p', '', text)));
  parts.body.querySelectorAll('pre').forEach(code => { code.tabIndex = 0; });
}
function edit(number) {
  const parts = drawn[number];
  if (parts.editor) return;
  const box = document.createElement('textarea'), does = made('div', 'tools');
  box.className = 'log-editing';
  box.setAttribute('aria-label', words.edit);
  box.value = parts.user.textContent;
  box.rows = Math.min(12, box.value.split('\n').length + 1);
  const send = () => { const value = box.value; close(parts); trigger('edit', {exchange: number, value}); };
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); send(); }
    if (event.key === 'Escape') { event.stopPropagation(); close(parts); }
  });
  does.append(button('submit', send), button('cancel', () => close(parts)));
  parts.editor = made('div', 'editor');
  parts.editor.append(box, does);
  parts.user.hidden = parts.mine.hidden = true;
  parts.user.after(parts.editor);
  box.focus();
}
function close(parts) {
  parts.editor?.remove();
  parts.editor = null;
  parts.user.hidden = parts.mine.hidden = false;
}

log.setAttribute('aria-label', words.name);
empty.firstChild.textContent = words.empty;
const back = button('bring_back', () => trigger('undo'));
empty.lastChild.append(back);
all.append(button('copy_all', pressed => copy(
  (props.value || []).flatMap(({user, reply}) => [`${words.you}: ${user}`, `${words.model}: ${reply}`]).join('\n\n'), pressed)));
watch(['value', 'cleared'], draw);
watch('account', unfolded);
watch('why', explained);
draw();
