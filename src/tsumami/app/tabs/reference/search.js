// Found is what holds all the words, wherever; a name or a label that holds them comes first. Width of characters,
// katakana or hiragana, capitals, and - or _ make no difference. The script of an event: a function of the box's contents.
query => {
  const fold = text => text.normalize('NFKC').toLowerCase().replace(/[ァ-ヶ]/g,
    kana => String.fromCharCode(kana.charCodeAt(0) - 0x60)).replace(/[-_‐−]/g, '');
  const words = fold(query || '').split(/\s+/).filter(Boolean);
  const holds = text => words.every(word => fold(text).includes(word));
  let found = 0;
  for (const row of document.querySelectorAll('#reference .entry')) {
    const hit = holds(row.dataset.find + row.textContent);
    row.hidden = !hit;
    row.style.order = words.length && !holds(row.dataset.name) ? 1 : 0;
    found += hit;
  }
  const line = document.querySelector('#reference .found');
  if (line) line.textContent = line.dataset.words.replace('0', found);
}
