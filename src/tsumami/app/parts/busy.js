// Work is seen going on: while anything that was asked for is under way, a line at the top of the window says so, for how
// long, and stops it; what the answer will change is `aria-busy`. It begins with the request, so before the server answers.
// It watches the page's requests: Gradio says neither which events are under way nor when they end (parts/busy.py).
(() => {
  const QUIET = '@quiet'.split(','), PATIENCE = 5000, PRESSED = 400;
  const calls = new Map();  // by the id of the event, or until it has one by the request: what is under way
  let streams = 0, ticking = null, stopping = false;

  // --- what an event changes
  function changes(number) {
    const {dependencies = [], components = []} = window.gradio_config || {};
    const made = dependencies.find(one => one.id === number);
    return components.filter(one => made?.outputs.includes(one.id) && one.type === 'html')
      .map(one => one.props.elem_id || `component-${one.id}`);
  }
  const quiet = ids => ids.length > 0 && ids.every(id => QUIET.includes(id));
  function mark() {
    const busy = new Set([...calls.values()].flatMap(call => call.ids));
    for (const one of document.querySelectorAll('[data-under-way]')) {
      if (busy.has(one.id)) continue;
      one.removeAttribute('aria-busy');
      delete one.dataset.underWay;
    }
    for (const id of busy) {
      const one = document.getElementById(id);
      one?.setAttribute('aria-busy', 'true');
      if (one) one.dataset.underWay = '';
    }
  }

  // --- the line
  function draw() {
    const line = document.querySelector('#busy .busy-line');
    if (!line) return;  // the page is not there yet
    const all = [...calls.values()], begun = Math.min(...all.map(call => call.begun));
    line.hidden = !all.length;
    if (!all.length) { stopping = false; release(); }
    const said = !all.length ? '' : stopping ? '@stopping' : all.some(call => call.works) ? '@working' : '@waiting';
    const place = line.querySelector('.busy-said'), seconds = Math.floor((performance.now() - begun) / 1000);
    if (place.textContent !== said) place.textContent = said;
    line.querySelector('.busy-time').textContent = seconds >= 1 && all.length ? '@seconds'.replace('{count}', seconds) : '';
    line.querySelector('.busy-stop').disabled = stopping;
    if (all.length) ticking ??= setInterval(draw, 500);
    else { clearInterval(ticking); ticking = null; }
  }
  function changed() { mark(); draw(); }
  function ended(id) { if (calls.delete(id)) changed(); }

  // --- what is asked for, and what comes of it
  const real = window.fetch;
  async function asked(input, init) {
    const body = typeof init?.body === 'string' ? JSON.parse(init.body) : {}, call = {}, ids = changes(body.fn_index);
    const queued = String(input.url ?? input).includes('/queue/join');
    if (quiet(ids)) return real(input, init);
    calls.set(call, {ids, begun: performance.now(), works: !queued});
    changed();
    try {
      const answer = await real(input, init);
      if (queued && answer.ok) {
        const id = (await answer.clone().json()).event_id;
        if (over.delete(id)) return answer;
        calls.set(id, {...calls.get(call), works: early.delete(id)});
      }
      return answer;
    } finally { ended(call); }
  }
  const over = new Set(), early = new Set();  // of events whose news came before the answer that names them
  function heard({msg, event_id: id}) {
    if (msg === 'process_completed') { if (calls.has(id)) ended(id); else over.add(id); }
    if (msg !== 'process_starts') return;
    if (calls.has(id)) { calls.get(id).works = true; draw(); } else early.add(id);
  }
  async function read(stream) {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    streams++;
    try {
      for (let news = await reader.read(); !news.done; news = await reader.read()) {
        const lines = (rest + news.value).split('\n');
        rest = lines.pop();
        for (const said of lines) if (said.startsWith('data: ')) heard(JSON.parse(said.slice(6)));
      }
    } finally {
      streams--;
      // nobody tells any more when they end: the server has gone, or the page was cut off from it
      setTimeout(() => { if (!streams) { for (const id of [...calls.keys()]) if (typeof id === 'string') ended(id); } }, PATIENCE);
    }
  }
  window.fetch = async (input, init) => {
    const url = String(input.url ?? input);
    if (/\/queue\/join|\/run\//.test(url)) return asked(input, init);
    if (!url.includes('/queue/data')) return real(input, init);
    const answer = await real(input, init);
    if (!answer.ok || !answer.body) return answer;
    const [ours, theirs] = answer.body.tee();
    read(ours).catch(() => {});  // an end that Gradio hears of, too
    return new Response(theirs, {status: answer.status, headers: answer.headers});
  };
  // --- the button: that it was pressed is seen before Gradio has gathered what it sends, until all is answered
  function release() { for (const one of document.querySelectorAll('[data-pressed]')) delete one.dataset.pressed; }
  document.addEventListener('click', event => {
    const button = event.target.closest('button:not([role=tab], .stop, .busy-stop)');
    if (!button) return;
    button.dataset.pressed = '';
    setTimeout(() => { if (!calls.size) release(); }, PRESSED);
  }, true);
  document.addEventListener('click', event => {
    if (!event.target.closest('.busy-stop')) return;
    stopping = true;
    document.querySelector('#stop-all')?.click();
    draw();
  });
})();
