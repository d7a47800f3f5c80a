// A worker for a page that was opened as a file, where browsers allow no real one: its script runs in a hidden frame. The
// theme's search looks for the class by this name.
window.IFrameWorker = class extends EventTarget {
  #frame = document.createElement('iframe');
  #running;

  constructor(url) {
    super();
    this.#frame.hidden = true;
    this.#frame.srcdoc = '<!doctype html>';
    const loaded = new Promise(done => this.#frame.addEventListener('load', done, {once: true}));
    document.body.append(this.#frame);
    this.#running = loaded.then(() => this.#run(url));
  }
  postMessage(data) {
    this.#running.then(() => this.#inside.dispatchEvent(new MessageEvent('message', {data: structuredClone(data)})));
  }
  terminate() { this.#frame.remove(); }

  get #inside() { return this.#frame.contentWindow; }
  async #run(url) {
    this.#inside.postMessage = data => {
      const said = new MessageEvent('message', {data: structuredClone(data)});
      this.dispatchEvent(said);
      this.onmessage?.(said);
    };
    this.#inside.importScripts = async (...urls) => { for (const one of urls) await this.#load(one); };
    await this.#load(url);
  }
  #load(url) {
    const script = this.#inside.document.createElement('script');
    script.src = url;
    return new Promise((done, failed) => {
      script.addEventListener('load', done);
      script.addEventListener('error', failed);
      this.#inside.document.body.append(script);
    });
  }
};
if (location.protocol === 'file:') window.Worker = window.IFrameWorker;
