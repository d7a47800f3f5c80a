// Which conversation of the history this window shows: the browser has one `kept` for all its windows, and each window
// remembers its own. The script of an event: a function of its inputs, which gives what the server gets.
(kept, cleared) => {
  const place = JSON.parse(sessionStorage.getItem('tsumami-place'));
  return [place ? {...kept, version: 1, exchanges: [], place} : kept, cleared];
}
