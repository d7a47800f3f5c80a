// Draws the bars of `props.value` (JSON of interval_view.py) under Gradio's sliders, and finds them again whenever the
// page builds them anew. A script of a gr.HTML: `props` and `watch` are Gradio's.
const bars = () => { try { return JSON.parse(props.value || '{}'); } catch { return {}; } };
function draw() {
  const found = bars();
  for (const old of document.querySelectorAll('.far-under'))
    if (!found[old.dataset.knob] || !old.isConnected) old.remove();
  for (const [knob, {low, high, say}] of Object.entries(found)) {
    const slider = document.querySelector(`#knob-${knob} input[type=range]`);
    if (!slider || !slider.offsetWidth) continue;
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
const soon = () => { waiting ??= setTimeout(() => { waiting = null; draw(); }, 60); };
const ours = node => node.classList?.contains('far-under');
const changed = change => ![...change.addedNodes, ...change.removedNodes].every(ours);
new MutationObserver(changes => { if (props.value && changes.some(changed)) soon(); })
  .observe(document.querySelector('#knobs'), {childList: true, subtree: true});
new ResizeObserver(soon).observe(document.querySelector('#knobs'));
watch(['value'], draw);
draw();
