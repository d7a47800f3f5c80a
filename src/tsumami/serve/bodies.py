"""What a request may hold: one typed body a family of routes, made of the dialects' own tables.

Guarantee: what is no JSON object in UTF-8, and every field that has the wrong type or cannot be, is a `Fault` (400)
that names the field. `null` is as if the field were not there; names that are not known are let through, for the notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self, TypeVar, cast

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from starlette.requests import Request

from tsumami.exchange import DIALECTS, Dialect
from tsumami.knobs import KNOBS
from tsumami.quoting import theirs
from tsumami.serve.faults import Fault, field_fault
from tsumami.wording import InBoth

__all__ = ["Body", "Detokenizing", "Kobold", "Messages", "NativeText", "OpenAIChat", "OpenAIText", "Tokenizing"]
__all__ += ["KeyOnly", "KoboldCount", "read_body", "sampling_of"]

_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Length = Annotated[int, Field(ge=-1, le=2**31 - 1)]
_Top = Annotated[int, Field(ge=0, le=1024)]
_Any = Any
_LARGE: Final = 1 << 17  # bytes, from which on reading them is not done between two tokens of others
_PYTHON: Final[Mapping[str, Any]] = {
    "int": int | float,
    "float": int | float,
    "choice": int | float,
    "bool": bool,
    "texts": str | list[str],
    "bias": list[_Any] | dict[str, _Any],
    "grammar": str,
    "order": str | list[_Any],
}
"""The JSON types of a knob's kind; a kind that is not here may be anything."""


class Body(BaseModel):
    """A JSON object."""

    model_config = ConfigDict(extra="allow", strict=True)

    @classmethod
    def read(cls, form: dict[str, Any]) -> Self:
        """A body of this kind.

        Raises:
            Fault: a field has the wrong type.
        """
        try:
            return cls.model_validate({name: value for name, value in form.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise field_fault(
                str(first["loc"][0]) if first["loc"] else "body", InBoth(str(first["msg"]), theirs(first["msg"]))
            ) from error


class Own(BaseModel):
    """What only tsumami knows: `ledger` (each token's way through the stages), and knobs by our names."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ledger: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)


class Generating(Body):
    """What every route that generates takes."""

    stream: bool = False
    n: Annotated[int, Field(ge=1)] | None = Field(None, description="how many texts")
    n_cmpl: Annotated[int, Field(ge=1)] | None = Field(None, description="another name of n")
    return_tokens: bool = False
    return_progress: bool = False
    timings_per_token: bool = False
    post_sampling_probs: bool = False
    verbose: bool = False
    n_predict: _Length | None = None
    max_tokens: _Length | None = None
    max_completion_tokens: _Length | None = None
    tsumami: Own = Field(default_factory=Own)


class NativeText(Generating):
    """`/completion`."""

    prompt: Any = Field(None, description="a text, token ids, a mixture, or a list of these")
    n_probs: _Top | None = None
    logprobs: _Top | None = Field(None, description="another name of n_probs")
    response_fields: list[str] = Field(default_factory=list)


class StreamOptions(BaseModel):
    """`stream_options`."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = None


class OpenAIText(NativeText):
    """`/v1/completions`."""

    stream_options: StreamOptions | None = None
    echo: bool = False


class Messages(Body):
    """Whatever is made a prompt by the chat template."""

    messages: Any = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | str | None = None
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    reasoning_effort: str | None = None


class OpenAIChat(Generating, Messages):
    """`/v1/chat/completions`."""

    n_probs: _Top | None = None
    logprobs: bool = False
    top_logprobs: _Top | None = None
    response_format: dict[str, Any] | None = None
    stream_options: StreamOptions | None = None


class Tokenizing(Body):
    """`/tokenize`."""

    content: Any = None
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class Detokenizing(Body):
    """`/detokenize`."""

    tokens: list[int] = Field(default_factory=list)


class Kobold(Body):
    """KoboldCpp's `generate`."""

    prompt: str | None = None
    memory: str = ""
    n: Annotated[int, Field(ge=1, le=1)] = Field(1, description="KoboldCpp gives one text")
    max_length: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    max_context_length: _Count | None = None
    genkey: str = ""
    tsumami: Own = Field(default_factory=Own)


class KeyOnly(Body):
    """What names a text that grows."""

    genkey: str = ""


class KoboldCount(Body):
    """KoboldCpp's `tokencount`."""

    prompt: str | None = None
    special: bool = True


_B = TypeVar("_B", bound=Body)


def _with_sampling(kind: type[_B], dialect: Dialect) -> type[_B]:
    """The body with a field for every name of a dialect's table."""
    names = {name: one for one in dialect.fields for name in (one.name, *one.aliases) if name not in kind.model_fields}
    fields = {name: (_type_of(one.knob) | None, None) for name, one in names.items()}
    if dialect.order is not None:
        fields[dialect.order.name] = (str | list[Any] | None, None)
    made: type[_B] = create_model(kind.__name__, __base__=kind, __doc__=kind.__doc__, **fields)  # type: ignore[call-overload]
    return made


def _type_of(knob: str | None) -> Any:
    known = KNOBS.get(knob or "")
    return object if known is None else _PYTHON.get(known.kind, object)


SERVER: Final = DIALECTS["llama-server"]
KOBOLD: Final = DIALECTS["koboldcpp"]
SAMPLED: Final[Mapping[type[Body], type[Body]]] = {
    kind: _with_sampling(kind, KOBOLD if kind is Kobold else SERVER)
    for kind in (NativeText, OpenAIText, OpenAIChat, Kobold)
}
"""The bodies that say how tokens are chosen, with those fields in them."""


def sampling_of(body: Body) -> dict[str, Any]:
    """The names and values of a body that say how tokens are chosen, and those that nobody knows."""
    own = next(kind.model_fields for kind in SAMPLED if type(body) is SAMPLED[kind])
    given = body.model_dump(exclude_none=True, exclude_unset=True)
    told = {"n_predict", "max_tokens", "max_completion_tokens", "max_length"}
    return {name: value for name, value in given.items() if name not in own or name in told}


async def read_body(request: Request, kind: type[_B]) -> _B:
    """The body of a request.

    Raises:
        Fault: it is none of this kind.
    """
    data = await request.body()
    return _read(data, kind) if len(data) < _LARGE else await anyio.to_thread.run_sync(_read, data, kind)


def _read(data: bytes, kind: type[_B]) -> _B:
    try:
        form = json.loads(data.decode("utf-8") or "{}", parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise Fault(
            400,
            InBoth(
                f"the body is not UTF-8: {error.reason} at byte {error.start}",
                f"本文が UTF-8 ではありません: {theirs(error.reason)}（バイト {error.start}）",
            ),
        ) from error
    except (ValueError, RecursionError) as error:
        raise Fault(
            400,
            InBoth(
                f"the body is not JSON: {str(error)[:200] or 'it is nested too deeply'}",
                f"本文が JSON ではありません: {theirs(str(error)[:200]) if str(error) else '入れ子が深すぎます'}",
            ),
        ) from error
    if not isinstance(form, dict):
        raise Fault(400, InBoth("the body has to be a JSON object", "本文は JSON のオブジェクトにしてください"))
    return cast("_B", SAMPLED.get(kind, kind).read(form))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
