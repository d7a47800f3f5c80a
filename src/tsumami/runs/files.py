"""Run files: a Run as JSON and back.

Guarantee: `parse(dump(run)) == run`. What does not fit is refused with the place in the file and what was expected
there. Bytes are hexadecimal. All settings are written, so that a later change of a default does not change an old run;
a knob that a file does not name is younger than the file, so it is read as neutral, not as its default.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pydantic

from tsumami.errors import RunFileError, SettingsError
from tsumami.knobs import KNOBS
from tsumami.runs.run import FORMAT_VERSION, EngineCard, ModelCard, Receipt, Run, Step, StopReason, Timings
from tsumami.settings import Settings


def _read_settings(value: Any) -> Settings:
    if not isinstance(value, dict):
        raise ValueError("settings must be an object")  # noqa: TRY004  (pydantic reports ValueErrors, not TypeErrors)
    younger = {name: knob.neutral for name, knob in KNOBS.items() if name not in value and knob.neutral is not None}
    return Settings.from_mapping(younger | value)  # a SettingsError is a ValueError: pydantic reports it with its place


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


@dataclass(frozen=True, slots=True)
class _Form:
    """The object that a run file holds."""

    __pydantic_config__ = _CONFIG

    version: int
    receipt: _ReceiptForm
    text: str
    steps: tuple[Step, ...]
    stop_reason: StopReason
    stop_string: str | None
    timings: Timings


@functools.cache
def _adapter() -> pydantic.TypeAdapter[_Form]:
    return pydantic.TypeAdapter(_Form)


@functools.cache
def _receipt_adapter() -> pydantic.TypeAdapter[_ReceiptForm]:
    return pydantic.TypeAdapter(_ReceiptForm)


def dump(run: Run, indent: int | None = None) -> str:
    """The JSON text of a run."""
    form = {
        "version": FORMAT_VERSION,
        "receipt": plain_receipt(run.receipt),
        "text": run.text,
        "steps": [_plain(step) for step in run.steps],
        "stop_reason": run.stop_reason,
        "stop_string": run.stop_string,
        "timings": _plain(run.timings),
    }
    return json.dumps(form, ensure_ascii=False, indent=indent, allow_nan=False)


def plain_receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt as plain values."""
    return {**_plain(receipt), "settings": receipt.settings.to_dict()}


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, bytes as hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Settings):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def receipt_from(values: dict[str, Any]) -> Receipt:
    """The receipt that `Receipt.to_dict` gave as plain values.

    Raises:
        RunFileError: a field is missing or does not fit; the message names it.
    """
    try:
        form = _receipt_adapter().validate_json(json.dumps(values))
    except (pydantic.ValidationError, SettingsError, TypeError, ValueError) as error:
        raise RunFileError(f"this receipt does not fit: {_first_problem(error)}") from error
    return _receipt_of(form)


def _receipt_of(form: _ReceiptForm) -> Receipt:
    return Receipt(**{name: getattr(form, name) for name in Receipt.__dataclass_fields__})


def read_form(text: str | bytes, what: str, version: int, kind: str | None = None) -> dict[str, Any]:
    """The object that a file of ours holds, without its `version` and `kind`.

    Args:
        text: JSON.
        what: what the file is called in messages.
        version: the one format version that is read.
        kind: what `kind` must be; None for run files, which have none.

    Raises:
        RunFileError: not JSON, no such object, or another version.
    """
    try:
        form = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunFileError(f"this is not a {what}: no valid JSON ({error})") from error
    if not isinstance(form, dict) or "version" not in form or form.pop("kind", None) != kind:
        expected = "a `version` and no `kind`" if kind is None else f"a `version` and `kind` {kind}"
        raise RunFileError(f"this is not a {what}: an object with {expected} is expected")
    found = form.pop("version")
    if type(found) is not int or found != version:
        raise RunFileError(f"this {what} has format version {found!r}; this tsumami reads version {version}")
    return form


def parse(text: str | bytes) -> Run:
    """The run of a JSON text; see `Run.from_json`."""
    read_form(text, "run file", FORMAT_VERSION)
    try:
        form = _adapter().validate_json(text)
    except (pydantic.ValidationError, SettingsError) as error:
        raise RunFileError(f"this run file does not fit: {_first_problem(error)}") from error
    receipt = _receipt_of(form.receipt)
    run = Run(receipt, form.steps, form.stop_reason, form.timings, form.stop_string)
    if run.text != form.text:
        raise RunFileError("this run file was edited: its `text` is not what its steps say")
    for place, value, low, high in _bounds(run):
        if not low <= value <= high:
            raise RunFileError(f"this run file does not fit: {place} = {value!r}: needs {low} to {high}")
    return run


_TOKEN: Final = 2**31 - 1
_COUNT: Final = 2**53  # largest whole number that every reader of JSON keeps


def _bounds(run: Run) -> Iterator[tuple[str, float, float, float]]:
    """The place, value, and allowed range of every number whose type does not already say it."""
    seed = KNOBS["seed"].high
    assert seed is not None
    yield "receipt.seed", run.receipt.seed, 0, seed
    for i, token in enumerate(run.receipt.prompt_tokens):
        yield f"receipt.prompt_tokens.{i}", token, 0, _TOKEN
    for i, step in enumerate(run.steps):
        yield f"steps.{i}.id", step.id, 0, _TOKEN
        yield f"steps.{i}.p_raw", step.p_raw, 0, 1
        yield f"steps.{i}.p_final", step.p_final, 0, 1
        yield f"steps.{i}.entropy", step.entropy, 0, 64
        yield f"steps.{i}.u", step.u or 0, 0, 1
        yield f"steps.{i}.rank", step.rank, 1, _TOKEN
        yield f"steps.{i}.n_candidates", step.n_candidates, 1, _TOKEN
        for j, other in enumerate(step.alternatives):
            yield f"steps.{i}.alternatives.{j}.id", other.id, 0, _TOKEN
            yield f"steps.{i}.alternatives.{j}.p_raw", other.p_raw, 0, 1
            yield f"steps.{i}.alternatives.{j}.p_final", other.p_final, 0, 1
    for name in run.timings.__dataclass_fields__:
        yield f"timings.{name}", getattr(run.timings, name), 0, _COUNT


def _first_problem(error: Exception) -> str:
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}{more}"
