"""The page's conversation: what was said, and of each reply the facts that a browser can keep.

Guarantee: the JSON form, which the browser keeps, reads back to the same value, and anything else in that place reads
as an empty conversation instead of breaking the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from tsumami.model import Model
from tsumami.prompts import Exchange, Memory, PromptFormat, Talk
from tsumami.runs import STOP_REASONS, Completeness, Prompt, Run

FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """How a reply came about: what a reader wants to see, and the receipt to get it again, which also says whether the
    text is complete in its grammar's sense.
    """

    prompt: str
    prompt_tokens: int
    n_ctx: int
    settings: dict[str, Any]
    seed: int
    stop_reason: str
    generated: int
    reused: int
    prompt_per_second: float
    generation_per_second: float
    exact: bool
    template: str
    receipt: dict[str, Any]

    def complete(self, language: str) -> str:
        """Whether the text is complete, in words; empty where nothing constrains it, or where that is not known."""
        told = self.receipt.get("completeness")
        words = told.get(language) if isinstance(told, dict) else None
        return words if isinstance(words, str) else ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReplyFacts:
        """What `asdict` gave.

        Raises:
            TypeError, ValueError: it is something else, which could not be shown.
        """
        for name, kind in _KINDS.items():
            value = data[name]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise TypeError(f"{name}: {value!r}")
        made = cls(**data)
        if made.stop_reason not in STOP_REASONS or made.n_ctx < 1 or not isinstance(made.receipt.get("engine"), dict):
            raise ValueError("no reply came about like this")
        return made

    @classmethod
    def of(cls, run: Run) -> ReplyFacts:
        """The facts of a finished run."""
        receipt, timings = run.receipt, run.timings
        return cls(
            prompt=receipt.prompt,
            prompt_tokens=len(receipt.prompt_tokens),
            n_ctx=receipt.engine.n_ctx,
            settings=receipt.settings.to_dict(),
            seed=receipt.seed,
            stop_reason=run.stop_reason,
            generated=len(run.steps),
            reused=timings.reused,
            prompt_per_second=timings.prompt_per_second,
            generation_per_second=timings.generation_per_second,
            exact=receipt.engine.exact,
            template=receipt.template,
            receipt=receipt.to_dict() | {"reply_tokens": list(run.tokens)} | _told(run.completeness),
        )


def _told(found: Completeness | None) -> dict[str, Any]:
    return {} if found is None else {"completeness": asdict(found) | {"ja": found.ja, "en": found.en}}


_KINDS: Final[dict[str, Any]] = {
    name: {"str": str, "int": int, "bool": bool, "float": (int, float)}.get(str(kind), dict)
    for name, kind in ReplyFacts.__annotations__.items()
}


@dataclass(frozen=True, slots=True)
class Conversation(Talk[ReplyFacts]):
    """The page's conversation, in a form that a browser can keep."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the browser's storage."""
        return {"version": FORMAT_VERSION, "exchanges": [asdict(exchange) for exchange in self.exchanges]}

    @classmethod
    def from_json(cls, data: object) -> Conversation:
        """What `to_json` gave; an empty conversation for anything else."""
        if not isinstance(data, dict) or data.get("version") != FORMAT_VERSION:
            return cls()
        try:
            return cls(
                tuple(
                    Exchange(
                        str(item["user"]),
                        str(item["reply"]),
                        None if item["facts"] is None else ReplyFacts.from_json(item["facts"]),
                    )
                    for item in data["exchanges"]
                )
            )
        except (KeyError, TypeError, ValueError):
            return cls()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would be sent: the prompt, and how many of the first exchanges the memory leaves out."""

    prompt: Prompt
    dropped: int


def outlook(
    model: Model, conversation: Conversation, *, template: str | PromptFormat | None, system: str, memory: int | None
) -> Outlook:
    """The prompt of a conversation. `memory`: past exchanges to keep; None: the format's own default; below 0: all."""
    made = model.format(template)
    kept = None if memory is None else Memory(memory if memory >= 0 else None)
    rendered = made.render(conversation.messages(system or None), kept)
    return Outlook(model.as_prompt(rendered), rendered.dropped // 2)
