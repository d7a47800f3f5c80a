// Draws the chips from `props.value` and `props.idle`; a chip that is dragged, or moved with the arrow keys, changes the
// value and fires `input`. `|` parts the stages that are in the order from those that are left out.
// A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's; chain_view.py fills in the stages.
const box = () => element.querySelector('.chain');
// Until its accordion is opened, what any update brings is all that there is: what is missing is as it was laid out.
const order = () => (props.value ?? '@order').split(',').filter(Boolean);
const idle = () => (props.idle ?? '@idle').split(',');
let chips = [];  // the names as they stand: what is drawn may be one key press behind
let held = null;  // the chip that is being moved: drawing again takes the keyboard's focus from it
function read() {
  const inside = order();
  chips = [...inside, '|', ...'@stages'.split(',').filter(name => !inside.includes(name))];
  draw();
}
function draw() {
  const bar = chips.indexOf('|');
  box().replaceChildren(...chips.map((name, at) => {
    const chip = document.createElement(name === '|' ? 'span' : 'button');
    chip.textContent = name === '|' ? '┊' : name;
    chip.dataset.name = name;
    chip.className = name === '|' ? 'bar' : 'chip';
    if (name === '|') return chip;
    chip.type = 'button';
    chip.draggable = true;
    if (at > bar) chip.classList.add('out');
    else if (idle().includes(name)) chip.classList.add('idle');
    return chip;
  }));
  if (held && document.activeElement === document.body) box().querySelector(`[data-name="${held}"]`)?.focus();
}
function move(name, to) {
  const from = chips.indexOf(name);
  if (to < 0 || to >= chips.length || to === from) return;
  chips.splice(to, 0, chips.splice(from, 1)[0]);
  held = name;
  props.value = chips.slice(0, chips.indexOf('|')).join(',');
  draw();
  setTimeout(() => trigger('input'), 0);
}
element.addEventListener('keydown', event => {
  const name = event.target.dataset && event.target.dataset.name;
  if (!name || !['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
  event.preventDefault();
  move(name, chips.indexOf(name) + (event.key === 'ArrowRight' ? 1 : -1));
});
element.addEventListener('dragstart', event => event.dataTransfer.setData('text/plain', event.target.dataset.name));
element.addEventListener('dragover', event => event.preventDefault());
element.addEventListener('drop', event => {
  event.preventDefault();
  const target = event.target.closest('[data-name]');
  const name = event.dataTransfer.getData('text/plain');
  if (target && chips.includes(name)) move(name, chips.indexOf(target.dataset.name));
});
for (const leaving of ['focusin', 'pointerdown'])
  document.addEventListener(leaving, event => { if (!element.contains(event.target)) held = null; });
watch(['value', 'idle'], read);
read();
