// Plays a speech: `props.value` is its name; its clips are asked for one by one and scheduled end to end, so that there
// is neither a gap nor an overlap. Another name, Stop, Esc, Clear or a recording that begins end it at once. Shows, too,
// what there is to say about voice: `props.note` from the server, and why the microphone cannot be used. voice_row.py puts
// `words`, the sentences in the page's language, before this script.
const AHEAD = 30; // seconds of sound that are fetched before they are needed
const note = () => element.querySelector('.voice-note');
const button = () => element.querySelector('.voice-play');
let context = null; // made when there is something to play: earlier, a browser would refuse it
let sounding = new Set();
let end = 0; // when the last clip ends, on the context's clock
let round = 0; // whoever waits for something of an earlier round is too late
let waiting = false; // for more of what is being said
let said = '';

function show(text) {
  said = text || '';
  note().textContent = said;
  note().hidden = !said;
}
// A browser that was never clicked may refuse to make sound; then a button asks for the click.
function refresh() {
  button().hidden = !(context && context.state === 'suspended' && sounding.size);
  element.dataset.speaking = sounding.size > 0;
  if (!sounding.size && !waiting) document.dispatchEvent(new Event('tsumami-silent'));
}
function stop(next = false) {
  round += 1;
  waiting = next;
  for (const source of sounding) source.stop();
  sounding.clear();
  end = 0;
  refresh();
}
function play(buffer) {
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.addEventListener('ended', () => { sounding.delete(source); refresh(); });
  const start = Math.max(context.currentTime + 0.05, end);
  source.start(start);
  end = start + buffer.duration;
  sounding.add(source);
  refresh();
}
async function follow(id) {
  stop(!!id);
  if (!id) return;
  const mine = round;
  for (let number = 0; ;) {
    const answer = await server.clip({ id, number });
    if (mine !== round) return;
    if (answer.problem) show(answer.problem);
    if (answer.over && !answer.wav) {
      waiting = false;
      refresh();
      return;
    }
    if (!answer.wav) continue;
    number += 1;
    if (!context) {
      context = new AudioContext();
      context.addEventListener('statechange', refresh);
    }
    const bytes = Uint8Array.from(atob(answer.wav), letter => letter.charCodeAt(0));
    const buffer = await context.decodeAudioData(bytes.buffer);
    if (mine !== round) return;
    play(buffer);
    while (end - context.currentTime > AHEAD) {
      await new Promise(resolve => setTimeout(resolve, 500));
      if (mine !== round) return;
    }
  }
}
function silence() {
  if (sounding.size || props.value) server.hush(props.value || '').catch(() => {});
  stop();
}

button().textContent = words.play;
button().addEventListener('click', () => context && context.resume());
document.addEventListener('keydown', event => { if (event.key === 'Escape') silence(); });
document.addEventListener('tsumami-hush', silence);
document.addEventListener('click', event => {
  if (event.target.closest('#stop, #clear, #undo')) silence();
  // Outside of https and localhost a browser has no microphone to offer, and a page no way to ask.
  if (event.target.closest('#voice-in button') && !navigator.mediaDevices) show(words.insecure);
}, true);

if (navigator.mediaDevices) {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async constraints => {
    silence(); // else the microphone would hear the voice
    try {
      const stream = await ask(constraints);
      show('');
      return stream;
    } catch (error) {
      const refused = ['NotAllowedError', 'SecurityError'].includes(error.name);
      show(words[refused ? 'refused' : error.name === 'NotReadableError' ? 'busy_microphone' : 'no_microphone']);
      throw error;
    }
  };
}
watch('note', () => show(props.note));
watch('value', () => follow(props.value).catch(error => console.warn('voice:', error)));
