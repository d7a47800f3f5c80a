// The grid of settings: one knob across, the other (or the seeds) down, a square for each text.
//
// Guarantee: what is shown is what grid_view.py's data says, nothing is computed here but where it stands. The picture is
// a table of buttons, so mouse, finger, keyboard and screen reader reach the same things; the list below has every text.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's.
const LISTED = 500, LONG = 160;
const part = name => element.querySelector(`.grid-${name}`);
const words = JSON.parse(element.querySelector('.tsu-grid').dataset.words);
let grid = null, picked = null, seedsDrawn = '';

// As `wording.filled` does: {count}, and {count:word|words} by the number.
const counted = (text, count) => text.replaceAll('{count}', count)
  .replace(/\{count:([^|}]*)\|([^}]*)\}/g, (_, one, others) => (String(count) === '1' ? one : others));

// --- where things are
const made = (tag, text = '', names = '') => {
  const one = document.createElement(tag);
  one.textContent = text;
  if (names) one.className = names;
  return one;
};
const many = () => grid.seeds.length;
const across = () => grid.axes[0];
const down = () => grid.axes[1] || (many() > 1 ? grid.seeds.map(String) : ['']);
const settingsOf = number => Math.floor(number / many());
const seedOf = number => grid.seeds[number % many()];
// the chosen seed where the rows are a knob's: its index, or null for the mean of all; what is shared has the seed of A
function seedChosen() {
  if (!grid.axes[1] || many() < 2) return 0;
  if (part('seed').value !== 'mean') return +part('seed').value;
  return part('measure').value === 'shared' ? grid.beside % many() : null;
}
function numberAt(column, row) {
  if (!grid.axes[1]) return column * many() + (many() > 1 ? row : 0);
  return (column * grid.axes[1].length + row) * many() + (seedChosen() ?? 0);
}
function valuesOf(settings) {
  const rows = grid.axes[1] ? grid.axes[1].length : 1;
  return grid.axes[1] ? [grid.axes[0][Math.floor(settings / rows)], grid.axes[1][settings % rows]] : [grid.axes[0][settings]];
}
const nameOf = settings => grid.knobs.map((knob, at) => `${knob}=${valuesOf(settings)[at]}`).join(', ');
const measureName = name => part('measure').querySelector(`[value=${name}]`).textContent;
const textOf = number => grid.texts[grid.cells[number][0]];

const spreadShown = () => ['text', 'shared'].includes(part('measure').value) ? 'perplexity' : part('measure').value;

// --- a square: its place on the scale, what stands in it, its colour
function square(number) {
  const measure = part('measure').value, cell = grid.cells[number], mean = seedChosen() === null;
  if (mean && grid.ended) {
    const spread = grid.spreads[spreadShown()][settingsOf(number)];
    if (measure === 'text') return {text: counted(words.differ, spread[3]), plain: true};
    return spread[0] && {share: spread[0][0], text: spread[0][1], tip: `${words.spread} ${spread[1]}`};
  }
  if (measure === 'text') return {text: String(cell[0] + 1), colour: grid.colours[cell[0]], plain: true};
  const value = (grid.values[measure] || [])[number];
  return value && {share: value[0], text: value[1]};
}
function about(number, shown) {
  const mean = seedChosen() === null, head = mean ? nameOf(settingsOf(number)) : `${nameOf(settingsOf(number))}, seed=${seedOf(number)}`;
  const measure = part('measure').value, what = measure === 'text' ? words.number : measureName(measure);
  const cell = grid.cells[number];
  return [head, shown && `${mean ? `${words.mean}, ` : ''}${what} ${shown.text}`, shown && shown.tip, !cell[1] && words.open]
    .filter(Boolean).join(' · ');
}
function button(number) {
  const shown = square(number), cell = grid.cells[number], one = made('button', shown ? shown.text : '…', 'grid-square');
  one.type = 'button';
  one.dataset.number = number;
  one.tabIndex = -1;
  one.setAttribute('aria-label', about(number, shown));
  one.title = about(number, shown) + `\n${textOf(number).slice(0, LONG)}`;
  if (!cell[1]) one.classList.add('open');
  if (shown && shown.colour) one.style.setProperty('--colour', shown.colour);
  if (shown && shown.colour) one.classList.add('coloured');
  if (shown && !shown.plain) { one.classList.add('tsu-heat'); one.style.setProperty('--v', shown.share); }
  return one;
}
function picture() {
  const table = made('table'), head = made('thead'), body = made('tbody');
  const rowTitle = grid.knobs[1] || (many() > 1 ? words.seed : '');
  const title = head.insertRow();
  title.append(made('td'), Object.assign(made('th', grid.knobs[0]), {colSpan: across().length, scope: 'colgroup'}));
  const names = head.insertRow();
  names.append(made('th', rowTitle), ...across().map(value => Object.assign(made('th', value), {scope: 'col'})));
  down().forEach((value, row) => {
    const line = body.insertRow();
    line.append(Object.assign(made('th', value), {scope: 'row'}), ...across().map((_, column) => {
      const place = made('td');
      place.append(button(numberAt(column, row)));
      return place;
    }));
  });
  table.append(head, body);
  const scrolled = part('picture').scrollLeft;
  part('picture').replaceChildren(table);
  part('picture').scrollLeft = scrolled;
}

// --- lists and words
const row = (tag, texts) => {
  const line = document.createElement('tr');
  line.append(...texts.map(text => made(tag, text)));
  return line;
};
function list() {
  const measure = part('measure').value, table = part('rows').querySelector('table');
  const extra = measure === 'text' ? [] : [measureName(measure)];
  const head = made('thead'), body = made('tbody');
  head.append(row('th', [...grid.knobs, words.seed, words.number, ...extra, words.text]));
  for (let number = 0; number < Math.min(grid.cells.length, LISTED); number++) {
    const value = extra.length ? [((grid.values[measure] || [])[number] || ['', '–'])[1]] : [];
    const cell = grid.cells[number];
    const line = row('td', [...valuesOf(settingsOf(number)), seedOf(number), cell[0] + 1, ...value, textOf(number) + (cell[1] ? '' : ' …')]);
    line.dataset.number = number;
    line.tabIndex = 0;
    line.classList.toggle('open', !cell[1]);
    body.append(line);
  }
  table.replaceChildren(head, body);
  part('rest').textContent = grid.cells.length > LISTED ? words.more.replace('{count}', grid.cells.length - LISTED) : '';
}
function spreads() {
  const shown = spreadShown(), found = grid.spreads[shown];
  part('spread').hidden = !found;
  part('held').replaceChildren(...(grid.held[shown] || []).map(text => made('li', `${measureName(shown)}: ${text}`)));
  if (!found) return;
  const table = part('spread').querySelector('table'), head = made('thead'), body = made('tbody');
  head.append(row('th', [...grid.knobs, `${measureName(shown)} (${words.mean})`, words.spread, words.quartiles, counted(words.differ, '').trim()]));
  found.forEach((one, settings) => body.append(row('td', [...valuesOf(settings), one[0] ? one[0][1] : '–', one[1], one[2], one[3]])));
  table.replaceChildren(head, body);
}
function seedBox() {
  part('of').hidden = !grid.axes[1] || many() < 2;
  const wanted = grid.seeds.join() + grid.ended;
  if (wanted === seedsDrawn) return;
  seedsDrawn = wanted;
  const before = part('seed').value;
  const mean = grid.ended ? [Object.assign(made('option', words.mean), {value: 'mean'})] : [];
  part('seed').replaceChildren(...mean, ...grid.seeds.map((seed, at) => Object.assign(made('option', seed), {value: at})));
  if ([...part('seed').options].some(one => one.value === before) && !grid.ended) part('seed').value = before;
}

// --- picking
function mark() {
  const same = picked === null ? null : grid.cells[picked][0];
  for (const one of part('picture').querySelectorAll('.grid-square')) {
    const number = +one.dataset.number, mean = seedChosen() === null;
    const on = picked !== null && (mean ? settingsOf(number) === settingsOf(picked) : number === picked);
    one.classList.toggle('on', on);
    one.setAttribute('aria-pressed', on);
    one.classList.toggle('beside', grid.ended && (mean ? settingsOf(number) === settingsOf(grid.beside) : number === grid.beside));
    one.classList.toggle('same', !on && !mean && grid.cells[number][0] === same);
  }
  const first = part('picture').querySelector('.grid-square.on') || part('picture').querySelector('.grid-square');
  first.tabIndex = 0;
  for (const line of part('rows').querySelectorAll('tr[data-number]')) line.classList.toggle('on', +line.dataset.number === picked);
}
function tell() {
  const box = part('picked'), cell = picked === null ? null : grid.cells[picked];
  box.hidden = !cell;
  part('pair').hidden = !cell || !grid.pair || grid.pair[0] !== picked;
  if (!cell) return;
  const alike = grid.cells.filter(one => one[0] === cell[0]).length;
  part('head').textContent = `${nameOf(settingsOf(picked))}, seed=${seedOf(picked)}`;
  const measures = [...part('measure').options].filter(one => one.value !== 'text' && (one.value !== 'shared' || grid.ended))
    .map(one => [one.textContent, (grid.values[one.value] || [])[picked]]).filter(one => one[1]).map(([name, value]) => `${name} ${value[1]}`);
  part('cell').textContent = [`${words.number} ${cell[0] + 1}`, ...(alike > 1 ? [words.same.replace('{count}', alike)] : []),
    cell[2], ...measures].join(' · ');
  part('said').textContent = textOf(picked) + (cell[1] ? '' : ` … (${words.open})`);
  part('settings').textContent = [nameOf(settingsOf(picked)), grid.base, `seed=${seedOf(picked)}`].filter(Boolean).join(', ');
  const chips = many() < 2 ? [] : grid.seeds.map((seed, at) => {
    const number = settingsOf(picked) * many() + at, one = made('button', seed);
    one.type = 'button';
    one.dataset.number = number;
    one.setAttribute('aria-pressed', number === picked);
    one.classList.toggle('on', number === picked);
    return one;
  });
  part('seeds').replaceChildren(...(chips.length ? [made('span', words.seed), ...chips] : []));
  for (const one of part('do').querySelectorAll('[data-do]')) {
    one.hidden = !grid.ended || (['compare', 'choose'].includes(one.dataset.do) && picked === grid.beside);
  }
  part('do').querySelector('[data-do=compare]').title = `A: ${nameOf(settingsOf(grid.beside))}, seed=${seedOf(grid.beside)}`;
}
function pick(number) {
  picked = number;
  if (grid.axes[1] && many() > 1 && part('seed').value !== 'mean' && +part('seed').value !== number % many()) {
    part('seed').value = number % many();  // the picture follows the seed that is read
    draw();
  }
  mark();
  tell();
}
function draw() {
  const measure = part('measure').value;
  seedBox();
  const focus = document.activeElement && document.activeElement.closest('.grid-square');
  const back = focus && element.contains(focus) ? focus.dataset.number : null;
  picture();
  list();
  spreads();
  mark();
  tell();
  const chosen = `A: ${nameOf(settingsOf(grid.beside))}, seed=${seedOf(grid.beside)}`;
  part('key').textContent = measure === 'text' ? (seedChosen() === null ? words.several : words.alike) : measure === 'shared' ? chosen : '';
  if (back !== null) part('picture').querySelector(`[data-number="${back}"]`)?.focus();
}

// --- what people do
element.addEventListener('click', event => {
  const target = event.target.closest('[data-number], [data-file], [data-do]');
  if (!target || !grid) return;
  if (target.dataset.file) trigger('download', {kind: target.dataset.file});
  else if (!target.dataset.do) pick(+target.dataset.number);
  else if (picked !== null) trigger({inside: 'expand', apply: 'apply', compare: 'select', choose: 'submit'}[target.dataset.do], {cell: picked});
});
element.addEventListener('change', event => {
  if (!grid || !event.target.closest('.grid-measure, .grid-seed')) return;
  const seed = part('seed').value;
  if (event.target.closest('.grid-seed') && picked !== null && seed !== 'mean') picked = settingsOf(picked) * many() + +seed;
  draw();
});
element.addEventListener('keydown', event => {
  const line = event.target.closest('tr[data-number]');
  if (line && event.key === 'Enter') pick(+line.dataset.number);
  const one = event.target.closest('.grid-square');
  const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (!one || !step) return;
  event.preventDefault();
  event.stopPropagation();
  const place = one.closest('td'), inRow = place.parentElement;
  const next = inRow.parentElement.rows[inRow.rowIndex - 2 + step[1]]?.cells[place.cellIndex + step[0]]?.querySelector('.grid-square');
  if (next) { next.focus(); pick(+next.dataset.number); }
});
let key = null;
function show() {
  if (!props.value) return;
  grid = JSON.parse(props.value);
  part('pair').innerHTML = grid.pair ? grid.pair[1] : '';
  if (grid.key !== key) { key = grid.key; picked = null; seedsDrawn = ''; }
  part('facts').textContent = grid.facts;
  part('notes').textContent = grid.notes;
  part('body').hidden = false;
  part('files').hidden = !grid.ended;
  draw();
}
watch(['value'], show);
show();
