// Says how likely a token was, and offers those that could have stood there. token_choices.py (views) makes the tokens;
// `words` stands before this script.
const tokenLine = ({name, final, raw}) => words.choice_chance.replace('{token}', name).replace('{final}', final).replace('{raw}', raw);
const otherLine = ({name, p, cut}) => cut ? words.choice_cut.replace('{token}', name).replace('{p}', p) : `${name} ${p}`;
function aboutToken(token) {
  return [tokenLine(token), ...token.others.slice(0, 5).map(one => `  ${otherLine(one)}`)].join('\n');
}
function choicesOf(token, pick) {
  const box = document.createElement('div'), line = document.createElement('p'), label = document.createElement('span');
  box.className = 'choices';
  box.setAttribute('role', 'group');
  line.textContent = tokenLine(token);
  line.className = 'choices-line';
  label.textContent = words.choice_instead;
  box.setAttribute('aria-label', words.choice_instead);
  const buttons = token.others.map(one => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'choice';
    button.dataset.id = one.id;
    button.translate = false;
    button.dir = 'auto';
    button.textContent = otherLine(one);
    button.title = words.choice_take.replace('{token}', one.name);
    button.classList.toggle('cut', one.cut);
    button.addEventListener('click', () => pick(one));
    return button;
  });
  box.append(line, label, ...buttons);
  return box;
}
