// What the browser keeps of this window's conversation: which one it is, where the history has it, and else all of it.
// The script of an event: a function of the conversation and of what is kept; there is none before the page is loaded.
(stored, kept) => {
  if (!stored) return kept;
  const conversation = JSON.parse(stored);
  sessionStorage.setItem('tsumami-place', JSON.stringify(conversation.place ?? null));
  const {version, place, exchanges} = conversation;
  return place ? {version, place, exchanges: []} : {version, exchanges};
}
