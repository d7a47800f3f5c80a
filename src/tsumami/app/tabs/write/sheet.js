// The sheet: a text box, and below it, letter for letter in the same place, what of the text a model wrote. sheet.py puts
// `words`, token_choices.js and sheet_marks.js before this script.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's.
const area = element.querySelector('.write-text'), mirror = element.querySelector('.write-mirror');
const paper = element.querySelector('.write-paper'), said = element.querySelector('.write-said');
const choices = element.querySelector('.write-choices'), tools = element.querySelector('.write-tools');
const KEPT = 'tsumami-write', MOST_BACK = 100;
let text = '', marks = [];  // of the text that stands in the box
let live = null;  // what is being written: {number, at, end, count, pending, marks, span}
const past = [], future = [];

// --- drawing

function node(mark) {
  const span = document.createElement('span');
  span.className = 'write-token';
  span.mark = mark;
  span.textContent = mark.text;
  return span;
}
function draw() {
  const parts = [];
  let at = 0;
  for (const mark of [...marks, ...live?.after ?? []]) {
    parts.push(text.slice(at, mark.start), node({...mark, text: text.slice(mark.start, mark.end)}));
    at = mark.end;
  }
  parts.push(text.slice(at), '\u200b');  // a last line that is empty is as high as the others
  mirror.replaceChildren(...parts);
}
let due = 0;
const drawSoon = () => { cancelAnimationFrame(due); due = requestAnimationFrame(draw); };
function set(document, place) {
  ({text, marks} = document);
  area.value = text;
  area.setSelectionRange(place, place);
  draw();
  offer();
  keepSoon();
}
function offer() {
  for (const [name, off] of [['go', live], ['stop', !live], ['undo', live || !past.length], ['redo', live || !future.length]])
    tools.querySelector(`.write-${name}`).disabled = !!off;
}

// --- keeping

let later = 0;
function keep() {
  clearTimeout(later);
  const made = state(), whole = JSON.stringify(made), bare = () => JSON.stringify({...made, marks: []});
  for (const store of [sessionStorage, localStorage]) {
    try { store.setItem(KEPT, whole); } catch {
      try { store.setItem(KEPT, bare()); said.textContent = words.kept_short; } catch { /* it is full of others' things */ }
    }
  }
}
const keepSoon = () => { clearTimeout(later); later = setTimeout(keep, 400); };

// --- generating

// The document as it stands, also while something is being written into it.
function state() {
  if (!live) return {text, marks};
  const longer = live.end - live.at;
  const after = live.after.map(mark => ({...mark, start: mark.start + longer, end: mark.end + longer}));
  return {text: area.value, marks: [...marks, ...live.marks, ...after]};
}
const now = () => ({text, marks, place: area.selectionStart});
function remember(stack, state) {
  stack.push(state);
  if (stack.length > MOST_BACK) stack.shift();
}
function go(at = area.selectionEnd, begun = []) {
  if (live) return;
  remember(past, now());
  future.length = 0;
  begin(at, begun);
}
function begin(at, begun) {
  live = {number: Date.now(), at, end: at, count: 0, pending: [], marks: [], span: document.createElement('span')};
  area.readOnly = true;
  cancelAnimationFrame(due);
  choices.replaceChildren();
  said.textContent = words.writing;
  live.after = marks.filter(mark => mark.start >= at);
  marks = marks.filter(mark => mark.end <= at);  // a token that the cursor stands in is none any more
  draw();
  mirror.insertBefore(live.span, nodeAt(at));
  offer();
  trigger('submit', {number: live.number, before: text.slice(0, at), begun});
}
// The node of the mirror that begins at a place.
function nodeAt(at) {
  mirror.normalize();
  let left = at;
  for (const part of mirror.childNodes) {
    const length = part.textContent.length;
    if (left === 0) return part;
    if (left < length && part.nodeType === Node.TEXT_NODE) return part.splitText(left);
    left -= length;
  }
  return null;
}
function take() {
  const news = JSON.parse(props.value || 'null');
  if (!live || news?.number !== live.number) return;
  let fresh = '';
  for (const packed of news.tokens.slice(live.count)) {
    const token = JSON.parse(packed);
    live.pending.push(token);
    if (!token.text) continue;
    const came = token.text.replace(/\r\n?/g, '\n');  // as a text box has it
    const start = live.end + fresh.length, mark = {start, end: start + came.length, run: live.number, tokens: live.pending};
    live.pending = [];
    live.marks.push(mark);
    live.span.append(node({...mark, text: came}));
    fresh += came;
  }
  live.count = news.tokens.length;
  if (fresh) write(fresh);
  if (news.done) finish(news.said);
}
function write(fresh) {
  const nearEnd = paper.scrollHeight - paper.scrollTop - paper.clientHeight < 60;
  area.setRangeText(fresh, live.end, live.end, 'end');
  live.end += fresh.length;
  if (nearEnd) paper.scrollTop = paper.scrollHeight;
}
function finish(line) {
  const {end} = live;
  ({text, marks} = state());
  live = null;
  if (past.at(-1)?.text === text) past.pop();  // nothing came
  area.readOnly = false;
  if (document.activeElement === area || document.activeElement === document.body) area.setSelectionRange(end, end);
  said.textContent = line;
  draw();
  offer();
  keep();
}
function stop() {
  if (!live) return;
  trigger('stop');
  end(5000);  // also if nobody answers any more
}
function end(patience) {
  const number = live?.number;
  setTimeout(() => { if (live && live.number === number) finish(''); }, patience);
}
function back(from, to) {
  if (live || !from.length) return;
  remember(to, now());
  const state = from.pop();
  set(state, state.place);
  choices.replaceChildren();
  said.textContent = '';
}
// Another token in one's place: what its request wrote from there on goes, and it goes on from the other one.
function pick(at, place, other) {
  if (live) return;
  const mark = marks[at], begun = [...mark.tokens.slice(0, place).map(({id}) => id), other.id];
  remember(past, now());
  future.length = 0;
  const end = endOfRun(marks, at), cut = text.slice(0, mark.start) + text.slice(end), gone = end - mark.start;
  const rest = marks.filter(one => one.end <= mark.start || one.start >= end);
  set({text: cut, marks: rest.map(one => one.start < end ? one : {...one, start: one.start - gone, end: one.end - gone})}, mark.start);
  begin(mark.start, begun);
}

// --- looking at tokens

function under(event) {
  return document.elementsFromPoint(event.clientX, event.clientY).find(one => one.mark && mirror.contains(one))?.mark;
}
function look(at) {
  const mark = marks[at];
  choices.replaceChildren(...(mark ? mark.tokens.map((token, place) => choicesOf(token, other => pick(at, place, other))) : []));
}
const lookAtCursor = () => { if (!live) look(markAt(marks, area.selectionStart)); };
area.addEventListener('mousemove', event => {
  const mark = under(event);
  area.title = mark ? mark.tokens.map(aboutToken).join('\n') : '';
});
area.addEventListener('click', event => {
  const mark = under(event);
  if (mark && !live && area.selectionStart === area.selectionEnd) look(marks.findIndex(({start}) => start === mark.start));
  else lookAtCursor();
});
area.addEventListener('keyup', event => {
  if (/^(Arrow|Home|End|Page)/.test(event.key)) lookAtCursor();
});
area.addEventListener('input', () => {
  marks = edited(marks, text, area.value);
  text = area.value;
  choices.replaceChildren();
  drawSoon();
  keepSoon();
});
element.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.isComposing) { event.preventDefault(); go(); }
  if (event.key === 'Escape') stop();
});

function tool(name, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = `write-${name}`;
  made.textContent = words[name];
  made.title = words[`${name}_about`];
  made.addEventListener('click', () => { act(); if (made.disabled) area.focus(); });
  tools.append(made);
}
tool('go', () => go());
tool('stop', stop);
tool('undo', () => back(past, future));
tool('redo', () => back(future, past));
tools.setAttribute('aria-label', words.tools);
area.setAttribute('aria-label', words.text);
area.placeholder = words.empty;
choices.setAttribute('aria-label', words.choices);
said.textContent = words.hint;
addEventListener('pagehide', keep);
const kept = readDocument(sessionStorage.getItem(KEPT)) ?? readDocument(localStorage.getItem(KEPT)) ?? {text: '', marks: []};
set(kept, kept.text.length);
document.addEventListener('tsumami-written', () => end(500));  // there may have been nothing to write
watch('value', take);
