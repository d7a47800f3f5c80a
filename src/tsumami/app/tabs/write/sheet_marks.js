// What of a text a model wrote. A mark is {start, end, run, tokens}: a stretch of the text, the request that it came of,
// and its tokens: one, or several where only together they are a character. Marks stand in order and touch at most.
// What was edited by hand is nobody's but the reader's: a mark that an edit touches goes.
function edited(marks, before, after) {
  let same = 0, least = Math.min(before.length, after.length);
  while (same < least && before.charCodeAt(same) === after.charCodeAt(same)) same++;
  let tail = 0;
  while (tail < least - same && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail++;
  const end = before.length - tail, moved = after.length - before.length;
  return marks.flatMap(mark => {
    if (mark.end <= same) return [mark];
    if (mark.start >= end) return [{...mark, start: mark.start + moved, end: mark.end + moved}];
    return [];
  });
}
// Where what one request wrote ends, from one of its marks on.
function endOfRun(marks, at) {
  while (marks[at + 1]?.run === marks[at].run && marks[at + 1].start === marks[at].end) at++;
  return marks[at].end;
}
const markAt = (marks, place) => marks.findIndex(({start, end}) => start <= place && place < end);
// What a browser has kept, if it is that.
function readDocument(text) {
  try {
    const found = JSON.parse(text);
    if (typeof found?.text !== 'string' || !Array.isArray(found.marks)) return null;
    let last = 0;
    const marks = found.marks.filter(({start, end, tokens}) => {
      const fits = start >= last && end > start && end <= found.text.length && Array.isArray(tokens) && tokens.length > 0;
      if (fits) last = end;
      return fits;
    });
    return {text: found.text, marks};
  } catch { return null; }
}
