// The panel at work. `props.value` is the contents of all knobs by name; what the reader turns goes into it at once, and
// what comes from elsewhere is shown. What is to be said of the knobs comes from knob_notes.js.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; knob_panel.py puts before it `markup`,
// what stands in the panel, `start`, the contents in the beginning, `presets` and what they leave alone (`untouched`), `words`, `index`,
// `makeChain` and `makeSearch`.
const panel = element.querySelector('.knob-panel'), at = id => panel.querySelector(`#${id}`);
panel.innerHTML = markup;
const rows = new Map([...panel.querySelectorAll('[data-knob]')].map(row => [row.dataset.knob, row]));
const preset = at('preset'), lock = at('seed-lock').querySelector('input'), search = at('knob-search');
const contents = () => ({...start, ...props.value});
const roll = () => Math.floor(Math.random() * 10000);
let idleStages = [];

// --- what is shown

const numberIn = row => row.querySelector('input[type=number]');
function set(row, value) {
  const box = numberIn(row), slider = row.querySelector('input[type=range]'), text = row.querySelector('textarea');
  if (box && !(box === document.activeElement && box.valueAsNumber === value)) box.value = value;
  if (slider) {
    slider.value = value;
    slider.style.setProperty('--at', `${100 * (slider.value - slider.min) / (slider.max - slider.min)}%`);
  }
  if (text && text.value !== value) text.value = value;
  for (const one of row.querySelectorAll('input[type=radio]')) one.checked = one.value === String(value);
  const check = row.querySelector('input[type=checkbox]');
  if (check) check.checked = value;
}
function show() {
  const now = contents();
  for (const [name, row] of rows) set(row, now[name]);
  chain(now.samplers, idleStages);
  lock.checked = now.seed >= 0;
  preset.value = presetOf(now);
  at('preset-forget').hidden = !preset.value.startsWith('own:');
}
function turn(changes) {
  props.value = {...contents(), ...changes};
  show();
}
function say(row, text) { row.querySelector('.knob-said').textContent = text; }

// --- presets: those of the table, and the reader's own, which this browser keeps

const stored = 'tsumami-presets';
function own() {
  try { return Object(JSON.parse(localStorage.getItem(stored))); } catch { return {}; }
}
function keep(all) {
  try { localStorage.setItem(stored, JSON.stringify(all)); } catch { /* a browser that keeps nothing */ }
  list();
  show();
}
const touched = Object.keys(start).filter(name => !untouched.includes(name));
const all = () => ({...presets, ...Object.fromEntries(Object.entries(own()).map(([name, one]) => [`own:${name}`, one]))});
const applied = changes => Object.fromEntries(touched.map(name => [name, name in changes ? changes[name] : start[name]]));
const presetOf = now => Object.entries(all()).find(([, changes]) =>
  Object.entries(applied(changes)).every(([name, value]) => value === now[name]))?.[0] ?? '';
function list() {
  const mine = at('preset-own');
  mine.replaceChildren(...Object.keys(own()).map(name => new Option(name, `own:${name}`)));
  mine.hidden = !mine.children.length;
}
function name_it(open) {
  at('preset-name').hidden = !open;
  at('preset-keep').ariaExpanded = open;
  if (open) at('preset-name').querySelector('input').focus();
}

// --- what the reader does

function read(input, row) {
  if (input.type === 'checkbox') return input.checked;
  if (input.type === 'radio') return row.dataset.kind === 'word' ? input.value : Number(input.value);
  return input.type === 'number' || input.type === 'range' ? input.valueAsNumber : input.value;
}
panel.addEventListener('input', event => {
  const row = event.target.closest('[data-knob]');
  if (event.target === lock) turn({seed: lock.checked ? (contents().seed < 0 ? roll() : contents().seed) : -1});
  else if (event.target === preset && all()[preset.value]) turn(applied(all()[preset.value]));
  else if (row && !(event.target.type === 'number' && Number.isNaN(event.target.valueAsNumber))) {
    say(row, '');
    turn({[row.dataset.knob]: read(event.target, row)});
  }
});
panel.addEventListener('focusout', event => {
  const row = event.target.closest('[data-knob]');
  if (!row || event.target.type !== 'number' || !Number.isNaN(event.target.valueAsNumber)) return;
  const value = start[row.dataset.knob];
  event.target.value = value;
  turn({[row.dataset.knob]: value});
  say(row, words.emptied.replace('{value}', value));
});
const presses = {
  'seed-dice': () => turn({seed: roll()}),
  defaults: () => turn(start),
  neutral: () => turn(applied(presets.neutral)),
  'save-settings': () => trigger('download'),
  'load-settings': () => document.querySelector('#settings-file').click(),
  'preset-keep': () => name_it(at('preset-name').hidden),
  'preset-forget': () => { const {[preset.value.slice(4)]: _, ...rest} = own(); keep(rest); },
};
panel.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.classList.contains('knob-back')) {
    const row = button.closest('[data-knob]');
    say(row, '');
    turn({[row.dataset.knob]: start[row.dataset.knob]});
  } else presses[button.id]?.();
});
at('preset-name').addEventListener('submit', event => {
  event.preventDefault();
  const box = event.target.querySelector('input'), name = box.value.trim(), now = contents();
  if (!name) return;
  const changed = touched.filter(one => now[one] !== start[one]).map(one => [one, now[one]]);
  keep({...own(), [name]: Object.fromEntries(changed)});
  preset.value = `own:${name}`;
  box.value = '';
  name_it(false);
});

// --- what is said of the knobs

panel.addEventListener('notes', ({detail: notes}) => {
  for (const [name, row] of rows) {
    const line = row.querySelector('.info-text');
    line.dataset.usual ??= line.textContent;
    const wrong = notes.wrong[name], idle = notes.idle?.[name];
    if (!notes.idle && !wrong) continue;  // nothing can be known: what was said stays
    row.classList.toggle('wrong', !!wrong);
    row.classList.toggle('idle', !!idle);
    line.textContent = wrong ?? (idle ? `‖ ${idle}` : line.dataset.usual);
  }
  for (const [name, most] of Object.entries(notes.reach ?? {})) rows.get(name).querySelector('input[type=range]').max = most;
  idleStages = notes.stages ?? idleStages;
  show();
});
const chain = makeChain(panel.querySelector('.chain'), order => turn({samplers: order}));
makeSearch(search.querySelector('input'), search.querySelector('[role=status]'), words.found, index);
list();
watch(['value'], show);
show();
