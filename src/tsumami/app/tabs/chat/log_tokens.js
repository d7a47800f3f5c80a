// A reply as its tokens: how likely each was stands in its title, and a press on one offers those that could have stood
// there. Arrow keys go from one to the next. log.py puts `words`, token_choices.js and log_parts.js before this script.
function strip(tokens, pick) {
  const box = made('div', 'tokens'), text = written('div', 'said bot'), choices = made('div', '');
  choices.setAttribute('role', 'status');
  const open = at => {
    for (const one of text.children) one.setAttribute('aria-expanded', one === text.children[at]);
    choices.replaceChildren(choicesOf(tokens[at], other => pick(tokens[at].at, other.id)));
  };
  const marks = tokens.map((token, at) => {
    const mark = made('span', 'token', token.text);
    mark.setAttribute('role', 'button');
    mark.setAttribute('aria-expanded', false);
    mark.setAttribute('aria-label', aboutToken(token));
    mark.title = token.own ? `${words.own}\n${aboutToken(token)}` : aboutToken(token);
    mark.tabIndex = at ? -1 : 0;
    mark.classList.toggle('own', !!token.own);
    mark.classList.toggle('part', !token.text);
    mark.classList.toggle('chosen', !!token.chosen);
    mark.style.setProperty('--p', token.p);
    mark.addEventListener('click', () => open(at));
    return mark;
  });
  text.replaceChildren(...marks);
  text.addEventListener('keydown', event => {
    const at = marks.indexOf(event.target), to = marks[at + ({ArrowRight: 1, ArrowLeft: -1}[event.key] ?? NaN)];
    if (['Enter', ' '].includes(event.key) && at >= 0) { event.preventDefault(); open(at); }
    if (!to) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
  box.append(text, choices);
  return box;
}
