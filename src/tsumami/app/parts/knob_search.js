// Finds knobs by name, label or a name elsewhere: `box` is what is typed in, `told` says how many were found, `found_words`
// how to say it, `index` what each knob is called and the group that it stands in.
// A script of knob_panel.js.
(box, told, found_words, index) => {
  const hiding = document.createElement('style');
  box.after(hiding);
  const plain = text => text.normalize('NFKC').toLowerCase();
  box.addEventListener('input', () => {
    const asked = plain(box.value).split(/\s+/).filter(Boolean);
    const found = index.filter(({text}) => asked.every(word => plain(text).includes(word)));
    const groups = new Set(found.map(({group}) => group));
    const hidden = asked.length ? [
      ...index.filter(one => !found.includes(one)).flatMap(({name}) => [`#knob-${name}`, `#more-${name}`]),
      ...new Set(index.map(({group}) => group).filter(group => !groups.has(group))).values().map(group => `#${group}`),
    ] : [];
    hiding.textContent = hidden.length ? `:is(${hidden.join(', ')}) { display: none !important; }` : '';
    told.textContent = asked.length ? found_words.replace('{count}', found.length) : '';
    if (asked.length)
      for (const group of groups) {
        const details = document.getElementById(group);
        if (details.tagName === 'DETAILS') details.open = true;
      }
  });
}
