// Draws the bars of `props.value` (JSON: knob to what interval_view.py says of it, or null where it has no bar) under the
// sliders, and asks for those of sliders that have come in sight. Without a value there is no reply to ask about. A script of a gr.HTML: `props`, `watch` and `trigger` are
// Gradio's.
const bars = () => { try { return JSON.parse(props.value || '{}'); } catch { return {}; } };
const inSight = () => [...document.querySelectorAll('#knobs [id^=knob-]:has(input[type=range])')]
  .filter(knob => knob.querySelector('input[type=range]').checkVisibility()).map(knob => knob.id.replace('knob-', ''));
let asked = new Set();
function ask() {
  const found = bars(), knobs = inSight().filter(knob => !(knob in found));
  if (!props.value || knobs.every(knob => asked.has(knob))) return;
  asked = new Set(knobs);
  trigger('select', {knobs});
}
function draw() {
  const found = bars();
  document.querySelector('#far-legend')?.classList.toggle('there', Object.values(found).some(Boolean));
  for (const old of document.querySelectorAll('.far-under'))
    if (!found[old.dataset.knob] || !old.isConnected) old.remove();
  for (const [knob, one] of Object.entries(found)) {
    if (!one) continue;
    const {low, high, say} = one;
    const slider = document.querySelector(`#knob-${knob} input[type=range]`);
    if (!slider?.checkVisibility()) continue;
    const place = slider.parentElement;
    let bar = place.parentElement.querySelector('.far-under');
    if (!bar) {
      bar = document.createElement('div');
      bar.className = 'far-under';
      bar.dataset.knob = knob;
      bar.setAttribute('role', 'note');
      bar.appendChild(document.createElement('i'));
      bar.addEventListener('click', () => bar.classList.toggle('open'));  // a finger cannot point
      place.after(bar);
    }
    const reach = slider.max - slider.min, share = value => Math.min(Math.max((value - slider.min) / reach, 0), 1);
    const thumb = 16, wide = slider.offsetWidth - thumb;
    bar.style.marginLeft = `${slider.getBoundingClientRect().left - place.getBoundingClientRect().left + thumb / 2}px`;
    bar.style.width = `${wide}px`;
    bar.firstChild.style.left = `${100 * share(low)}%`;
    bar.firstChild.style.width = `${100 * (share(high) - share(low))}%`;
    if (bar.title !== say) { bar.title = say; bar.setAttribute('aria-label', say); }
  }
}
let waiting = null;
const soon = () => { waiting ??= setTimeout(() => { waiting = null; draw(); ask(); }, 60); };
document.querySelector('#knobs').addEventListener('toggle', soon, true);
new ResizeObserver(soon).observe(document.querySelector('#knobs'));
watch(['value'], () => { asked = new Set(); draw(); ask(); });
draw();
