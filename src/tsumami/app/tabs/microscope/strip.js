// A click on a token, or the arrow keys, move the eye.
// One look is under way at a time: the marked token is where the eye wants to be, and the last wish is sent when the
// answer to the one before is there (or does not come).
// A script of a gr.HTML: `element`, `trigger` and `watch` are Gradio's.
element.tabIndex = 0;
element.setAttribute('role', 'group');
element.ariaLabel = '@about';
const tokens = () => [...element.querySelectorAll('[data-token]')];
const at = () => tokens().findIndex(token => token.classList.contains('on'));
let wish = null, waiting = null;
function send() {
  clearTimeout(waiting);
  waiting = setTimeout(() => { waiting = null; }, 3000);
  trigger('select', {to: wish});
}
function look(to) {
  tokens().forEach((token, number) => token.classList.toggle('on', number === to));
  tokens()[to].scrollIntoView({block: 'nearest', inline: 'nearest'});
  document.querySelector('#told').textContent = `${to + 1} / ${tokens().length} ${tokens()[to].title}`;
  wish = to;
  if (waiting === null) send();
}
watch(['value'], () => {
  clearTimeout(waiting);
  waiting = null;
  if (wish !== null && wish !== at() && wish < tokens().length) look(wish);
  else wish = null;
  element.querySelector('.tsu-token.on')?.scrollIntoView({block: 'nearest', inline: 'nearest'});
});
element.addEventListener('click', event => {
  const token = event.target.closest('[data-token]');
  if (token) { element.focus({preventScroll: true}); look(+token.dataset.token); }
});
element.addEventListener('keydown', event => {
  const to = at() + ({ArrowRight: 1, ArrowLeft: -1}[event.key] ?? NaN);
  if (!(to >= 0 && to < tokens().length)) return;
  event.preventDefault();
  look(to);
});
