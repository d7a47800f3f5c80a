"""Work done apart: in a process of its own, which may hang, crash or want all memory without harm to this one.

Guarantee: a request that takes longer than it may is ended, whatever it is doing; a process that was ended or broke
down is said to have been, and the next request gets a new one. Nobody's request waits for one of another key, but for
want of processors: at most `room` are answered at once.

A child reads a request (bytes), answers it (bytes), and waits for the next, until its input ends, as it does when this
process ends, however it does. What it may compute for a request is counted in seconds of processor time, so a busy
machine makes nothing fail that would not fail alone; a clock on the wall ends what waits for ever.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final

__all__ = ["Allowance", "BrokeDownError", "CannotBeginError", "Helpers", "OvertimeError", "serve"]

_LENGTH: Final = struct.Struct("<Q")
_WALL: Final = 6  # a request may take so many times its processor time on the clock on the wall
_MORE: Final = b"+"  # behind an answer: the process takes another request
_POSIX: Final = os.name == "posix"


class OvertimeError(Exception):
    """A request took longer than it may, or found no free process in that time."""


class CannotBeginError(Exception):
    """No process could be begun; the message says why."""


class BrokeDownError(Exception):
    """The process ended by itself. `signal`: the name of what ended it, if that is known; `said`: its last words."""

    def __init__(self, signal_name: str | None, said: str) -> None:
        super().__init__(signal_name or "it ended")
        self.signal, self.said = signal_name, said


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request may take: seconds of processor time, and bytes of memory (None: as much as there is)."""

    seconds: float
    memory: int | None = None


class _Child:
    """One process, which answers one request at a time. `spent`: it answers no other."""

    def __init__(self, target: str, limits: Allowance) -> None:
        self._limits = limits
        self.spent = False
        begin = f"import sys; sys.path[:] = {sys.path!r}; from tsumami.apart import serve"
        with contextlib.ExitStack() as undo:
            self._errors = undo.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(  # noqa: S603  (ourselves)
                [sys.executable, "-c", f"{begin}; serve({target!r}, {limits.memory!r})"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, "GGML_NO_BACKTRACE": "1"},  # llama.cpp would call a debugger for its last words
                start_new_session=_POSIX,  # Ctrl-C is for us
            )
            undo.pop_all()  # both live on, until they are closed

    def ask(self, request: bytes, waits: Callable[[], None] | None) -> bytes:
        """Its answer; raises OvertimeError or BrokeDownError, and then it has ended."""
        overtime = threading.Event()

        def end() -> None:
            overtime.set()
            self._process.kill()

        alarm = threading.Timer(_WALL * self._limits.seconds, end)
        alarm.daemon = True
        alarm.start()
        try:
            answer = self._exchange(request) if waits is None else self._exchange_heeding(request, waits)
        except BaseException:
            self.close()
            raise
        finally:
            alarm.cancel()
        if answer is None:
            raise self._end(overtime.is_set())
        return answer

    def _exchange(self, request: bytes) -> bytes | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: there is no answer
            self._process.stdin.write(_LENGTH.pack(round(self._limits.seconds * 1000)))
            _write(self._process.stdin, request)
        answer = _read(self._process.stdout)
        self.spent = self._process.stdout.read(1) != _MORE
        return answer

    def _exchange_heeding(self, request: bytes, waits: Callable[[], None]) -> bytes | None:
        """Call `waits` meanwhile; what it raises ends the process, and is raised."""
        answers: list[bytes | None] = []
        exchanging = threading.Thread(target=lambda: answers.append(self._exchange(request)), daemon=True)
        exchanging.start()
        try:
            while exchanging.is_alive():
                exchanging.join(0.2)
                waits()
        except BaseException:
            self._process.kill()
            exchanging.join()
            raise
        return answers[0] if answers else None

    def _end(self, overtime: bool) -> Exception:
        code = self._process.wait()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 2000))
        said = self._errors.read().decode("utf-8", "replace").strip()
        self.close()
        name = signal.Signals(-code).name if code < 0 else None
        return OvertimeError() if overtime or name == "SIGPROF" else BrokeDownError(name, said)

    def close(self) -> None:
        """End it. Safe to call twice."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes


@dataclass(slots=True)
class _KeyLock:
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: int = 0
    """How many hold it or wait for it."""


class Helpers:
    """Children that answer requests by one function, `module:function` from bytes to bytes; begun when first needed."""

    def __init__(self, target: str, limits: Allowance, *, room: int = 4) -> None:
        self._target, self._limits = target, limits
        self._gates: dict[object, _KeyLock] = {}  # of the keys that are being asked about, and of no others
        self._free = threading.Semaphore(room)
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, key: object, request: bytes, waits: Callable[[], None] | None = None) -> bytes:
        """The answer to a request. Requests of one key are answered one after the other.

        waits: called some times a second meanwhile; what it raises breaks the request off.

        Raises:
            OvertimeError: it took longer than it may.
            BrokeDownError: the process broke down over it.
            CannotBeginError: the system gives no process.
        """
        patience = _WALL * self._limits.seconds
        with self._alone(key, patience), _held(self._free, patience):
            with self._lock:
                child = self._idle.pop() if self._idle else None
            child = child or self._begun()
            answer = child.ask(request, waits)
            if child.spent:
                child.close()
            else:
                with self._lock:
                    self._idle.append(child)
            return answer

    @contextlib.contextmanager
    def _alone(self, key: object, patience: float) -> Iterator[None]:
        """No other request of this key meanwhile. No key waits for another: each has a gate of its own."""
        with self._lock:
            gate = self._gates.setdefault(key, _KeyLock())
            gate.asked += 1
        try:
            with _held(gate.lock, patience):
                yield
        finally:
            with self._lock:
                gate.asked -= 1
                if not gate.asked:
                    del self._gates[key]

    def _begun(self) -> _Child:
        try:
            return _Child(self._target, self._limits)
        except OSError as error:
            raise CannotBeginError(error.strerror or str(error)) from error

    def close(self) -> None:
        """End those that are idle."""
        atexit.unregister(self.close)
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()


@contextlib.contextmanager
def _held(gate: threading.Lock | threading.Semaphore, seconds: float) -> Iterator[None]:
    if not gate.acquire(timeout=seconds):
        raise OvertimeError
    try:
        yield
    finally:
        gate.release()


# --- in the child ---


def serve(target: str, memory: int | None) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whoever prints does not answer by it
    module, _, name = target.partition(":")
    answer: Callable[[bytes], bytes] = getattr(importlib.import_module(module), name)
    if memory is not None and _POSIX:
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    while (head := sys.stdin.buffer.read(_LENGTH.size)) and (request := _read(sys.stdin.buffer)) is not None:
        _time(_LENGTH.unpack(head)[0] / 1000)
        answered = answer(request)
        _time(0)
        _write(answers, answered)
        more = memory is None or _taken() < memory // 4  # what a request has left behind is no burden for the next
        answers.write(_MORE if more else b".")
        answers.flush()
        if not more:
            return


def _taken() -> int:
    """Bytes of memory that this process has; 0 where the system does not say. (The most that it had, which every system
    says, counts on Linux from the process that began it.)
    """
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  (read after every answer)
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _time(seconds: float) -> None:
    """Let the system end this process when it has computed for so long; 0: let it be."""
    if _POSIX:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """The next piece; None: there is none, or not all of it."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None
