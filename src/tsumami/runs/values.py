"""What a run is made of: cards, the receipt, steps, timings, and why it stopped.

Guarantee: these are values. Nothing in them can change, equal ones are equal, and `plain` gives their JSON form.

Probabilities are shares in 0..1; entropies are in bits; times are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Literal, Protocol, Self

from tsumami.engine import Notice
from tsumami.runs.prompt import Prompt
from tsumami.runs.signs import signed, spaced
from tsumami.settings import Settings
from tsumami.wording import counted, percent

#: What `ModelCard.source` begins with where the weights are not on this machine.
ELSEWHERE: Final = "elsewhere: "
#: Version of the JSON form.
FORMAT_VERSION: Final = 1

StopReason = Literal["eog", "stop", "length", "context", "cancelled", "dead_end", "lost"]
#: What each stop reason means, in ja and en.
STOP_REASONS: Final[dict[str, tuple[str, str]]] = {
    "eog": ("モデルが終わりのトークンを選んだ", "the model chose an end-of-generation token"),
    "stop": ("停止文字列が現れた", "a stop string appeared"),
    "length": ("max_tokens に達した", "max_tokens was reached"),
    "context": ("コンテキストがいっぱいになった", "the context is full"),
    "cancelled": ("途中で止められた", "it was stopped"),
    "dead_end": (
        "文法・バイアス・禁止する文章のために、選べるトークンがなくなった",
        "the grammar, a bias or the banned texts forbid every token",
    ),
    "lost": ("ほかの場所で動くエンジンから答えが来なくなった", "the engine elsewhere stopped answering"),
}


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """A LoRA adapter: its file's name and sha256, and how strongly it acts."""

    name: str
    fingerprint: str
    scale: float

    def __str__(self) -> str:
        return f"{self.name} x {self.scale:g}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which weights: `fingerprint` is the sha256 of the file; with LoRA adapters one of it, of theirs and of their
    scales, and then `weights` is that of the file.
    """

    name: str
    fingerprint: str
    architecture: str
    quantization: str | None
    n_params: int
    size: int
    source: str
    license: str | None = None
    adapters: tuple[AdapterCard, ...] = ()
    weights: str | None = None

    @property
    def file_sha256(self) -> str:
        """The sha256 of the file, without adapters."""
        return self.weights or self.fingerprint

    @property
    def elsewhere(self) -> bool:
        """Whether the weights are on another machine, as far as anybody here knows."""
        return self.source.startswith(ELSEWHERE)

    @property
    def full_name(self) -> str:
        """The name with those of the adapters and their scales."""
        return " + ".join((self.name, *map(str, self.adapters)))


@dataclass(frozen=True, slots=True)
class EngineCard:
    """Which arithmetic: the build, the processor, and whether repeats are bit-exact, with the reason. `notices`: what
    llama.cpp said of the model and its context, but for what it was asked for. `repacked`: whether exact mode let it
    rearrange the weights, which gives other last bits.
    """

    binding: str
    library: str
    features: tuple[str, ...]
    processor: str
    mode: Literal["exact", "fast"]
    exact: bool
    why_ja: str
    why_en: str
    n_ctx: int
    notices: tuple[Notice, ...] = ()
    repacked: bool = False


class Cards(Protocol):
    """What makes runs, as their receipts name it."""

    @property
    def model_card(self) -> ModelCard:
        """Which weights."""

    @property
    def engine_card(self) -> EngineCard:
        """Which arithmetic."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """All that is needed to get the same run again. `seed` is the effective one, `template` the prompt format's
    name, `begun` the tokens that the reply was made to begin with: their rolls passed, but did not choose them;
    `healing` and `parse_special` as in `Prompt` (files that do not say it are from when all prompts were read so);
    `notices` what llama.cpp said of the prompt.
    """

    model: ModelCard
    engine: EngineCard
    prompt: str
    prompt_tokens: tuple[int, ...]
    template: str
    settings: Settings
    seed: int
    tsumami: str
    begun: tuple[int, ...] = ()
    parse_special: bool = True
    healing: bytes = b""
    notices: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, backend: Cards, prompt: Prompt, settings: Settings, seed: int) -> Self:
        """The receipt of what this model makes of a prompt, under these settings, with this effective seed."""
        return cls(
            model=backend.model_card,
            engine=backend.engine_card,
            prompt=prompt.text,
            prompt_tokens=prompt.tokens,
            template=prompt.template,
            settings=settings,
            seed=seed,
            tsumami=version("tsumami"),
            begun=prompt.begun,
            parse_special=prompt.parse_special,
            healing=prompt.healing,
            notices=prompt.notices,
        )

    def to_prompt(self) -> Prompt:
        """The prompt that `of` was given."""
        return Prompt(self.prompt, self.prompt_tokens, self.template, self.begun, self.parse_special, self.healing)

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain values, as in a run file."""
        made: dict[str, Any] = plain(self)
        return made


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the likeliest tokens of a step: its bytes (`piece`), raw probability, and final one (0 if a stage cut
    it).
    """

    id: int
    piece: bytes
    p_raw: float
    p_final: float


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was written from a place on and taken back: the banned text that it was complete with, as it was given,
    the tokens, and their bytes.
    """

    banned: str
    tokens: tuple[int, ...]
    piece: bytes

    @property
    def ja(self) -> str:
        """In words, in Japanese."""
        return f"取り消した文章: 「{spaced(signed(self.piece), at_start=False)}」（{len(self.tokens)} トークン）"

    @property
    def en(self) -> str:
        """In words, in English."""
        return f"taken back: “{spaced(signed(self.piece), at_start=False)}”, {counted(len(self.tokens), 'token')}"


@dataclass(frozen=True, slots=True)
class Step:
    """One token.

    `piece` holds the token's bytes; `text` is what became showable with it ("" while a character is incomplete);
    `p_raw` its probability under the model alone (softmax of the logits), `p_final` after the chain, which the roll was
    held against; `entropy` that of the raw distribution in bits; `rank` 1 for the likeliest raw token; `u` the roll in
    0..1 (None if none was taken); `n_candidates` how many were left to choose from; `set_by` the stage that put the
    token there, whatever was likely (None: it was chosen). `taken_back`: what began here before, one after another, and
    completed a banned text: its first token was no candidate any more. `unseen`: the raw probability of all tokens that
    an engine elsewhere did not tell, and `uncertain`: whether they might have changed which token was chosen.
    """

    id: int
    piece: bytes
    text: str
    p_raw: float
    p_final: float
    entropy: float
    rank: int
    u: float | None
    n_candidates: int
    alternatives: tuple[Alternative, ...]
    set_by: str | None = None
    taken_back: tuple[TakenBack, ...] = ()
    unseen: float = 0.0
    uncertain: bool = False

    @property
    def not_told(self) -> tuple[str, str] | None:
        """What an engine elsewhere did not tell here, in ja and en; None: it told all."""
        if not self.unseen and not self.uncertain:
            return None
        ja, en = f"知らされていない確率 {percent(self.unseen)}", f"{percent(self.unseen)} unseen"
        if not self.uncertain:
            return ja, en
        return f"{ja}（この選択は確実ではない）", f"{en}, which may have changed this choice"

    @property
    def removed(self) -> frozenset[int]:
        """The tokens that were no candidates here because they began a banned text."""
        return frozenset(one.tokens[0] for one in self.taken_back)


@dataclass(frozen=True, slots=True)
class Thought:
    """The part of a reply in which it thinks: its first `steps` tokens, marks included; whether it came to an end; and
    the marks, of which the first may stand in the prompt.
    """

    steps: int
    ended: bool
    start: str
    end: str

    def text_of(self, said: str) -> str:
        """What was thought, of the text of these tokens: without marks and without the white space beside them."""
        return said.strip().removeprefix(self.start).removesuffix(self.end).strip()


@dataclass(frozen=True, slots=True)
class Timings:
    """How long it took. `reused` counts prompt tokens that came from the cache; `generated` the tokens that the chain
    chose, without those that the reply was made to begin with, which count as reading.
    """

    prompt_tokens: int
    reused: int
    generated: int
    prompt_seconds: float
    generation_seconds: float

    @property
    def prompt_per_second(self) -> float:
        """Prompt tokens computed (not reused) per second."""
        return (self.prompt_tokens - self.reused) / max(self.prompt_seconds, 1e-9)

    @property
    def generation_per_second(self) -> float:
        """Tokens after the first per second."""
        return max(self.generated - 1, 0) / max(self.generation_seconds, 1e-9)


#: What files of earlier versions do not say, and what that means; where it is so, new files do not say it, either.
_UNSAID: Final[dict[str, Any]] = {
    "parse_special": True,
    "healing": b"",
    "notices": (),
    "adapters": (),
    "weights": None,
    "set_by": None,
    "taken_back": (),
    "unseen": 0.0,
    "uncertain": False,
    "trouble": None,
    "repacked": False,
}


def plain(value: Any) -> Any:
    """The JSON form of a value: dataclasses as dictionaries, bytes as hexadecimal digits, settings with every knob, so
    that a later change of a default does not change an old run.
    """
    if isinstance(value, Settings):
        return value.to_dict()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return {name: plain(one) for name, one in fields.items() if name not in _UNSAID or one != _UNSAID[name]}
    return value
