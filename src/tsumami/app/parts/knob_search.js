// Finds knobs by name, label or a name elsewhere, and looks after the boxes of numbers: what is typed stays as it is typed
// (Gradio would pull it into the slider's handy range without a word), and a box that is left empty goes back to its
// default and says so.
// A script of a gr.HTML: `element` is Gradio's; knob_search.py puts `words`, `defaults` and `index` before it.
const box = element.querySelector('input'), told = element.querySelector('[role=status]');
const hiding = document.createElement('style');
element.append(hiding);
const plain = text => text.normalize('NFKC').toLowerCase();
const heads = group => document.querySelector(`#${group} > button.label-wrap`);
function search() {
  const asked = plain(box.value).split(/\s+/).filter(Boolean);
  const found = index.filter(({text}) => asked.every(word => plain(text).includes(word)));
  const groups = new Set(found.map(({group}) => group));
  const hidden = asked.length ? [
    ...index.filter(one => !found.includes(one)).flatMap(({name}) => [`#knob-${name}`, `#more-${name}`]),
    ...new Set(index.map(({group}) => group).filter(group => !groups.has(group))).values().map(group => `#${group}`),
  ] : [];
  hiding.textContent = hidden.length ? `:is(${hidden.join(', ')}) { display: none !important; }` : '';
  told.textContent = asked.length ? words.found.replace('{count}', found.length) : '';
  if (asked.length)
    for (const group of groups) {
      const head = heads(group);
      if (head && !head.classList.contains('open')) head.click();
    }
}
box.addEventListener('input', search);

const panel = element.closest('#knobs');
const numberOf = target => target.matches?.('.knob input[type=number]') ? target.closest('.knob') : null;
function say(knob, text) {
  knob.querySelector('.knob-said')?.remove();
  if (!text) return;
  const line = document.createElement('p');
  line.className = 'knob-said';
  line.setAttribute('role', 'status');
  line.textContent = text;
  knob.append(line);
}
panel.addEventListener('input', event => {
  const knob = numberOf(event.target);
  if (!knob) return;
  if (event.target.value === '') event.stopPropagation();  // nothing is meant yet
  else if (!event.target.returned) say(knob, '');
}, true);
panel.addEventListener('blur', event => {
  const knob = numberOf(event.target);
  if (!knob) return;
  event.stopPropagation();
  if (event.target.value !== '') return;
  const value = defaults[knob.id.replace('knob-', '')];
  event.target.value = value;
  event.target.returned = true;
  event.target.dispatchEvent(new Event('input', {bubbles: true}));
  event.target.returned = false;
  say(knob, words.emptied.replace('{value}', value));
}, true);
