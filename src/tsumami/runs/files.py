"""Run files, read: from JSON to the checked parts of a run. Only this needs pydantic; run.py writes without it.

Guarantee: what `Run.to_json` wrote comes back equal (`Run.from_json`). What does not fit is refused with the place in
the file and what was expected there. A knob that a file does not name is younger than the file, so it is read as
neutral, not as its default.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pydantic

from tsumami.engine import Notice
from tsumami.errors import RunFileError, SettingsError
from tsumami.knobs import KNOBS
from tsumami.runs.completeness import Completeness
from tsumami.runs.json_files import file_text, read_form
from tsumami.runs.values import FORMAT_VERSION, EngineCard, ModelCard, Receipt, Step, StopReason, Thought, Timings
from tsumami.settings import Settings, with_younger_knobs

__all__ = ["RunParts", "parse", "receipt_from"]


def _read_settings(value: Any) -> Settings:
    if not isinstance(value, dict):
        raise ValueError("settings must be an object")  # noqa: TRY004  (pydantic reports ValueErrors, not TypeErrors)
    # a SettingsError is a ValueError: pydantic reports it with its place
    return Settings.from_mapping(with_younger_knobs(value))


_CONFIG = pydantic.ConfigDict(
    strict=True,
    allow_inf_nan=False,
    ser_json_bytes="hex",
    val_json_bytes="hex",
    extra="forbid",
    arbitrary_types_allowed=True,
)
_SettingsField = Annotated[Any, pydantic.PlainValidator(_read_settings), pydantic.PlainSerializer(Settings.to_dict)]


@dataclass(frozen=True, slots=True)
class _ReceiptForm:
    """`Receipt` with settings in their JSON form."""

    __pydantic_config__ = _CONFIG

    model: ModelCard
    engine: EngineCard
    prompt: str
    prompt_tokens: tuple[int, ...]
    template: str
    settings: _SettingsField
    seed: int
    tsumami: str
    begun: tuple[int, ...] = ()
    parse_special: bool = True
    healing: bytes = b""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class _RunForm:
    """The object that a run file holds."""

    __pydantic_config__ = _CONFIG

    version: int
    receipt: _ReceiptForm
    text: str
    steps: tuple[Step, ...]
    stop_reason: StopReason
    stop_string: str | None
    timings: Timings
    completeness: Completeness | None = None
    thought: Thought | None = None
    trouble: str | None = None


@functools.cache
def _adapter() -> pydantic.TypeAdapter[_RunForm]:
    return pydantic.TypeAdapter(_RunForm)


@functools.cache
def _receipt_adapter() -> pydantic.TypeAdapter[_ReceiptForm]:
    return pydantic.TypeAdapter(_ReceiptForm)


def receipt_from(values: dict[str, Any]) -> Receipt:
    """The receipt that `Receipt.to_dict` gave as plain values.

    Raises:
        RunFileError: a field is missing or does not fit; the message names it.
    """
    try:
        form = _receipt_adapter().validate_json(json.dumps(values))
    except (pydantic.ValidationError, SettingsError, TypeError, ValueError) as error:
        raise RunFileError(f"this receipt does not fit: {_first_problem(error)}").in_japanese(
            f"このレシートは読めません: {_first_problem(error)}"
        ) from error
    return _receipt_of(form)


def _receipt_of(form: _ReceiptForm) -> Receipt:
    return Receipt(**{name: getattr(form, name) for name in Receipt.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run file says of a run."""

    receipt: Receipt
    steps: tuple[Step, ...]
    stop_reason: StopReason
    timings: Timings
    stop_string: str | None
    completeness: Completeness | None
    thought: Thought | None
    trouble: str | None


def parse(text: str | bytes) -> RunParts:
    """The parts of the run that a JSON text holds; see `Run.from_json`."""
    text = file_text(text, "run file")
    read_form(text, "run file", FORMAT_VERSION)
    try:
        form = _adapter().validate_json(text)
    except (pydantic.ValidationError, SettingsError) as error:
        raise RunFileError(f"this run file does not fit: {_first_problem(error)}").in_japanese(
            f"この実行のファイルは読めません: {_first_problem(error)}"
        ) from error
    fields = {name: getattr(form, name) for name in RunParts.__dataclass_fields__}
    parts = RunParts(**{**fields, "receipt": _receipt_of(form.receipt)})
    if "".join(step.text for step in parts.steps) != form.text:
        raise RunFileError("this run file was edited: its `text` is not what its steps say").in_japanese(
            "この実行のファイルは書き換えられています。`text` がステップと合いません"
        )
    for place, value, low, high in _bounds(parts):
        if not low <= value <= high:
            raise RunFileError(f"this run file does not fit: {place} = {value!r}: needs {low} to {high}").in_japanese(
                f"この実行のファイルは読めません: {place} = {value!r}: 使えるのは {low}〜{high} です"
            )
    return parts


_TOKEN: Final = 2**31 - 1
_COUNT: Final = 2**53  # largest whole number that every reader of JSON keeps


def _bounds(parts: RunParts) -> Iterator[tuple[str, float, float, float]]:
    """The place, value, and allowed range of every number whose type does not already say it."""
    seed = KNOBS["seed"].high
    assert seed is not None
    yield "receipt.seed", parts.receipt.seed, 0, seed
    for i, token in enumerate(parts.receipt.prompt_tokens):
        yield f"receipt.prompt_tokens.{i}", token, 0, _TOKEN
    for i, step in enumerate(parts.steps):
        yield f"steps.{i}.id", step.id, 0, _TOKEN
        yield f"steps.{i}.p_raw", step.p_raw, 0, 1
        yield f"steps.{i}.p_final", step.p_final, 0, 1
        yield f"steps.{i}.entropy", step.entropy, 0, 64
        yield f"steps.{i}.unseen", step.unseen, 0, 1
        yield f"steps.{i}.u", step.u or 0, 0, 1
        yield f"steps.{i}.rank", step.rank, 1, _TOKEN
        yield f"steps.{i}.n_candidates", step.n_candidates, 1, _TOKEN
        for j, token in enumerate(token for one in step.taken_back for token in one.tokens):
            yield f"steps.{i}.taken_back.{j}", token, 0, _TOKEN
        for j, one in enumerate(step.taken_back):
            yield f"steps.{i}.taken_back.{j}.tokens", len(one.tokens), 1, _COUNT
        for j, other in enumerate(step.alternatives):
            yield f"steps.{i}.alternatives.{j}.id", other.id, 0, _TOKEN
            yield f"steps.{i}.alternatives.{j}.p_raw", other.p_raw, 0, 1
            yield f"steps.{i}.alternatives.{j}.p_final", other.p_final, 0, 1
    if parts.completeness is not None:
        yield "completeness.since", parts.completeness.since or 0, 0, len(parts.steps)
    if parts.thought is not None:
        yield "thought.steps", parts.thought.steps, 1, len(parts.steps)
    for name in parts.timings.__dataclass_fields__:
        yield f"timings.{name}", getattr(parts.timings, name), 0, _COUNT


def _first_problem(error: Exception) -> str:
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}{more}"
