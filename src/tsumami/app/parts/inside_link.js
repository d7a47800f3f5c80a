// Hears the links `#inside-<exchange>` of the chat and fires `select` with that number. Listening on the way down comes
// before the browser follows the link. A page that was opened as ?run=ID fires it with that name: a run of the API.
// A script of a gr.HTML: `element` and `trigger` are Gradio's.
const run = new URLSearchParams(location.search).get('run');
if (run) setTimeout(() => trigger('select', {to: run}));
document.addEventListener('click', event => {
  const link = event.target.closest('#chat a[href*="#inside-"]');
  if (!link || !element.isConnected) return;
  event.preventDefault();
  trigger('select', {to: +link.getAttribute('href').split('#inside-')[1]});
}, true);
