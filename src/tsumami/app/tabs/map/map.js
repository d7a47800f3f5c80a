// What the drawing (tsumamiIcicle of charts/icicle.js, which map/tab.py puts before this script) asks of the server. A map
// arrives as the component's value. A script of a gr.HTML: `element`, `props`, `trigger` and `watch` are Gradio's.
const drawn = tsumamiIcicle(element, {
  zoom: range => trigger('select', range),
  back: () => trigger('undo', {}),
  inside: chosen => trigger('expand', chosen),
  apply: chosen => trigger('apply', chosen),
});
const show = () => { if (props.value) drawn.show(JSON.parse(props.value)); };
element.addEventListener('click', event => {
  const kind = event.target.dataset.file;
  if (kind) trigger('download', {kind});
});
watch(['value'], show);
show();
