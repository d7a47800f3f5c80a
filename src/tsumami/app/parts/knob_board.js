// Shows the knobs as `props.value` (JSON: those that differ) has them, and writes there what is turned. A double click on
// a label puts its knob back. A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's.
const knobs = () => [...element.querySelectorAll('[data-knob]')];
const parse = () => { try { return JSON.parse(props.value || '{}'); } catch { return {}; } };
const set = (knob, value) => knob.querySelectorAll('input, select').forEach(box => {
  if (box.type === 'checkbox') box.checked = value;
  else if (box !== document.activeElement || box.type === 'range') {
    if (box.type === 'range' && value > +box.max) box.max = value;
    box.value = value;
    if (box.type === 'range') box.style.setProperty('--at', `${100 * (box.value - box.min) / (box.max - box.min)}%`);
  }
});
const read = box => box.type === 'checkbox' ? box.checked : box.value === '' ? null : +box.value;
function show() {
  const changed = parse();
  for (const knob of knobs()) {
    const start = JSON.parse(knob.dataset.start);
    const value = knob.dataset.knob in changed ? changed[knob.dataset.knob] : start;
    set(knob, value);
    knob.classList.toggle('turned', value !== start);
  }
  const known = knobs().map(knob => knob.dataset.knob);
  const others = Object.keys(changed).filter(name => !known.includes(name));
  const line = element.querySelector('.board-others');
  line.hidden = !others.length;
  line.querySelector('b').textContent = others.join(', ');
}
function turn(knob, value) {
  if (value === null || Number.isNaN(value)) return;
  const changed = parse();
  changed[knob.dataset.knob] = value;
  props.value = JSON.stringify(changed);
  set(knob, value);
  knob.classList.toggle('turned', value !== JSON.parse(knob.dataset.start));
  trigger('input');
}
element.addEventListener('input', event => turn(event.target.closest('[data-knob]'), read(event.target)));
element.addEventListener('dblclick', event => {
  const knob = event.target.closest('[data-knob]');
  if (knob && event.target.tagName === 'LABEL') turn(knob, JSON.parse(knob.dataset.start));
});
watch(['value'], () => show());
show();
