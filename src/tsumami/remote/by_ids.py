"""vLLM and SGLang as full engines: rows of token ids are asked of them, and the vocabulary is a file's on this machine.

Neither tells the bytes of its tokens, nor all that end a reply. So the vocabulary of a GGUF file of the same model is
read here, and held against the server's own: texts have to become the same tokens there.

Guarantee: what is asked for are the model's own probabilities: every sampler is neutral and the temperature 1, where
processed ones are the raw ones. Logits are taken where all of a row are told; where only some are, they are refused,
because what the others weigh is not known.

Field by field as documented: vLLM 0.11 (OpenAI-compatible server: /v1/models, /v1/completions with
`return_tokens_as_token_ids`, /tokenize, /version) and SGLang 0.5 (/generate with `top_logprobs_num`, /v1/models,
/tokenize, /get_server_info).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
import numpy.typing as npt

from tsumami.errors import ModelError, ModelNotFoundError, RemoteError
from tsumami.models import RemoteName
from tsumami.remote.llama_server import ServerFacts, shown_name
from tsumami.remote.record import Capabilities
from tsumami.remote.rows import ToldRow
from tsumami.remote.wire import Answer, HttpWire, Patience, documented
from tsumami.wording import counted

__all__ = ["IdServer", "SglangServer", "VllmServer"]

T = TypeVar("T")
_AT_ONCE: Final = 16  # requests; how many it takes, neither tells
_CLAMPED: Final = -9000.0  # vLLM tells -9999 where it has -inf
_HIGHEST: Final = 1e-3  # of a logarithm of a probability, rounded
_OFF: Final = 0.05  # of the logarithm of what all probabilities add up to, each rounded
_PROBES: Final = ("Hello world, 12345 + 67.", "東京タワーの光る😀", "def f(x):\n\treturn x ** 2\n", " naïve Ελλάδα ")


class IdServer(ABC):
    """One server, asked for rows by token ids."""

    path_there: ClassVar[str]
    facts_path: ClassVar[str] = "/v1/models"
    title: ClassVar[str]
    asks_anew: ClassVar[bool] = True
    n_vocab: int | None = None
    """Tokens of the vocabulary, once it is known; what is told beyond them is padding."""
    tells_logits = False
    """Whether a row came as logits, all of them."""

    def __init__(self, name: RemoteName, address: str, patience: Patience) -> None:
        if name.prefix:
            raise ModelNotFoundError(f"name {self.title} without {name.prefix}: rows are asked beside it").in_japanese(
                f"{self.title} は {name.prefix} なしで書いてください。確率の行はその外で尋ねます"
            )
        self.wire = HttpWire(name, address, patience)
        self._model = name.model
        try:
            self.facts = self._documented(self._ask_facts)
        except BaseException:
            self.wire.close()
            raise

    @property
    def features(self) -> tuple[str, ...]:
        """What a receipt says of how it computes, as far as it is told."""
        return ()

    def _ask_facts(self) -> ServerFacts:
        """What /v1/models says, and the version."""
        found = self._entry(self.wire.get(self.facts_path))
        return ServerFacts(
            model=shown_name(str(found["id"])), build=self._build(), quantization=None, n_params=0, size=0,
            n_vocab=None, n_ctx_train=None, context=int(found["max_model_len"]), slots=_AT_ONCE,
            template=None, bos="", eos="",
        )  # fmt: skip

    def _entry(self, answer: Answer) -> dict[str, Any]:
        entries = {str(one["id"]): one for one in answer["data"]}
        if self._model is None and len(entries) != 1:
            raise ModelNotFoundError(
                f"{self.title} has {counted(len(entries), 'model')}; put one's name behind the address"
            ).in_japanese(f"{self.title} にはモデルが {len(entries)} 個あります。アドレスのあとに名前を書いてください")
        self._model = self._model or next(iter(entries))
        if self._model not in entries:
            raise RemoteError(f"{self.title} has no model of that name now; load it again").in_japanese(
                f"{self.title} には、その名前のモデルがいまありません。もう一度読み込んでください"
            )
        entry: dict[str, Any] = entries[self._model]
        return entry

    def _documented(self, ask: Callable[[], T]) -> T:
        return documented(self.title, ask)

    @abstractmethod
    def _build(self) -> str: ...

    def _tokens(self, text: str) -> list[int]:
        """What a text is there, without special tokens before it."""
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        return [int(token) for token in self.wire.post("/tokenize", body)["tokens"]]

    @abstractmethod
    def _body(self, tokens: Sequence[int], count: int, *, cached: bool) -> dict[str, Any]:
        """What to ask for the row after `tokens`; `cached`: it may use what it has computed before."""

    def row_body(
        self, tokens: Sequence[int], count: int, *, slot: int | None = None, cached: bool = True
    ) -> dict[str, Any]:
        """What to ask for the row after `tokens`."""
        del slot  # there are none to choose from
        return self._body(tokens, count, cached=cached)

    @abstractmethod
    def _pairs(self, answer: Answer) -> list[tuple[int, float]]:
        """Token ids with what was told of them."""

    def read_row(self, answer: Answer) -> ToldRow:
        """The row of an answer.

        Raises:
            RemoteError: another model answers, or it is half an answer, or it tells no probabilities.
        """
        self.check_model(answer)
        told = self._documented(lambda: sorted(self._pairs(answer), key=lambda one: (-one[1], one[0])))
        told = [one for one in told if one[1] > _CLAMPED and (self.n_vocab is None or one[0] < self.n_vocab)]
        if not told or not np.isfinite([value for _, value in told]).all():
            raise RemoteError(
                f"{self.title} gave half an answer: the probabilities are not all there", again=True
            ).in_japanese(f"{self.title} の答えは半分だけで、確率がそろっていません")
        ids, logs = np.array([one for one, _ in told], np.int32), np.array([one for _, one in told], np.float64)
        level = self._level(logs)
        probabilities = np.minimum((logs - (level or 0)).astype(np.float32), 0)
        return ToldRow(ids, probabilities, level, cached=self._cached(answer))

    def _level(self, told: npt.NDArray[np.float64]) -> float | None:
        """What lies between the logits of a whole row and their logarithms; None: these are told themselves."""
        whole = self.n_vocab is not None and len(told) >= self.n_vocab
        level = float(told[0] + np.log(np.exp(told - told[0]).sum()))
        if told[0] <= _HIGHEST and not (whole and abs(level) > _OFF):
            return None
        if not whole:
            raise RemoteError(
                f"{self.title} tells logits, of which some are not seen; start it with raw_logprobs, or have all of "
                "them told (--max-logprobs -1 there, --n-probs with the size of the vocabulary here)"
            ).in_japanese(
                f"{self.title} が知らせるのはロジットで、見えないものがあります。raw_logprobs で起動するか、"
                "すべてを知らせるようにしてください（そちらで --max-logprobs -1、こちらで --n-probs に語彙の大きさ）"
            )
        self.tells_logits = True
        return level

    @abstractmethod
    def _cached(self, answer: Answer) -> int:
        """How many tokens of the prompt it had computed before, if it says so."""

    def check_vocabulary(self, tokenize: Callable[[str], list[int]]) -> None:
        """Whether texts are the same tokens there as here.

        Raises:
            ModelError: they are not.
        """
        for text in _PROBES:
            if self._documented(partial(self._tokens, text)) != tokenize(text):
                raise ModelError(
                    f"the vocabulary is not that of the model which {self.title} has: the same text becomes other "
                    "tokens there; give --vocabulary a file of that model"
                ).in_japanese(
                    f"語彙が、{self.title} にあるモデルのものではありません"
                    "（同じ文章がそこでは別のトークンになります）。"
                    "--vocabulary に、そのモデルのファイルを指定してください"
                )

    def most_told(self, tokens: Sequence[int], counts: Sequence[int]) -> int:
        """The first of `counts` that it tells of a row.

        Raises:
            RemoteError: it refuses the last one, too.
        """
        for count in counts:
            try:
                return min(count, len(self.read_row(self.wire.post(self.path_there, self.row_body(tokens, count))).ids))
            except RemoteError as error:
                if error.again or count == counts[-1]:
                    raise
        raise AssertionError(counts)

    def level_body(self, tokens: Sequence[int], row: ToldRow, *, slot: int | None = None) -> dict[str, Any]:
        """There is nothing to ask: logits come with the row, or not at all."""
        raise AssertionError(tokens, row, slot)

    def read_level(self, answer: Answer, tokens: Sequence[int], row: ToldRow) -> float:
        """There is nothing to read."""
        raise AssertionError(answer, tokens, row)

    def record(self, n_probs: int, n_vocab: int, *, template: bool) -> Capabilities:
        """What this server can do."""
        return Capabilities(
            token_ids=True, probabilities="raw", absolute=self.tells_logits, n_probs=n_probs, n_vocab=n_vocab,
            prompt_rows=False, tokenize=True, template=template, seeds=True, cancel=True, slots=_AT_ONCE,
            context=self.facts.context,
        )  # fmt: skip

    def check(self, answer: Answer) -> None:
        """Whether the server still has the model that it had.

        Raises:
            RemoteError: it has another.
        """
        found = self._documented(lambda: self._entry(answer))
        if int(found["max_model_len"]) != self.facts.context:
            raise RemoteError("another model answers there now (under the same name); load it again").in_japanese(
                "そこではいま、（同じ名前の）別のモデルが答えています。もう一度読み込んでください"
            )

    @abstractmethod
    def check_model(self, answer: Answer) -> None:
        """Whether an answer is of the model that the server had, as far as it tells.

        Raises:
            RemoteError: it is of another.
        """

    def close(self) -> None:
        """Let go of the connections."""
        self.wire.close()


class VllmServer(IdServer):
    """vLLM, started with enough `--max-logprobs`."""

    path_there = "/v1/completions"
    title = "vLLM"

    def _build(self) -> str:
        return str(self.wire.get("/version")["version"])

    def _body(self, tokens: Sequence[int], count: int, *, cached: bool) -> dict[str, Any]:
        """One token, with the `count` likeliest by their ids; all that its generation_config could turn is neutral."""
        return {
            "model": self._model, "prompt": list(tokens), "max_tokens": 1, "logprobs": count, "stream": False,
            "return_tokens_as_token_ids": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "seed": 0,
            "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "min_tokens": 0,
            "cache_salt": "tsumami" if cached else f"tsumami-{len(tokens)}-alone",
        }  # fmt: skip

    def _pairs(self, answer: Answer) -> list[tuple[int, float]]:
        told: dict[str, float] = answer["choices"][0]["logprobs"]["top_logprobs"][0]
        if not all(name.startswith("token_id:") for name in told):
            raise ValueError
        return [(int(name.removeprefix("token_id:")), float(value)) for name, value in told.items()]

    def _cached(self, answer: Answer) -> int:
        found = (answer.get("usage") or {}).get("prompt_tokens_details") or {}
        return int(found.get("cached_tokens") or 0)

    def check_model(self, answer: Answer) -> None:
        """Whether an answer is of the model that the server had."""
        if answer.get("model") != self._model:
            raise RemoteError(f"another model answers there now, not {self.facts.model}; load it again").in_japanese(
                f"そこではいま、{self.facts.model} ではなく別のモデルが答えています。もう一度読み込んでください"
            )


class SglangServer(IdServer):
    """SGLang; `--enable-deterministic-inference` is noted."""

    path_there = "/generate"
    title = "SGLang"
    asks_anew = False  # a beginning that it knows is always taken from its cache
    _deterministic = False

    @property
    def features(self) -> tuple[str, ...]:
        """What a receipt says of how it computes."""
        return ("deterministic",) if self._deterministic else ()

    def _build(self) -> str:
        told = self.wire.get("/get_server_info")
        self._deterministic = told.get("enable_deterministic_inference") is True
        return str(told.get("version", "?"))

    def _body(self, tokens: Sequence[int], count: int, *, cached: bool) -> dict[str, Any]:
        """One token, with the `count` likeliest."""
        del cached  # it takes no such wish
        neutral = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0,
                   "presence_penalty": 0.0, "frequency_penalty": 0.0}  # fmt: skip
        return {
            "input_ids": list(tokens), "sampling_params": {"max_new_tokens": 1, **neutral}, "return_logprob": True,
            "top_logprobs_num": count, "return_text_in_logprobs": False, "stream": False,
        }  # fmt: skip

    def _pairs(self, answer: Answer) -> list[tuple[int, float]]:
        return [(int(token), float(value)) for value, token, *_ in answer["meta_info"]["output_top_logprobs"][0]]

    def _cached(self, answer: Answer) -> int:
        return int(answer["meta_info"].get("cached_tokens", 0))

    def check_model(self, answer: Answer) -> None:
        """An answer does not say whose it is."""
        del answer
