// What the browser keeps: the contents of all parts by name, once they have been restored. Components report their
// defaults while they appear; what is kept must not be replaced by these before.
// The script of an event: a function of what is kept, of all knobs by name, and of the other parts' contents;
// positions.py fills in their names.
(kept, knobs, ...values) => window.tsumamiRestored
  ? {...knobs, ...Object.fromEntries('@names'.split(',').map((name, at) => [name, values[at]]))} : kept
