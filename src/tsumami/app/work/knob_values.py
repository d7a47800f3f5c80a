r"""Knobs between the page and Settings: what a component shows, and what it means.

Guarantee: `read(knob, shown(knob, value))` is the value again. What a person types is read as everywhere
(`tsumami.knobs.typed`); lists and biases have one entry a line. No Gradio here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, Knob, typed
from tsumami.settings import Settings

BEGINNING: Final = Settings(seed=0)
"""What the page begins with: the defaults, and a seed that is fixed, so that the same words give the same text."""


def shown(knob: Knob, value: Any) -> Any:
    """What the component of a knob shows for a value."""
    match knob.kind:
        case "texts" | "tokens" | "bias" | "text_bias":
            return "\n".join(typed.shown(knob, value))
        case "grammar" | "schema" | "object" | "regex" | "text":
            return typed.shown(knob, value)
        case _:
            return value


def read(knob: Knob, raw: Any) -> Any:
    """What a component's content means, in a form that Settings accepts.

    Raises:
        SettingsError: it means nothing; the message says what is expected.
    """
    match knob.kind:
        case "texts" | "tokens" | "bias" | "text_bias":
            return list(typed.typed(knob, [line for line in _text(knob, raw).split("\n") if line]))
        case "grammar" | "schema" | "object" | "regex" | "text":
            return typed.typed(knob, _text(knob, raw))
        case _ if raw is None or raw == "":
            raise SettingsError(
                f"{knob.name}: a value is missing; its default is {knob.default}", knob=knob.name
            ).in_japanese(f"{knob.name} に値がありません。使えるのは {knob.allowed_ja}、既定値は {knob.default} です")
        case _:
            return raw


def _text(knob: Knob, raw: Any) -> str:
    """What was typed."""
    if raw is not None and not isinstance(raw, str):
        raise SettingsError(
            f"{knob.name}: text was expected, and {type(raw).__name__} came", knob=knob.name
        ).in_japanese(f"{knob.name} には文字列が必要ですが、{type(raw).__name__} が届きました")
    return raw or ""


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that the components' contents, by knob name, add up to."""
    return Settings.from_mapping({name: read(KNOBS[name], raw) for name, raw in values.items()})


def contents_of(settings: Settings) -> dict[str, Any]:
    """What every knob's component shows for these settings."""
    return {name: shown(knob, getattr(settings, name)) for name, knob in KNOBS.items()}
