// The icicle of a knob map: the knob's value across, tokens downward, a column for each text.
//
// Guarantee: what is shown is what icicle_page.py's data says, nothing is computed here but where it stands. Two
// canvases lie on each other: cells are drawn once for each view, what is under the pointer is drawn over them, so that
// moving costs nothing also with 500 texts. Mouse, finger and keyboard reach the same things.
//
// place: the element that holds the skeleton; actions: what the page offers (zoom, back, inside, apply), if it does.
function tsumamiIcicle(place, actions = {}) {
  const LEFT = 30, RIGHT = 10, TOP = 24, BOTTOM = 22, FONT = '12px system-ui, "Hiragino Sans", "Noto Sans CJK JP", sans-serif';
  const part = name => place.querySelector(`.tsu-icicle-${name}`);
  const words = JSON.parse(place.querySelector('.tsu-icicle').dataset.words);
  const base = part('base'), over = part('over'), tip = part('tip');
  let map = null, rows = [], view = null, row = 20, picked = null, pointed = null, drag = null, widths = new Map();

  // --- where things are
  const across = () => base.clientWidth - LEFT - RIGHT;
  const x = value => LEFT + (value - view[0]) / (view[1] - view[0]) * across();
  const valueAt = px => view[0] + (px - LEFT) / across() * (view[1] - view[0]);
  const left = cell => map.extents[cell[0]][0], right = cell => map.extents[cell[1]][1];
  function pieceAt(value) {
    let low = 0, high = map.extents.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (map.extents[middle][1] > value) high = middle; else low = middle + 1;
    }
    return low;
  }
  function cellAt(piece, depth) {
    const inRow = rows[depth] || [];
    let low = 0, high = inRow.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (inRow[middle][1] >= piece) high = middle; else low = middle + 1;
    }
    const cell = inRow[low];
    return cell && cell[0] <= piece && piece <= cell[1] ? cell : null;
  }
  const textOf = cell => map.units[cell[4]][0];
  const labelOf = cell => map.units[cell[4]][1];
  const number = value => String(value);
  const span = (from, to) => from === to ? number(from) : `${number(from)} – ${number(to)}`;
  const flickerAt = piece => map.flickers.find(one => one.begin <= piece && piece <= one.end);
  const interval = cell => span(map.pieces[cell[0]].low, map.pieces[cell[1]].last);

  // --- drawing
  const tone = name => getComputedStyle(place.querySelector('.tsu-icicle')).getPropertyValue(`--${name}`).trim();
  function sized(canvas, height) {
    const scale = devicePixelRatio || 1, width = canvas.clientWidth;
    canvas.style.height = `${height}px`;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = FONT;
    return pen;
  }
  function draw() {
    if (!map || !base.clientWidth) return;
    const deep = Math.max(map.depth, 1);
    row = Math.max(8, Math.min(20, 1600 / deep));
    const height = TOP + deep * row + BOTTOM;
    part('stage').style.height = `${height}px`;
    const pen = sized(base, height);
    const [ink, faint, line, veil] = ['ink', 'faint', 'line', 'cell-veil'].map(tone);
    scales(pen, deep, faint, line);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP, across(), deep * row);
    pen.clip();
    for (let piece = pieceAt(view[0]); piece < map.pieces.length && map.extents[piece][0] <= view[1]; piece++)
      if (!map.pieces[piece].finished) hatch(pen, piece, deep, faint);
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (const cell of map.cells) {
      if (right(cell) < view[0] || left(cell) > view[1]) continue;
      const from = Math.max(x(left(cell)), LEFT - 2), to = Math.min(x(right(cell)), LEFT + across() + 2);
      const wide = Math.max(to - from - (to - from > 3 ? 1 : 0), 0.8), high = (cell[3] - cell[2] + 1) * row;
      pen.fillStyle = map.palette[map.units[cell[4]][2]];
      pen.fillRect(from, TOP + cell[2] * row, wide, high - 1);
      if (veil !== 'none') { pen.fillStyle = veil; pen.fillRect(from, TOP + cell[2] * row, wide, high - 1); }
      if (row < 13 || wide < 9) continue;
      const text = labelOf(cell);
      if (!widths.has(text)) widths.set(text, pen.measureText(text).width);
      if (widths.get(text) > wide - 4) continue;
      pen.fillStyle = ink;
      pen.fillText(text, from + wide / 2, TOP + cell[2] * row + high / 2);
    }
    pen.restore();
    mark();
  }
  function hatch(pen, piece, deep, faint) {
    const from = Math.max(x(map.extents[piece][0]), LEFT), to = Math.min(x(map.extents[piece][1]), LEFT + across());
    const top = TOP + map.pieces[piece].depth * row, bottom = TOP + deep * row;
    pen.save();
    pen.beginPath();
    pen.rect(from, top, Math.max(to - from - 0.5, 0.8), bottom - top);
    pen.clip();
    pen.strokeStyle = faint;
    pen.globalAlpha = 0.35;
    pen.lineWidth = 1;
    pen.beginPath();
    const first = Math.floor((from - (bottom - top)) / 8) * 8;  // one pattern over all columns: neighbours look like one
    for (let at = first; at < to; at += 8) { pen.moveTo(at, bottom); pen.lineTo(at + (bottom - top), top); }
    pen.stroke();
    pen.restore();
  }
  function scales(pen, deep, faint, line) {
    pen.fillStyle = faint;
    pen.strokeStyle = line;
    pen.lineWidth = 1;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    const every = row >= 13 ? (deep > 24 ? 4 : 2) : 8;
    for (let at = 0; at < deep; at += every) pen.fillText(at + 1, LEFT - 6, TOP + (at + 0.5) * row);
    pen.textAlign = 'center';
    for (const value of ticks()) {
      const at = x(value);
      pen.beginPath();
      pen.moveTo(at, TOP - 5);
      pen.lineTo(at, TOP);
      pen.moveTo(at, TOP + deep * row);
      pen.lineTo(at, TOP + deep * row + 4);
      pen.stroke();
      for (const y of [TOP - 13, TOP + deep * row + 13]) pen.fillText(tick(value), at, y);
    }
  }
  function step() {
    const rough = (view[1] - view[0]) / Math.max(across() / 80, 2), power = 10 ** Math.floor(Math.log10(rough));
    const nice = [1, 2, 5, 10].find(one => one * power >= rough) * power;
    return map.whole ? Math.max(1, Math.round(nice)) : nice;
  }
  function ticks() {
    const by = step(), found = [];
    for (let at = Math.ceil(view[0] / by); at * by <= view[1] + by * 1e-9; at++) found.push(at * by);
    return found.filter(value => x(value) > LEFT + 4 && x(value) < LEFT + across() - 4);
  }
  const tick = value => map.whole ? value.toFixed(0) : value.toFixed(Math.max(0, Math.min(9, -Math.floor(Math.log10(step()) + 1e-9))));
  function mark() {
    const deep = Math.max(map.depth, 1), pen = sized(over, TOP + deep * row + BOTTOM);
    const accent = tone('first');
    pen.strokeStyle = tone('ink');
    if (pointed && !drag) frame(pen, pointed.cell, 1);
    pen.strokeStyle = accent;
    if (picked) {
      const [from, to] = map.extents[picked.piece];
      pen.globalAlpha = 0.9;
      pen.lineWidth = 2;
      pen.strokeRect(x(from), TOP, Math.max(x(to) - x(from), 1), deep * row);
      frame(pen, cellAt(picked.piece, picked.depth), 3);
    }
    if (drag && drag.moved) {
      pen.globalAlpha = 0.25;
      pen.fillStyle = accent;
      pen.fillRect(Math.min(drag.from, drag.to), TOP, Math.abs(drag.to - drag.from), deep * row);
    }
    pen.globalAlpha = 1;
  }
  function frame(pen, cell, wide) {
    if (!cell) return;
    pen.lineWidth = wide;
    pen.strokeRect(x(left(cell)), TOP + cell[2] * row, Math.max(x(right(cell)) - x(left(cell)), 1), (cell[3] - cell[2] + 1) * row - 1);
  }

  // --- pointing
  function spot(event) {
    const box = over.getBoundingClientRect();
    const px = Math.min(Math.max(event.clientX - box.left, LEFT), LEFT + across());
    const depth = Math.floor((event.clientY - box.top - TOP) / row);
    return {px, y: event.clientY - box.top, depth: Math.min(Math.max(depth, 0), Math.max(map.depth, 1) - 1)};
  }
  function about(piece, depth, cell) {
    if (cell) return [`${words.token} ${cell[2] + 1}  “${labelOf(cell)}”`, interval(cell)];
    const {finished, stop, low, last} = map.pieces[piece];
    return [finished ? (stop === 'length' ? words.length : words.ended) : words.open, span(low, last)];
  }
  function point(event) {
    const {px, y, depth} = spot(event), piece = pieceAt(valueAt(px)), cell = cellAt(piece, depth);
    pointed = {piece, depth, cell};
    const [head, body] = about(piece, depth, cell);
    const value = map.whole ? '' : `${map.knob} ≈ ${valueAt(px).toPrecision(4)}`;
    const flicker = flickerAt(piece)?.short;
    tip.replaceChildren(...[head, `${map.knob} ${body}`, value, flicker].filter(Boolean).map((text, at) => {
      const made = document.createElement(at ? 'span' : 'b');
      made.textContent = text;
      return made;
    }));
    tip.hidden = false;
    const room = over.clientWidth - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(px + 14, room))}px`;
    tip.style.top = `${y + tip.offsetHeight + 24 > over.clientHeight ? y - tip.offsetHeight - 10 : y + 16}px`;
    mark();
  }
  function unpoint() { pointed = null; tip.hidden = true; if (map) mark(); }
  over.addEventListener('pointerdown', event => {
    if (!map || event.button) return;
    const {px} = spot(event);
    drag = {from: px, to: px, moved: false};
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener('pointermove', event => {
    if (!map) return;
    if (drag) {
      drag.to = spot(event).px;
      drag.moved = drag.moved || Math.abs(drag.to - drag.from) > 6;
    }
    if (drag && drag.moved) { tip.hidden = true; mark(); } else point(event);
  });
  over.addEventListener('pointerup', event => {
    if (!drag) return;
    const {from, to, moved} = drag;
    drag = null;
    if (moved) zoom(...[valueAt(from), valueAt(to)].sort((a, b) => a - b));
    else { const {px, depth} = spot(event); pick(pieceAt(valueAt(px)), depth); }
  });
  over.addEventListener('pointercancel', () => { drag = null; unpoint(); });
  over.addEventListener('pointerleave', () => { if (!drag) unpoint(); });
  over.addEventListener('keydown', event => {
    if (!map) return;
    const at = picked || {piece: 0, depth: 0}, cell = cellAt(at.piece, at.depth) || [at.piece, at.piece, at.depth, at.depth];
    const steps = {ArrowLeft: [cell[0] - 1, at.depth], ArrowRight: [cell[1] + 1, at.depth], ArrowUp: [at.piece, cell[2] - 1],
      ArrowDown: [at.piece, cell[3] + 1], Home: [0, at.depth], End: [map.pieces.length - 1, at.depth]};
    if (event.key === 'Enter') zoomTo(at.piece, at.depth);
    else if (event.key === 'Escape') back();
    else if (steps[event.key]) pick(...(picked ? steps[event.key] : [0, 0]));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // --- picking
  function pick(piece, depth) {
    piece = Math.min(Math.max(piece, 0), map.pieces.length - 1);
    depth = Math.min(Math.max(depth, 0), Math.max(map.depth, 1) - 1);
    picked = {piece, depth};
    const [from, to] = map.extents[piece];
    if (to < view[0] || from > view[1]) view = whole();
    draw();
    tell();
  }
  function tell() {
    const box = part('picked');
    box.hidden = !picked;
    for (const one of part('table').querySelectorAll('tr'))
      one.classList.toggle('on', !!picked && +one.dataset.piece <= picked.piece && picked.piece <= +one.dataset.end);
    if (!picked) return;
    const {piece, depth} = picked, found = map.pieces[piece], cell = cellAt(piece, depth);
    const [head, body] = about(piece, depth, cell);
    part('head').textContent = `${map.knob} ${span(found.low, found.last)}`;
    part('cell').textContent = `${head} · ${map.knob} ${body}`;
    part('said').replaceChildren(...marked(piece, cell), found.finished ? '' : ` … (${words.open})`);
    part('why').textContent = flickerAt(piece)?.why || '';
    part('settings').textContent = `${map.knob}=${number(found.handy)}${map.settings ? `, ${map.settings}` : ''}`;
  }
  function marked(piece, cell) {
    const text = map.texts[piece];
    let before = '';
    for (let at = 0; cell && at < cell[2];) { const one = cellAt(piece, at); before += textOf(one); at = one[3] + 1; }
    if (!cell || !text.startsWith(before + textOf(cell))) return [text];
    const made = document.createElement('mark');
    made.textContent = textOf(cell);
    return [before, made, text.slice(before.length + textOf(cell).length)];
  }
  part('picked').addEventListener('click', event => {
    const what = event.target.dataset.do;
    if (!what || !picked) return;
    if (what === 'zoom') zoomTo(picked.piece, picked.depth);
    else actions[what]?.({piece: picked.piece, token: picked.depth});
  });
  for (const button of part('picked').querySelectorAll('[data-do=inside], [data-do=apply]')) button.hidden = !actions[button.dataset.do];
  part('back').addEventListener('click', back);

  // --- zooming
  const whole = () => [map.extents[0][0], map.extents[map.extents.length - 1][1]];
  function zoomTo(piece, depth) {
    const cell = cellAt(piece, depth) || [piece, piece];
    zoom(left(cell), right(cell));
  }
  function zoom(low, high) {
    const [first, last] = whole();
    [low, high] = [Math.max(low, first), Math.min(high, last)];
    const ends = map.whole ? [Math.ceil(low), Math.floor(high)] : [low, high];
    if (!(ends[0] < ends[1]) || (low === first && high === last)) return;
    view = map.whole ? [ends[0] - 0.5, ends[1] + 0.5] : ends;
    part('back').hidden = false;
    draw();
    actions.zoom?.({low: ends[0], high: ends[1]});
  }
  function back() {
    if (!map) return;
    const [first, last] = whole(), zoomed = view[0] !== first || view[1] !== last;
    view = [first, last];
    part('back').hidden = !map.parents;
    draw();
    if (actions.back && map.parents && !zoomed) actions.back({});
  }

  // --- the table: a row for each text, and one for all stretches of values at which texts alternate, which unfolds them
  function list() {
    const table = part('table'), all = [];
    for (let at = 0; at < map.pieces.length; at = all[all.length - 1].end + 1) {
      const {low, last, finished} = map.pieces[at], flicker = flickerAt(at);
      all.push(flicker ? {...flicker, text: flicker.short, kind: 'flicker'}
        : {begin: at, end: at, low, last, text: map.texts[at] + (finished ? '' : ' …'), kind: finished ? '' : 'open', why: ''});
    }
    const shown = all.slice(0, 1000);
    table.tBodies[0].replaceChildren(...shown.map(one => {
      const made = document.createElement('tr');
      Object.assign(made.dataset, {piece: one.begin, end: one.end});
      made.tabIndex = 0;
      made.className = one.kind;
      made.title = one.why;
      for (const text of [number(one.low), number(one.last), one.text]) made.appendChild(document.createElement('td')).textContent = text;
      return made;
    }));
    if (map.flickers.length) {
      const fold = document.createElement('tr'), cell = document.createElement('td'), press = document.createElement('button');
      fold.className = 'folded';
      cell.colSpan = 3;
      Object.assign(press, {type: 'button', textContent: map.folded, ariaExpanded: table.classList.contains('all')});
      cell.append(press);
      fold.append(cell);
      table.tBodies[0].prepend(fold);
    }
    const rest = all.length - shown.length;
    part('rest').textContent = rest ? words.more.replace('{count}', rest) : '';
  }
  function chosen(event) {
    const one = event.target.closest('tr[data-piece]'), fold = event.target.closest('tr.folded');
    if (one) pick(+one.dataset.piece, 0);
    if (fold) fold.querySelector('button').ariaExpanded = part('table').classList.toggle('all');
  }
  part('table').addEventListener('click', chosen);
  part('table').addEventListener('keydown', event => { if (event.key === 'Enter' && event.target.tagName === 'TR') chosen(event); });

  new ResizeObserver(draw).observe(part('stage'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

  // --- what the page calls
  return {
    show(data) {
      const same = map && data.knob === map.knob && data.low === map.low && data.high === map.high;
      const kept = same && picked ? map.pieces[picked.piece].handy : null;
      map = data;
      rows = [];
      for (const cell of map.cells) for (let at = cell[2]; at <= cell[3]; at++) (rows[at] ||= []).push(cell);
      for (const one of rows) one?.sort((a, b) => a[0] - b[0]);
      if (!same) { view = whole(); part('back').hidden = !map.parents; }
      picked = kept === null ? null : {piece: pieceAt(kept), depth: picked.depth};
      pointed = null;
      tip.hidden = true;
      part('facts').textContent = map.facts;
      part('notes').textContent = map.notes;
      part('body').hidden = false;
      list();
      draw();
      tell();
    },
  };
}
