"""llama-server: a full engine, which is asked for the likeliest tokens of each place.

Guarantee: what is asked for are the model's own probabilities, before any sampler: `n_probs` with `post_sampling_probs`
off. The vocabulary (every token's bytes, marks, and what ends a reply) is read from its answers once.

The logits themselves are not told, only their differences. Where they are needed (`repeat_penalty` divides them), a
second request finds out where their zero is: a penalty that divides the last token's logit by `_DIVISOR`, after a bias
that lifts it to where that quotient is known, puts a token of known logit among the others.

Probabilities are left out of an answer whose token ends in the middle of a character. So each request has a bias that
makes it answer with a token of text; the model's own probabilities are those before any bias.

Field by field as the server of llama.cpp b8000 and later answers (its tools/server/README.md); what is not there is an
error that says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from tsumami.errors import ModelError, RemoteError
from tsumami.models import RemoteName
from tsumami.remote.record import Capabilities
from tsumami.remote.rows import ToldRow
from tsumami.remote.vocabulary import Vocabulary
from tsumami.remote.wire import Answer, HttpWire, Patience

__all__ = ["LlamaServer", "ServerFacts"]

_PATH: Final = "/completion"
_DIVISOR: Final = 2.0**16
_LIFTED: Final = (48.0, 0.5, 96.0, 192.0)  # beside the largest logits of usual models; tried until one is seen there
_LEVEL_PROBS: Final = 64
_SURE: Final = 1e6  # a bias with which a token is chosen whatever the others have
_ABOVE: Final = 60.0  # the same in a row whose other probabilities are still to be told in 32-bit floats
_FILLERS: Final = "ab"
_MOST_SLOTS: Final = 64
_MOST_TOKENS: Final = 2**20
_NAMES_AT_ONCE: Final = 512
_TITLE: Final = "llama-server"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says of itself and of its model."""

    model: str
    build: str
    quantization: str | None
    n_params: int
    size: int
    n_vocab: int | None
    n_ctx_train: int | None
    context: int
    slots: int
    template: str | None
    bos: str
    eos: str


class LlamaServer:
    """One server, asked for facts and texts; rows are asked by whoever runs programs, with the bodies made here."""

    path_there: Final = _PATH
    features: Final = ()
    title: Final = _TITLE
    asks_anew: Final = True
    tells_logits: Final = False
    facts_path: Final = "/props"

    def __init__(self, name: RemoteName, address: str, patience: Patience) -> None:
        self.wire = HttpWire(name, address, patience)
        self._lifted = _LIFTED[0]
        try:
            self.facts = facts_of(self.wire.get("/props"), self.wire.get("/v1/models"))
            self._fillers = [self._text_token(one) for one in _FILLERS]
        except BaseException:
            self.wire.close()
            raise

    def _text_token(self, text: str) -> int:
        """A token of whole characters."""
        found = self.tokenize(text, add_special=False, parse_special=False)
        if not found:
            raise ModelError(f"{_TITLE} makes no token of {text!r}").in_japanese(
                f"{_TITLE} は {text!r} をトークンにしません"
            )
        return found[-1]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text."""
        body = {"content": text, "add_special": add_special, "parse_special": parse_special}
        return _whole_numbers(self.wire.post("/tokenize", body).get("tokens"))

    def vocabulary(self) -> Vocabulary:
        """Every token: one row over all of them names them with their bytes, and what ends a reply is what
        `ignore_eos` forbids.
        """
        start = self._fillers[:1]
        count = self.facts.n_vocab or _MOST_TOKENS
        answer = self.wire.post(_PATH, {**self.row_body(start, count), "ignore_eos": True})
        told = _top(answer)
        pieces = dict(_piece(one) for one in told)
        if sorted(pieces) != list(range(len(pieces))):
            raise ModelError(f"{_TITLE} does not tell its whole vocabulary (n_probs); take a newer one").in_japanese(
                f"{_TITLE} が語彙をすべて知らせません（n_probs）。新しいものにしてください"
            )
        marks = [token for token, data in pieces.items() if not data]
        pieces.update(zip(marks, self._names(marks, pieces), strict=True))
        biases = answer.get("generation_settings", {}).get("logit_bias", [])
        return Vocabulary(
            pieces=tuple(pieces[token] for token in range(len(pieces))),
            marks=frozenset(token for token in marks if pieces[token]),
            ends=frozenset(int(one["token"]) for one in biases) - {self._fillers[0]},
            bos=self._mark(self.facts.bos),
            eos=self._mark(self.facts.eos),
        )

    def _names(self, marks: Sequence[int], pieces: Mapping[int, bytes]) -> list[bytes]:
        """The names of marks, which a row leaves out; many at a time, a line break between them."""
        line = next((token for token, data in pieces.items() if data == b"\n"), None)
        found: list[bytes] = []
        for begin in range(0, len(marks), _NAMES_AT_ONCE if line is not None else 1):
            part = marks[begin : begin + (_NAMES_AT_ONCE if line is not None else 1)]
            tokens = part if line is None else [one for mark in part for one in (mark, line)]
            text = str(self.wire.post("/detokenize", {"tokens": tokens}).get("content", ""))
            names = [text] if line is None else text.split("\n")[:-1]
            if len(names) != len(part):
                raise ModelError(f"{_TITLE} names its special tokens in a way that is not understood").in_japanese(
                    f"{_TITLE} の特殊トークンの名前のつけ方がわかりません"
                )
            found += [name.encode() for name in names]
        return found

    def _mark(self, name: str) -> int | None:
        """The token that a special token's name is."""
        found = self.tokenize(name, add_special=False, parse_special=True) if name else []
        return found[0] if len(found) == 1 else None

    # --- bodies and answers of rows ---

    def row_body(
        self, tokens: Sequence[int], count: int, *, slot: int | None = None, cached: bool = True
    ) -> dict[str, Any]:
        """What to ask for the row after `tokens`: the `count` likeliest of the model's own distribution. `slot`: which
        is to compute it; `cached`: it may use what it has computed before.
        """
        return _in_slot(slot) | {
            "prompt": list(tokens), "n_predict": 1, "n_probs": count, "post_sampling_probs": False, "samplers": [],
            "temperature": 0.0, "logit_bias": [[self._fillers[0], _SURE]], "cache_prompt": cached, "stream": False,
        }  # fmt: skip

    def read_row(self, answer: Answer) -> ToldRow:
        """The row of an answer.

        Raises:
            RemoteError: another model answers, or it is half an answer.
        """
        self.check_model(answer)
        told = _top(answer)
        try:
            ids = np.fromiter((one["id"] for one in told), np.int32, len(told))
            logprobs = np.fromiter((one["logprob"] for one in told), np.float32, len(told))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _half() from error
        if not len(told) or not np.isfinite(logprobs).all() or (np.diff(logprobs) > 0).any():
            raise _half()
        return ToldRow(ids, logprobs, cached=int(answer.get("timings", {}).get("cache_n", 0)))

    def level_body(self, tokens: Sequence[int], row: ToldRow, *, slot: int | None = None) -> dict[str, Any]:
        """What to ask for the place of the logits' zero after `tokens`, whose `row` was told."""
        last = tokens[-1]
        filler = next(one for one in self._fillers if one != last)
        at = np.flatnonzero(row.ids == filler)
        above = _ABOVE - float(row.logprobs[at[0] if len(at) else -1])
        return _in_slot(slot) | {
            "prompt": list(tokens), "n_predict": 1, "n_probs": _LEVEL_PROBS, "post_sampling_probs": True,
            "temperature": 1.0, "samplers": ["penalties"], "repeat_penalty": _DIVISOR, "repeat_last_n": 1,
            "frequency_penalty": 0.0, "presence_penalty": 0.0, "cache_prompt": True, "stream": False,
            "logit_bias": [[last, self._lifted * _DIVISOR], [filler, above]],
        }  # fmt: skip

    def read_level(self, answer: Answer, tokens: Sequence[int], row: ToldRow) -> float:
        """The logit of a token less its logarithm in `row`.

        Raises:
            RemoteError: the answer does not hold what it needs.
        """
        self.check_model(answer)
        last = tokens[-1]
        found = {int(one["id"]): float(one["prob"]) for one in _top(answer, "top_probs")}
        known = {int(token): float(p) for token, p in zip(row.ids, row.logprobs, strict=True)}
        biased = {last, *self._fillers}
        other = next((token for token in row.ids.tolist() if token not in biased and found.get(token, 0.0) > 0), None)
        if other is None or not found.get(last):
            raise RemoteError(
                f"{_TITLE} does not tell where the zero of its logits is; leave repeat_penalty at 1"
            ).in_japanese(f"{_TITLE} がロジットのゼロの位置を知らせません。repeat_penalty は 1 のままにしてください")
        beside = math.log(found[other] / found[last]) - known[other]  # level = the lifted token's logit + beside
        level = self._lifted + beside
        return level + (level + known.get(last, float(row.logprobs[-1]))) / _DIVISOR

    def tells_zero(self, tokens: Sequence[int]) -> bool:
        """Whether it tells where the zero of its logits is; finds out how it does."""
        row = self.read_row(self.wire.post(_PATH, self.row_body(tokens, _LEVEL_PROBS)))
        for self._lifted in _LIFTED:
            try:
                self.read_level(self.wire.post(_PATH, self.level_body(tokens, row)), tokens, row)
            except RemoteError:
                continue
            return True
        return False

    def record(self, n_probs: int, n_vocab: int, *, absolute: bool) -> Capabilities:
        """What this server can do."""
        return Capabilities(
            token_ids=True, probabilities="raw", absolute=absolute, n_probs=min(n_probs, n_vocab), n_vocab=n_vocab,
            prompt_rows=False, tokenize=True, template=self.facts.template is not None, seeds=True, cancel=True,
            slots=self.facts.slots, context=self.facts.context,
        )  # fmt: skip

    def check(self, answer: Answer) -> None:
        """Whether the server still has the model that it had.

        Raises:
            RemoteError: it has another.
        """
        now = facts_of(answer, {})
        if (now.model, now.template, now.bos, now.eos) != (
            self.facts.model, self.facts.template, self.facts.bos, self.facts.eos,
        ):  # fmt: skip
            raise _another(now.model, self.facts.model)

    def check_model(self, answer: Answer) -> None:
        """Whether an answer is of the model that the server had.

        Raises:
            RemoteError: it is of another.
        """
        told = answer.get("model")
        if isinstance(told, str) and told and shown_name(told) != self.facts.model:
            raise _another(shown_name(told), self.facts.model)

    def close(self) -> None:
        """Let go of the connections."""
        self.wire.close()


def _in_slot(slot: int | None) -> dict[str, Any]:
    return {} if slot is None else {"id_slot": slot}


def facts_of(props: Answer, models: Answer) -> ServerFacts:
    """What /props and /v1/models say.

    Raises:
        ModelError: they are not llama-server's.
    """
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict) or not isinstance(settings.get("n_ctx"), int):
        raise ModelError("what answers there is not llama-server: its /props do not say n_ctx").in_japanese(
            "そこで答えたのは llama-server ではありません。/props に n_ctx がありません"
        )
    data = models.get("data")
    entry = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    told_meta = entry.get("meta")
    meta = told_meta if isinstance(told_meta, dict) else {}
    told = props.get("model_alias") or entry.get("id") or props.get("model_path") or "model"
    return ServerFacts(
        model=shown_name(str(told)),
        build=str(props.get("build_info", "?")),
        quantization=props.get("model_ftype") or meta.get("ftype"),
        n_params=_number(meta, "n_params") or 0,
        size=_number(meta, "size") or 0,
        n_vocab=_number(meta, "n_vocab"),
        n_ctx_train=_number(meta, "n_ctx_train"),
        context=settings["n_ctx"],
        slots=max(1, min(_number(props, "total_slots") or 1, _MOST_SLOTS)),
        template=props.get("chat_template") or None,
        bos=str(props.get("bos_token") or ""),
        eos=str(props.get("eos_token") or ""),
    )


def shown_name(told: str) -> str:
    """A model's name without the folder in which it lies over there."""
    return PurePath(re.sub(r"\\", "/", told)).name or told


def _number(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _top(answer: Answer, name: str = "top_logprobs") -> list[dict[str, Any]]:
    """The likeliest tokens of the one token of an answer."""
    try:
        found = answer["completion_probabilities"][0][name]
    except (KeyError, IndexError, TypeError):
        raise _half() from None
    if not isinstance(found, list):
        raise _half()
    return found


def _piece(one: dict[str, Any]) -> tuple[int, bytes]:
    try:
        return int(one["id"]), bytes(one["bytes"])
    except (KeyError, TypeError, ValueError):
        raise _half() from None


def _whole_numbers(value: object) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
        raise _half()
    return value


def _another(now: str, before: str) -> RemoteError:
    which = f"{now}, not {before}" if now != before else "under the same name"
    which_ja = f"{before} ではなく {now}" if now != before else "名前は同じ"
    return RemoteError(f"another model answers there now ({which}); load it again").in_japanese(
        f"そこでは別のモデルが答えています（{which_ja}）。読み込み直してください"
    )


def _half() -> RemoteError:
    return RemoteError(f"{_TITLE} gave half an answer: the probabilities are not all there", again=True).in_japanese(
        f"{_TITLE} の答えが半分です。確率がそろっていません"
    )
