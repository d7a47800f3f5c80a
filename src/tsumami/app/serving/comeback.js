// The server may be started anew while a page is open: it says so, and opens the page again once the new one answers. What
// was said is the history's or the browser's, the knobs and the model's choice are the browser's; what was being typed is
// carried over here.
(() => {
  const AT = 2000, PATIENCE = 4000, SHOWN = 12000, KEY = 'tsumami-comeback';
  const typing = () => document.querySelector('#message textarea');
  let server = null;
  const say = text => {
    let line = document.getElementById('comeback');
    if (!text) return line?.remove();
    if (!line) {
      line = document.createElement('div');
      line.id = 'comeback';
      line.setAttribute('role', 'status');
      line.style.cssText = 'position:fixed;inset:0 0 auto;z-index:9999;padding:.6em 1em;background:#7c2d12;color:#fff;text-align:center';
      document.body.append(line);
    }
    line.textContent = text;
  };
  const again = () => {
    sessionStorage.setItem(KEY, typing()?.value ?? '');
    location.reload();
  };
  const ask = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch('alive', {cache: 'no-store', signal: AbortSignal.timeout(PATIENCE)});
      if (answer.status >= 500) throw new Error(answer.statusText);
      const now = answer.ok ? (await answer.json()).server : server;
      server ??= now;
      if (now !== server) again();
      else if (sessionStorage.getItem(KEY) === null) say('');
    } catch {
      if (server !== null) say('@gone');
    }
  };
  const round = async () => {
    await ask();
    setTimeout(round, AT);
  };
  const resume = text => {
    const box = typing();
    if (!box) return setTimeout(resume, 200, text);
    if (text && !box.value) {
      box.value = text;
      box.dispatchEvent(new Event('input', {bubbles: true}));
    }
    setTimeout(() => {
      sessionStorage.removeItem(KEY);
      say('');
    }, SHOWN);
  };
  const start = () => {
    const before = sessionStorage.getItem(KEY);
    if (before !== null) {
      say('@back');
      resume(before);
    }
    round();
  };
  document.addEventListener('visibilitychange', ask);
  if (document.body) start();
  else addEventListener('DOMContentLoaded', start);
})();
