// The history as cards: asks for a page of what is searched for (`submit`) and draws what comes back (`props.value`, as
// view.py makes it); `props.news` is the answer to what was done with one of them.
// Whatever somebody wrote comes into the page as the text of a text node (`textContent`) and in no other way.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; tab.py puts `words` before it.
const root = element.querySelector('.history'), part = name => element.querySelector(`.history-${name}`);
const box = element.querySelector('input'), list = part('list'), chosen = new Set();
const SOON = 250, ARMED = 4000, MOST = 8, OFFERED = 30;
let page = 0, terms = [], cards = [], open = null, shown = null, later = null;

function made(tag, kind, text) {
  const one = document.createElement(tag);
  if (kind) one.className = kind;
  if (text !== undefined) one.textContent = text;
  return one;
}
function written(tag, kind, text) {
  const one = made(tag, kind, text);
  one.translate = false;
  one.dir = 'auto';
  return one;
}
function button(kind, text, act, about) {
  const one = made('button', kind, text);
  one.type = 'button';
  if (about) one.title = one.ariaLabel = about;
  one.addEventListener('click', event => { event.stopPropagation(); act(one); });
  return one;
}

// --- searching
function find(to = 0, first = false) {
  clearTimeout(later);
  page = to;
  trigger('submit', {query: box.value, page, first});
}
function soon() {
  clearTimeout(later);
  later = setTimeout(find, SOON);
}
function has(term) { return box.value.split(/\s+/).includes(term); }
function offer() {
  const last = box.value.split(/\s+/).pop(), before = box.value.slice(0, box.value.length - last.length);
  const known = last ? [...words.terms, ...terms].filter(term => term.startsWith(last.replace(/^-/, ''))) : [];
  element.querySelector('datalist').replaceChildren(...known.slice(0, OFFERED).map(term =>
    Object.assign(made('option'), {value: before + (last.startsWith('-') ? '-' : '') + term})));
}
function chips() {
  for (const chip of part('chips').children) chip.setAttribute('aria-pressed', has(chip.dataset.term));
}
box.addEventListener('input', event => { offer(); chips(); if (!event.isComposing) soon(); });
box.addEventListener('compositionend', soon);
part('search').addEventListener('submit', event => { event.preventDefault(); find(); });
part('chips').addEventListener('click', event => {
  const term = event.target.dataset.term;
  if (!term) return;
  const rest = box.value.split(/\s+/).filter(one => one && one !== term);
  box.value = (has(term) ? rest : [...rest, term]).join(' ');
  chips();
  find();
});
part('pages').addEventListener('click', event => {
  if (event.target.dataset.by) find(page + +event.target.dataset.by);
});
root.addEventListener('look', () => find(page, true));

// --- cards
function star(card) {
  const one = button('history-star', card.starred ? '★' : '☆',
    () => trigger('edit', {key: card.key, what: 'star', value: !card.starred}), words.star);
  one.setAttribute('aria-pressed', card.starred);
  return one;
}
function choose(card) {
  const one = Object.assign(made('input'), {type: 'checkbox', checked: chosen.has(card.key), ariaLabel: words.choose});
  one.title = words.choose;
  one.addEventListener('click', event => event.stopPropagation());
  one.addEventListener('change', () => {
    if (one.checked && chosen.size < MOST) chosen.add(card.key); else chosen.delete(card.key);
    one.checked = chosen.has(card.key);
    counted();
  });
  return one;
}
function counted() {
  part('beside').hidden = chosen.size < 2;
  part('beside').textContent = words.beside.replace('{count}', chosen.size);
}
function head(card) {
  const line = made('div', 'history-head');
  if (card.run) line.append(choose(card));
  line.append(star(card), made('span', 'history-kind', card.kind), made('time', '', card.when),
    written('span', 'history-model', card.model), made('span', '', card.facts));
  if (!card.finished) line.append(made('span', 'history-half', words.unfinished));
  for (const tag of card.tags) {
    line.append(button('history-tag', `#${tag}`, () => { box.value = `tag:${tag}`; chips(); find(); }));
  }
  return line;
}
function drawn(card) {
  const one = made('li', 'history-card');
  one.tabIndex = 0;
  one.dataset.key = card.key;
  one.setAttribute('aria-expanded', open === card.key);
  const text = made('div', 'history-text');
  text.append(written('b', '', card.title || card.asked), written('span', 'history-said', card.said));
  one.append(head(card), text);
  if (card.knobs) one.append(written('code', 'history-knobs', card.knobs));
  return one;
}
function draw() {
  list.replaceChildren(...cards.map(drawn));
  counted();
}
const cardOf = key => [...list.children].find(one => one.dataset.key === key);
function turn(key) {
  const before = open;
  if (before) { cardOf(before)?.querySelector('.history-all')?.remove(); cardOf(before)?.setAttribute('aria-expanded', false); }
  open = before === key ? null : key;
  if (open) { cardOf(open).setAttribute('aria-expanded', true); trigger('select', {key}); }
}
list.addEventListener('click', event => {
  const card = event.target.closest('.history-card');
  if (card && !event.target.closest('.history-all, button, input')) turn(card.dataset.key);
});
part('beside').addEventListener('click', () => trigger('input', {keys: cards.map(card => card.key)
  .filter(key => chosen.has(key)).concat([...chosen].filter(key => !cards.some(card => card.key === key)))}));

// --- all of one
function forget(look) {
  return button('history-forget', words.do_forget, pressed => {
    if (pressed.classList.contains('armed')) { trigger('delete', {key: look.key}); return; }
    pressed.classList.add('armed');
    pressed.textContent = words.do_forget_now;
    setTimeout(() => { pressed.classList.remove('armed'); pressed.textContent = words.do_forget; }, ARMED);
  });
}
function typed(look, what, value) {
  const one = Object.assign(made('input'), {type: 'text', value, placeholder: words[`${what}_for`], ariaLabel: words[`${what}_for`]});
  one.addEventListener('keydown', event => {
    if (event.key === 'Escape') { event.stopPropagation(); one.value = value; one.blur(); }
    if (event.key !== 'Enter') return;
    event.preventDefault();
    trigger('edit', {key: look.key, what, value: one.value});
    if (what === 'tag') one.value = '';
  });
  return one;
}
function does(look) {
  const line = made('div', 'history-do'), go = (event, name) => button('', words[name], () => trigger(event, {key: look.key}));
  if (look.run) line.append(go('expand', 'do_inside'));
  if (look.chat || !look.run) line.append(go('retry', look.run ? 'do_go_on' : 'do_open'));
  line.append(go('apply', 'do_apply'), go('download', 'do_file'), forget(look));
  return line;
}
function marks(look) {
  const line = made('div', 'history-marks');
  line.append(typed(look, 'name', look.title), typed(look, 'tag', ''), ...look.tags.map(tag =>
    button('history-tag', `#${tag} ×`, () => trigger('edit', {key: look.key, what: 'untag', value: tag}), `${words.untag}: ${tag}`)));
  return line;
}
function tree(look) {
  const there = new Set(look.tree.map(one => one.key)), below = parent => {
    const branch = made('ul');
    for (const one of look.tree.filter(one => (there.has(one.parent) ? one.parent : null) === parent)) {
      const line = made('li'), go = button('history-node', '', () => trigger('select', {key: one.key}));
      go.append(written('b', '', (one.starred ? '★ ' : '') + one.asked), written('span', '', one.said));
      if (one.key === look.key) go.setAttribute('aria-current', 'true');
      line.append(go);
      const children = below(one.key);
      if (children.children.length) line.append(children);
      branch.append(line);
    }
    return branch;
  };
  const whole = made('nav', 'history-tree');
  whole.ariaLabel = words.tree;
  whole.append(made('h2', '', words.tree), below(null));
  return whole;
}
function whole(look) {
  const all = made('div', 'history-all');
  all.append(written('p', 'history-id', `${look.id} · ${look.when} · ${look.model} · ${look.facts}`),
    written('pre', 'history-prompt', look.prompt));
  if (look.text) all.append(written('pre', 'history-reply', look.text));
  if (look.knobs) all.append(written('code', 'history-knobs', look.knobs));
  all.append(does(look), marks(look));
  if (look.tree.length) all.append(tree(look));
  for (const scrolled of all.querySelectorAll('pre')) scrolled.tabIndex = 0;
  return all;
}
function told() {
  const news = props.news;
  if (!news) return;
  if (news.look) {
    const card = open && cardOf(open);
    if (!card) return;
    const before = card.querySelector('.history-all'), after = whole(news.look);
    const within = before?.contains(document.activeElement);
    before?.remove();
    card.append(after);
    shown = news.look;
    if (within) (after.querySelector('[aria-current]') || card).focus();
  }
  if (news.card) {
    cards = cards.map(card => card.key === news.card.key ? news.card : card);
    const old = cardOf(news.card.key), focused = old?.contains(document.activeElement);
    if (old) {
      const fresh = drawn(news.card);
      old.replaceWith(fresh);
      if (focused) fresh.focus();
    }
    if (shown && open && cardOf(open)) trigger('select', {key: shown.key});
  }
  if (news.gone) {
    chosen.delete(news.gone);
    if (open === news.gone || shown?.key === news.gone) open = shown = null;
    find(page);
  }
}

// --- keys: / searches; arrows go from card to card; Enter unfolds, s stars, c chooses
element.addEventListener('keydown', event => {
  const card = event.target.closest('.history-card');
  if (event.key === '/' && !event.target.closest('input')) { event.preventDefault(); box.focus(); return; }
  if (event.key === 'ArrowDown' && event.target === box && list.firstChild) { event.preventDefault(); list.firstChild.focus(); return; }
  if (!card || event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = {ArrowDown: card.nextSibling, ArrowUp: card.previousSibling || box, Home: list.firstChild, End: list.lastChild}[event.key];
  if (to) { event.preventDefault(); to.focus(); }
  if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); turn(card.dataset.key); }
  if (event.key === 's') card.querySelector('.history-star').click();
  if (event.key === 'c') card.querySelector('input[type=checkbox]')?.click();
});

function answered() {
  if (!props.value) return;
  const found = JSON.parse(props.value);
  if (found.query !== undefined && found.query !== box.value) return;  // another one is on its way
  part('problem').hidden = !(found.problem || found.off);
  part('problem').textContent = found.problem || found.off || '';
  if (found.off) { root.classList.add('off'); return; }
  root.classList.remove('off');
  if (found.problem) return;
  if (found.terms) terms = found.terms;
  cards = found.cards;
  page = found.page;
  part('count').textContent = found.line;
  part('pages').hidden = found.pages < 2;
  const [newer, older] = part('pages').children;
  newer.disabled = page === 0;
  older.disabled = page + 1 >= found.pages;
  if (!cards.some(card => card.key === open)) open = shown = null;
  draw();
  if (open) trigger('select', {key: shown ? shown.key : open});
}
box.placeholder = words.search_for;
box.ariaLabel = words.search;
part('pages').children[0].textContent = words.newer;
part('pages').children[1].textContent = words.older;
part('pages').ariaLabel = words.pages;
part('help').firstChild.textContent = words.help;
part('help').children[1].textContent = words.keys;
watch(['value'], answered);
watch(['news'], told);
setTimeout(() => find(0, true));
