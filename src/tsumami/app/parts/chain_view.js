// Makes the chips of a chain in `place`; a chip that is dragged, or moved with the arrow keys, changes the order, and
// `moved` hears the new one. `|` parts the stages that are in the order from those that are left out. Gives what draws an
// order (stage names joined by commas) with the stages in it that do nothing.
// A script of knob_panel.js; chain_view.py fills in the stages.
(place, moved) => {
  let chips = [], idle = [];
  let held = null;  // the chip that is being moved: drawing again takes the keyboard's focus from it
  function draw() {
    const bar = chips.indexOf('|');
    place.replaceChildren(...chips.map((name, at) => {
      const chip = document.createElement(name === '|' ? 'span' : 'button');
      chip.textContent = name === '|' ? '┊' : name;
      chip.dataset.name = name;
      chip.className = name === '|' ? 'bar' : 'chip';
      if (name === '|') return chip;
      chip.type = 'button';
      chip.draggable = true;
      if (at > bar) chip.classList.add('out');
      else if (idle.includes(name)) chip.classList.add('idle');
      return chip;
    }));
    if (held && document.activeElement === document.body) place.querySelector(`[data-name="${held}"]`)?.focus();
  }
  function move(name, to) {
    const from = chips.indexOf(name);
    if (to < 0 || to >= chips.length || to === from) return;
    chips.splice(to, 0, chips.splice(from, 1)[0]);
    held = name;
    draw();
    moved(chips.slice(0, chips.indexOf('|')).join(','));
  }
  place.addEventListener('keydown', event => {
    const name = event.target.dataset && event.target.dataset.name;
    if (!name || !['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
    event.preventDefault();
    move(name, chips.indexOf(name) + (event.key === 'ArrowRight' ? 1 : -1));
  });
  place.addEventListener('dragstart', event => event.dataTransfer.setData('text/plain', event.target.dataset.name));
  place.addEventListener('dragover', event => event.preventDefault());
  place.addEventListener('drop', event => {
    event.preventDefault();
    const target = event.target.closest('[data-name]');
    const name = event.dataTransfer.getData('text/plain');
    if (target && chips.includes(name)) move(name, chips.indexOf(target.dataset.name));
  });
  for (const leaving of ['focusin', 'pointerdown'])
    document.addEventListener(leaving, event => { if (!place.contains(event.target)) held = null; });
  return (order, doing_nothing) => {
    const inside = order.split(',').filter(Boolean);
    chips = [...inside, '|', ...'@stages'.split(',').filter(name => !inside.includes(name))];
    idle = doing_nothing;
    draw();
  };
}
