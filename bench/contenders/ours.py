"""tsumami as a user has it: `tsumami.load`, `Model.stream`, every Step consumed in the caller's thread."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict
from typing import Any

import tsumami
from tsumami.engine import Feed, Program, Sequence
from tsumami.knobs import KNOBS
from tsumami.models import resolve
from tsumami.native import DEFAULT_ENVIRONMENT


def make(
    model: str, threads: int, *, governor: bool = True, n_cells: int | None = None, n_ctx: int | None = None
) -> Ours:
    """Load; `governor` False fixes the number of threads, to see what the choice of threads is worth."""
    return Ours(model, threads, governor=governor, n_cells=n_cells, n_ctx=n_ctx)


def _decoded(prompts: list[list[int]], replies: list[list[int]]) -> Program[float]:
    sequences = [Sequence(lasting=False) for _ in prompts]
    yield [Feed(one, prompt) for one, prompt in zip(sequences, prompts, strict=True)]
    begin = time.perf_counter()
    for tokens in zip(*replies, strict=True):
        yield [Feed(one, [token]) for one, token in zip(sequences, tokens, strict=True)]
    seconds = time.perf_counter() - begin
    for one in sequences:
        one.close()
    return seconds


class Ours:
    """One loaded model."""

    def __init__(self, name: str, threads: int, *, governor: bool, n_cells: int | None, n_ctx: int | None) -> None:
        self._path = str(resolve(name).path)
        self.model = tsumami.load(name, threads=threads, n_cells=n_cells, n_ctx=n_ctx)
        self._threads, self._choose_threads = threads, governor
        self.reset_threads()
        self._listening: threading.Thread | None = None
        self._stop_listening = threading.Event()

    def facts(self) -> dict[str, Any]:
        """What a bare loop needs to do the same work in the same way."""
        vocab = self.model.tokenizer
        return {
            "path": self._path,
            "options": asdict(self.model.engine.options) | {"repack": self.model.engine.model.repacked},
            "environment": {name: os.environ[name] for name in DEFAULT_ENVIRONMENT if name in os.environ},
            "exact": self.model.exactness.exact,
            "n_vocab": vocab.n_tokens,
            "eog": [token for token in range(vocab.n_tokens) if vocab.is_eog(token)],
        }

    def reset_threads(self) -> None:
        """Choose the number of threads anew, as after loading (or fix it)."""
        self.model.engine.limit_threads(self._threads)
        if not self._choose_threads:
            chooser = self.model.engine._governor
            chooser.less = chooser.most

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a prompt."""
        return self.model.tokenize(text)

    def forget(self) -> None:
        """Empty the cache."""
        self.model.engine.set_policy(self.model.engine.policy)

    def fill(self, count: int) -> int:
        """Fill the cache with `count` tokens of other texts, as an afternoon's work would; returns the cells used."""
        piece = min(count, self.model.n_ctx - 2)
        for number in range(-(-count // piece)):
            self.model.run([1000 + number] + [2000] * piece, max_tokens=1)
        return self.model.engine.usage().used_cells

    def steps(self, prompt: list[int], count: int, seed: int, *, named: bool = False) -> dict[str, Any]:
        """Stream one run with the default settings; seconds from the first Step to the last, in the consumer's eyes.

        named: every knob that does nothing at its default is told so, one by one.
        """
        times: list[float] = []
        tokens: list[int] = []
        told = {name: knob.neutral for name, knob in KNOBS.items() if knob.neutral == knob.default} if named else {}
        with self.model.stream(prompt, tsumami.Settings.from_mapping(told), max_tokens=count, seed=seed) as stream:
            for step in stream:
                times.append(time.perf_counter())
                tokens.append(step.id)
        return {"tokens": tokens, "seconds": times[-1] - times[0]}

    def seconds(self, prompt: list[int], settings: dict[str, Any]) -> float:
        """Stream one run; seconds from the first Step to the last, in the consumer's eyes."""
        times = [time.perf_counter() for _ in self.model.stream(prompt, tsumami.Settings.from_mapping(settings))]
        return times[-1] - times[0]

    def crowd(self, prompt: list[int], settings: list[dict[str, Any]]) -> dict[str, Any]:
        """One run per settings, all at once; seconds from handing them in until the last one is finished."""
        begin = time.perf_counter()
        streams = [self.model.stream(prompt, tsumami.Settings.from_mapping(one)) for one in settings]
        runs = [stream.run for stream in streams]
        seconds = time.perf_counter() - begin
        return {"tokens": [list(run.tokens) for run in runs], "seconds": seconds}

    def generation(self, prompt: list[int], settings: dict[str, Any]) -> float:
        """Seconds of a run from its first token on."""
        return self.model.run(prompt, tsumami.Settings.from_mapping(settings)).timings.generation_seconds

    def decode(self, prompts: list[list[int]], replies: list[list[int]]) -> float:
        """Seconds for the tokens of several replies, decoded one after another, all sequences in one batch; the prompts
        are read before.
        """
        return self.model.engine.run(_decoded(prompts, replies))

    def grid(self, prompt: list[int], vary: dict[str, list[float]], base: dict[str, Any]) -> dict[str, Any]:
        """A grid; seconds from handing it in until the last cell is finished, and what was decoded for it."""
        settings = tsumami.Settings.from_mapping(base)
        begin = time.perf_counter()
        found = self.model.grid(prompt, base=settings, vary=vary, max_tokens=settings.max_tokens)
        seconds = time.perf_counter() - begin
        return {
            "seconds": seconds,
            "tokens": [list(cell.tokens) for cell in found.cells],
            "decoded": found.nodes,
            "texts": len(found.texts),
        }

    def one_by_one(self, prompt: list[int], settings: list[dict[str, Any]]) -> dict[str, Any]:
        """Lone runs, one after another; seconds in all."""
        begin = time.perf_counter()
        runs = [self.model.run(prompt, tsumami.Settings.from_mapping(one)) for one in settings]
        return {"seconds": time.perf_counter() - begin, "tokens": [list(run.tokens) for run in runs]}

    def knob_map(
        self, prompt: list[int], knob: str, low: float, high: float, base: dict[str, Any], leaves: int
    ) -> dict[str, Any]:
        """A map; seconds from the call until it is finished, and a value and the tokens of each text it finished."""
        settings = tsumami.Settings.from_mapping(base)
        begin = time.perf_counter()
        found = self.model.knob_map(prompt, knob, low, high, settings, max_tokens=settings.max_tokens, leaves=leaves)
        seconds = time.perf_counter() - begin
        texts = {piece.tokens: piece.low for piece in found.pieces if piece.finished}
        return {
            "seconds": seconds,
            "values": list(texts.values()),
            "tokens": [list(tokens) for tokens in texts],
            "decoded": found.nodes,
            "coverage": found.coverage,
        }

    def speed(self, prompt: list[int], seconds: float) -> float:
        """Tokens per second over about so many seconds, whatever happens around it."""
        begin = end = time.perf_counter()
        count = 0
        while end - begin < seconds:
            with self.model.stream(prompt, max_tokens=256, seed=count) as stream:
                for _ in stream:
                    count += 1
                    end = time.perf_counter()
                    if end - begin >= seconds:
                        break
        return count / (end - begin)

    def turn(self, messages: list[dict[str, str]], count: int) -> dict[str, Any]:
        """A chat's turn: seconds from the messages to the first Step, and every number of the run, bit by bit."""
        begin = time.perf_counter()
        prompt = self.model.prompt(messages)
        with self.model.stream(prompt, max_tokens=count, seed=1) as stream:
            next(iter(stream))
            first = time.perf_counter() - begin
            run = stream.run
        return {
            "first": first,
            "prompt": list(prompt.tokens),
            "tokens": list(run.tokens),
            "text": run.text,
            "reused": run.timings.reused,
            "numbers": [[step.p_raw.hex(), step.p_final.hex(), step.entropy.hex(), step.rank] for step in run.steps],
        }

    def listen(self, sentence: str) -> dict[str, float | str]:
        """Speak a sentence with OpenJTalk and recognise it once; what was heard, and how long that took."""
        from tsumami.speech import OpenJTalkSpeaker, WhisperListener

        self._sound = OpenJTalkSpeaker().speak(sentence)
        self._listener = WhisperListener("base")
        self._listener.load()
        begin = time.perf_counter()
        heard = self._listener.listen(self._sound)
        return {"seconds": time.perf_counter() - begin, "spoken": self._sound.seconds, "text": heard.text}

    def keep_listening(self) -> None:
        """Recognise the sentence over and over in another thread, until `stop_listening`."""
        self._stop_listening.clear()
        self._times: list[float] = []
        self._listening = threading.Thread(target=self._listen_on)
        self._listening.start()

    def _listen_on(self) -> None:
        while not self._stop_listening.is_set():
            begin = time.perf_counter()
            self._listener.listen(self._sound)
            self._times.append(time.perf_counter() - begin)

    def stop_listening(self) -> list[float]:
        """The seconds that each recognition took."""
        assert self._listening is not None
        self._stop_listening.set()
        self._listening.join()
        return self._times

    def between(self, prompt: list[int], settings: list[dict[str, Any]], rounds: int) -> float:
        """Microseconds between two decodes, with one run per settings at once (`bench/contenders/_account.py`)."""
        from bench.contenders._account import between

        return between(lambda: self.crowd(prompt, settings), rounds)

    def account(self, prompt: list[int], count: int) -> dict[str, Any]:
        """Where the time of one token goes (`bench/contenders/_account.py`)."""
        from bench.contenders._account import account

        return account(lambda: self.steps(prompt, count, 1))
