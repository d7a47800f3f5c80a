// While somebody records, how loud it is; and what was recorded, to be heard until it is sent or put away.
// voice_row.py puts `words` and voice.js before this script; `element` is Gradio's.
const level = element.querySelector('.voice-level'), recorded = element.querySelector('.voice-recorded');
const player = recorded.querySelector('audio'), away = recorded.querySelector('button');
const QUIETEST = -60; // decibels: where the meter begins

function measure(stream) {
  const sound = new AudioContext(), ear = sound.createAnalyser(), samples = new Float32Array(1024);
  ear.fftSize = samples.length;
  sound.createMediaStreamSource(stream).connect(ear);
  level.hidden = false;
  return {
    look() {
      ear.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
      level.value = Math.max(0, 1 - 10 * Math.log10(power + 1e-12) / QUIETEST);
    },
    end() { level.hidden = true; level.value = 0; sound.close(); },
  };
}
function keep(blob) {
  drop();
  if (!blob.size) return;
  player.src = URL.createObjectURL(blob);
  recorded.hidden = false;
}
function drop() {
  if (player.src) URL.revokeObjectURL(player.src);
  player.removeAttribute('src');
  recorded.hidden = true;
}
// Gradio's recorder is the browser's: whatever it records passes here as well, without its pauses.
if (window.MediaRecorder) window.MediaRecorder = class extends MediaRecorder {
  constructor(stream, how) {
    super(stream, how);
    const parts = [];
    let meter = null, looking = 0;
    this.addEventListener('start', () => {
      drop();
      meter = measure(stream);
      looking = setInterval(meter.look, 60);
    });
    this.addEventListener('dataavailable', event => parts.push(event.data));
    this.addEventListener('stop', () => {
      clearInterval(looking);
      meter?.end();
      keep(new Blob(parts, {type: this.mimeType}));
    });
  }
};
const sent = () => { drop(); show(''); };
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.target.closest?.('#message')) sent();
});
document.addEventListener('click', event => { if (event.target.closest('#message button, #clear')) sent(); });
level.setAttribute('aria-label', words.level);
player.setAttribute('aria-label', words.recorded);
recorded.firstElementChild.textContent = words.recorded;
away.title = words.put_away;
away.setAttribute('aria-label', words.put_away);
away.addEventListener('click', drop);
watch('sent', () => { if (props.sent) sent(); });
