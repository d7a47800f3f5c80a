"""How many threads to decode with, found out while decoding.

Guarantee: never more than the user's limit, and a crowded machine is noticed within a few tokens. With as many threads
as cores, llama.cpp's barrier waits for a thread that another process has pushed aside, and a token can take a hundred
times as long; one thread less is then far faster. The number of threads changes no bit of an exact result, so it may be
tried at any time: most turns use the best known number, now and then one turn tries the other.
"""

from __future__ import annotations

from collections import deque

_WINDOW = 8
_FIRST_TRIAL = 6  # turns
_PATIENCE = 0.5  # seconds of decoding between two trials; in turns, a wrong choice would last long in a crowd
_MOST_PATIENCE = 16.0
_SUSPICIOUS = 1.6
#: What share of the time trials may take: a crowd that comes is noticed without any, its end only by them.
_QUIET, _CROWDED = 0.02, 0.1


class ThreadGovernor:
    """Chooses between all allowed threads and one less, from the times of comparable turns.

    Call `choose(rows)` before a turn of `rows` tokens and `observe(seconds)` after it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.less = max(1, most - 1)
        self._times: dict[tuple[int, int], deque[float]] = {}
        self._current = most
        self._turns = 0
        self._spent = 0.0
        self._next_trial: float | None = None  # at how many seconds spent; None until the first one
        self._patience = _PATIENCE
        self._now = (1, most)

    def choose(self, rows: int) -> int:
        """Threads for the coming turn of `rows` tokens."""
        threads = self._current
        self._turns += 1
        if self.less != self.most and self._is_time():
            threads = self._other()
            self._next_trial = self._spent + self._patience
        self._now = (rows, threads)
        return threads

    def _is_time(self) -> bool:
        return self._turns >= _FIRST_TRIAL if self._next_trial is None else self._spent >= self._next_trial

    def observe(self, seconds_per_token: float) -> None:
        """Take note of how long that turn took, in seconds per token."""
        rows, threads = self._now
        self._spent += rows * seconds_per_token
        kind = min(rows, 33).bit_length()  # turns of about the same size are comparable
        times = self._times.setdefault((kind, threads), deque(maxlen=_WINDOW))
        known = sorted(times)[len(times) // 2] if times else None
        times.append(seconds_per_token)
        if self.less == self.most:
            return
        if threads == self._current:
            if known is not None and seconds_per_token > _SUSPICIOUS * known:
                self._next_trial = self._spent  # something has changed: look at once
            return
        self._judge(kind, seconds_per_token, rows * seconds_per_token)

    def _judge(self, kind: int, trial: float, cost: float) -> None:
        """After a trial of the other number: take it if it was faster than what the present one does lately."""
        recent = list(self._times.get((kind, self._current), ()))[-2:]
        if recent and trial < min(recent):
            self._current = self._other()
            self._patience = _PATIENCE
            self._next_trial = self._spent + _PATIENCE
        else:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
            share = _QUIET if self._current == self.most else _CROWDED
            self._next_trial = self._spent + max(self._patience, cost / share)

    def _other(self) -> int:
        return self.less if self._current == self.most else self.most
