// Draws the conversation. `props.value` (JSON) lists its exchanges as view.py makes them, or the last ones (`first` and what
// follows); `props.account` is what was asked for when somebody unfolded the account of a reply, `props.tokens` when they
// wanted its tokens, `props.why` when they asked why two replies part; `props.gone` is another name each time that something
// was taken out.
// Whatever somebody wrote comes into the page as the text of a text node (`textContent`) and in no other way (but in the
// pictures of charts, which escape it), so nothing in it is Markdown or HTML, and nothing of it is fetched. A reply grows at
// its end: what is marked stays marked.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; log.py puts `words` and the scripts of its
// parts before it.
const log = element.querySelector('.log'), empty = element.querySelector('.log-empty');
const all = element.querySelector('.log-all');
const drawn = [];  // of each exchange, its parts on the page
let exchanges = [];
const gone = made('p', 'log-gone');

function added(number) {
  const user = written('div', 'said user'), reply = written('div', 'said bot'), half = made('p', 'log-half', words.half);
  const thinking = made('details', 'thinking'), thoughts = written('div', 'thoughts'), mark = made('p', 'log-mark');
  const account = made('details', 'account'), title = made('summary', ''), body = made('div', 'account-body');
  const why = made('div', 'explained'), says = made('code', ''), tokens = made('div', '');
  const tools = made('div', 'tools'), mine = made('div', 'tools'), box = made('section', 'exchange');
  const change = (what, more) => trigger('input', {do: what, exchange: number, ...more});
  const turn = by => trigger('select', {exchange: number, by});
  mine.append(
    button('copy', pressed => copy(user.textContent, pressed)), button('edit', () => edit(number)), aloud(number, true),
    button('ask_anew', () => change('branch', {asked: true})), button('delete', () => { log.focus(); change('delete'); }));
  const choose = button('tokens', () => ask(number));
  choose.setAttribute('aria-pressed', false);
  tools.append(
    button('copy', pressed => copy(reply.textContent, pressed)), button('rewrite', () => rewrite(number)), choose,
    aloud(number, false), button('branch', () => change('branch', {asked: false})));
  const several = arrows('variants', words.variants, 'earlier', 'later', turn), put = arrows('ways', words.messages, 'sooner', 'further', turn);
  const ask_why = button('why', () => {
    why.textContent = words.looking;
    trigger('apply', {exchange: number});
  });
  several.append(says, ask_why);
  why.setAttribute('role', 'status');
  thinking.append(made('summary', '', words.thinking), thoughts);
  account.append(title, body);
  account.addEventListener('toggle', () => {
    if (account.open && !body.childNodes.length) trigger('expand', {exchange: number});
  });
  const answer = row('bot', words.model, thinking, reply, tokens, half, mark, several, why, account, tools);
  box.append(row('user', words.you, user, put, mine), answer);
  log.insertBefore(box, gone);
  return {box, user, put, thinking, thoughts, reply, tokens, choose, half, mark, several, says, ask_why, why, account, title,
    body, tools, mine, answer, of: null, now: null, editor: null};
}
// `whole`: also what has not changed but for its editor or its tokens; while a reply grows, only that is drawn.
function draw(whole = false) {
  const first = take();
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60, grows = exchanges.length > drawn.length;
  while (drawn.length > exchanges.length) drawn.pop().box.remove();
  exchanges.slice(whole ? 0 : first).forEach((exchange, at) => {
    const number = (whole ? 0 : first) + at, parts = drawn[number] ??= added(number);
    if (!news(parts, exchange) && !whole) return;
    if (parts.editor && changed(parts, exchange)) close(parts);
    write(parts.user, exchange.user);
    write(parts.thoughts, exchange.thinking);
    write(parts.reply, exchange.reply);
    parts.thinking.hidden = !exchange.thinking;
    parts.answer.hidden = !exchange.reply && !exchange.thinking && !exchange.growing && !exchange.account;
    parts.answer.setAttribute('aria-busy', !!exchange.growing);
    parts.tools.hidden = !exchange.reply || !!parts.editor?.ofReply;
    parts.half.hidden = !exchange.half;
    stand(parts, exchange);
    if (another(parts, exchange)) {
      parts.account.hidden = parts.choose.hidden = !exchange.account;
      parts.account.open = false;
      parts.body.replaceChildren();
      parts.why.replaceChildren();
      parts.tokens.replaceChildren();
      parts.choose.setAttribute('aria-pressed', false);
      parts.title.textContent = exchange.account || '';
    }
    parts.reply.hidden = !!parts.tokens.firstChild || !!parts.editor?.ofReply || !exchange.reply && !(exchange.growing && !exchange.thinking);
  });
  empty.hidden = exchanges.length > 0;
  back.hidden = !props.cleared;
  all.hidden = !exchanges.length;
  offer();
  if (atEnd || grows) log.scrollTop = log.scrollHeight;
}
// What is shown: all that the value lists, or what there was before with another end. Gives where the end begins.
function take() {
  const value = JSON.parse(props.value || '[]'), {first = 0, exchanges: end = value} = value;
  exchanges = [...exchanges.slice(0, first), ...end];
  return first;
}
const differ = (one, other) => !one || one.some((value, at) => value !== other[at]);
function news(parts, {user, thinking, reply, account, growing, half, own, chosen, variant, message}) {
  const now = [user, thinking, reply, account, growing, half, own, chosen, variant?.at, variant?.of, variant?.says, message?.at, message?.of];
  const found = differ(parts.now, now);
  parts.now = now;
  return found;
}
// Whether this is another reply than the one whose account, tokens and reasons are shown.
function another(parts, {account, user, reply, variant}) {
  const now = [account, user, reply, variant?.at, variant?.of], found = differ(parts.of, now);
  parts.of = now;
  return found;
}
const changed = (parts, {user, reply}) => parts.user.textContent !== user || parts.editor.ofReply && parts.reply.textContent !== reply;
function stand(parts, {variant, message, growing, own, chosen}) {
  parts.several.stand(growing ? null : variant);
  parts.put.stand(growing ? null : message);
  parts.says.textContent = variant?.says ?? '';
  parts.ask_why.hidden = !variant?.why;
  const marks = [own && words[own === 'all' ? 'own' : 'own_begun'], chosen && words.chosen.replace('{token}', chosen)];
  parts.mark.textContent = marks.filter(Boolean).join(' ');
  parts.mark.hidden = !parts.mark.textContent;
}
// What was taken out can come back, until the conversation goes on.
let offered = '', then = '';
const sign = () => JSON.stringify(exchanges.map(({user, reply}) => [user, reply]));
function offer() {
  if (props.gone && props.gone !== offered) {
    offered = props.gone;
    setTimeout(() => { then = sign(); offer(); });  // of an update with several props this one may come first
  }
  gone.hidden = !then || then !== sign();
  if (gone.hidden) then = '';
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
// The tokens of a reply are asked for when somebody wants them, and put away by another press.
function ask(number) {
  const parts = drawn[number], on = parts.choose.getAttribute('aria-pressed') !== 'true';
  parts.choose.setAttribute('aria-pressed', on);
  if (on) trigger('apply', {exchange: number, tokens: true});
  else { parts.tokens.replaceChildren(); draw(true); }
}
function tokenized() {
  const {exchange, tokens} = props.tokens ?? {}, parts = drawn[exchange];
  if (!tokens) for (const one of drawn) one.choose.setAttribute('aria-pressed', !!one.tokens.firstChild);
  if (!parts || !tokens) return;
  if (parts.choose.getAttribute('aria-pressed') !== 'true') return;
  parts.tokens.replaceChildren(strip(tokens, (at, token) => trigger('edit', {exchange, at, token})));
  draw(true);
}
// Reads a text aloud; pressed again it falls silent. voice.js says when it has.
let reading = null;
function aloud(number, asked) {
  const part = button('aloud', () => {
    if (reading === part) { document.dispatchEvent(new Event('tsumami-hush')); return; }
    quiet();
    reading = part;
    part.textContent = words.hush;
    part.title = words.hush_about;
    trigger('play', {exchange: number, asked});
  });
  return part;
}
function quiet() {
  if (!reading) return;
  reading.textContent = words.aloud;
  reading.title = words.aloud_about;
  reading = null;
}
document.addEventListener('tsumami-silent', quiet);
function edit(number) {
  const parts = drawn[number];
  if (parts.editor) return;
  const send = value => { close(parts); trigger('edit', {exchange: number, value}); };
  lay(parts, editor(parts.user.textContent, words.edit, 'submit', true, send, () => leave(parts)), parts.user);
  parts.user.hidden = parts.mine.hidden = true;
}
function rewrite(number) {
  const parts = drawn[number];
  if (parts.editor) return;
  const keep = value => { leave(parts); trigger('input', {do: 'rewrite', exchange: number, value}); };
  lay(parts, editor(parts.reply.textContent, words.rewrite, 'keep', false, keep, () => leave(parts)), parts.reply);
  parts.editor.ofReply = true;
  draw(true);
}
function lay(parts, made, after) {
  parts.editor = made;
  after.after(made);
  made.firstChild.focus();
}
function close(parts) {
  const tools = parts.editor?.ofReply ? '.log-rewrite' : '.log-edit', held = parts.editor?.contains(document.activeElement);
  parts.editor?.remove();
  parts.editor = null;
  parts.user.hidden = parts.mine.hidden = false;
  if (held) setTimeout(() => parts.box.querySelector(tools)?.focus());
}
function leave(parts) {
  close(parts);
  draw(true);
}

log.setAttribute('aria-label', words.name);
log.append(gone);
gone.setAttribute('role', 'status');
gone.append(`${words.gone} `, button('undelete', () => { log.focus(); trigger('input', {do: 'bring_back'}); }));
empty.firstChild.textContent = words.empty;
const back = button('bring_back', () => trigger('undo'));
empty.lastChild.append(back);
all.append(button('copy_all', pressed => copy(
  exchanges.flatMap(({user, reply}) => [`${words.you}: ${user}`, `${words.model}: ${reply}`]).join('\n\n'), pressed)));
watch(['value', 'cleared', 'gone'], () => draw());
watch('account', unfolded);
watch('tokens', tokenized);
watch('why', explained);
draw();
