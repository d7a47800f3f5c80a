// The address of the page names the tab that is open: `/ja/map`, and `/ja/` for the chat. Whoever opens such an address
// gets that tab; opening another one writes its address into the browser's history, so that back and forward work.
// A script of a gr.HTML: `element` is Gradio's; address.py puts `names`, by title, before it, and fills in which tab has
// the bare address.
const first = '@first';
let wrapper = null;
const buttons = () => [...wrapper.querySelectorAll('[role=tab], .overflow-dropdown button')];
const nameOf = button => names[button?.textContent.trim()];
const open = () => nameOf(buttons().find(button => button.classList.contains('selected')));
function wished() {
  const last = location.pathname.split('/').pop();
  return Object.values(names).includes(last) ? last : first;
}
function address(name) {
  const asked = new URLSearchParams(location.search);
  if (name !== 'microscope') asked.delete('run');  // inside_link.js opens that one there
  return `${name === first ? './' : name}${asked.size ? `?${asked}` : ''}`;
}
const turn = name => { if (open() !== name) buttons().find(button => nameOf(button) === name)?.click(); };
function noted() {
  const name = open();
  if (!name || !element.isConnected) return;
  if (name !== wished()) history.pushState(null, '', address(name));
  const other = document.querySelector('#language');
  other.href = `../${other.lang}/${name === first ? '' : name}`;
}
function begin() {
  wrapper = document.querySelector('#tabs > .tab-wrapper');
  if (!wrapper || !open()) {  // on a busy machine the tabs come later
    setTimeout(begin, 20);
    return;
  }
  if (open() === wished()) noted();
  else turn(wished());  // which the observer notes when it is done
  new MutationObserver(noted).observe(wrapper, {attributeFilter: ['class'], subtree: true});
  addEventListener('popstate', () => turn(wished()));
}
begin();
