r"""Knobs between the page and Settings: what a component shows, and what it means.

Guarantee: `read(knob, shown(knob, value))` is the value again. Texts that a person types (lists, biases) have one entry
a line, with \n, \t and \\ for what cannot be typed. No Gradio here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS, Knob
from tsumami.settings import Settings

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_UNESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def shown(knob: Knob, value: Any) -> Any:
    """What the component of a knob shows for a value."""
    match knob.kind:
        case "texts":
            return "\n".join(map(_escape, value))
        case "bias":
            return "\n".join(f"{token}={bias!r}" for token, bias in value)
        case "grammar" | "schema":
            return value or ""
        case _:
            return value


def read(knob: Knob, raw: Any) -> Any:
    """What a component's content means, in a form that Settings accepts.

    Raises:
        SettingsError: it means nothing; the message says what is expected.
    """
    match knob.kind:
        case "texts":
            return [_unescape(line) for line in (raw or "").split("\n") if line]
        case "bias":
            return dict(_bias(line) for line in (raw or "").split("\n") if line.strip())
        case "grammar" | "schema":
            return raw if raw and raw.strip() else None
        case _ if raw is None or raw == "":
            raise SettingsError(f"{knob.name}: a value is missing; its default is {knob.default}", knob=knob.name)
        case _:
            return raw


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that the components' contents, by knob name, add up to."""
    return Settings.from_mapping({name: read(KNOBS[name], raw) for name, raw in values.items()})


def contents_of(settings: Settings) -> dict[str, Any]:
    """What every knob's component shows for these settings."""
    return {name: shown(knob, getattr(settings, name)) for name, knob in KNOBS.items()}


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _unescape(line: str) -> str:
    made, escaped = [], False
    for character in line:
        if escaped:
            made.append(_UNESCAPES.get(character, f"\\{character}"))
        elif character != "\\":
            made.append(character)
        escaped = character == "\\" and not escaped
    return "".join(made) + ("\\" if escaped else "")


def _bias(line: str) -> tuple[int, float]:
    token, _, bias = line.replace("=", ":").partition(":")
    try:
        return int(token), float(bias)
    except ValueError:
        raise SettingsError(
            f"logit_bias: {line!r} is not of the form token=bias, such as 42=-1.5 or 42=-inf",
            knob="logit_bias", value=line,
        ) from None  # fmt: skip
