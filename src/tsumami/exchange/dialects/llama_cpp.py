"""llama.cpp: the bodies and answers of llama-server, its command-line flags and INI presets, and a GGUF's own settings.

Source: llama.cpp's tools/server (README and server-task.cpp), common/arg.cpp, common/common.h, and llama.h's
LLAMA_MODEL_META_KEY_SAMPLING_*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from tsumami.errors import SettingsError
from tsumami.exchange.dialect import Dialect, Field, Foreign, Order, named, same
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import (
    ALL_WORDS,
    LENGTH_WORDS,
    MINUS_WORDS,
    NO_END,
    bias_from,
    bias_to_pairs,
    by_template,
    length_from,
    length_to_minus,
    off_to_minus,
    one_of_it,
    positive,
    schema_from,
    schema_to,
    texts_from,
    to_template,
    whole_window,
    window_to_minus,
)

_STAGES: Final = {
    "penalties": ("penalties",),
    "dry": ("dry",),
    "top_n_sigma": ("top_n_sigma",),
    "top_k": ("top_k",),
    "typ_p": ("typ_p",),
    "typical_p": ("typ_p",),
    "typical": ("typ_p",),
    "tfs_z": (),  # removed in #10071
    "top_p": ("top_p",),
    "min_p": ("min_p",),
    "xtc": ("xtc",),
    "temperature": ("temperature",),
    "infill": (),
    "adaptive_p": ("adaptive_p",),
}
_DEFAULT: Final = (
    "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature",
)  # fmt: skip
_LETTERS: Final = {
    "e": "penalties", "d": "dry", "s": "top_n_sigma", "k": "top_k", "y": "typ_p", "p": "top_p", "m": "min_p",
    "x": "xtc", "t": "temperature", "i": "infill", "a": "adaptive_p",
}  # fmt: skip
_CLAMPS: Final = Phrase("llama-server はこの範囲に黙って収める", "llama-server limits it silently")


def _names(value: Any) -> list[Any] | None:
    """A list of names, names with semicolons between, or llama-server's letters."""
    if isinstance(value, str):
        letters = [_LETTERS[letter] for letter in value if letter in _LETTERS]
        spelt = [name.strip() for name in re.split("[;,]", value) if name.strip()]
        return letters if value and len(letters) == len(value) and value not in _STAGES else spelt
    return [str(name) for name in value] if isinstance(value, list) else None


def _not_below_zero(value: Any) -> int:
    """llama-server refuses a window of -1, though its own words offer it."""
    if value < 0:
        raise SettingsError(f"llama-server refuses repeat_last_n = {value}").in_japanese(
            f"llama-server は repeat_last_n = {value} を受けつけません"
        )
    return int(value)


def _bias_of_flags(value: Any) -> dict[int, float]:
    """`--logit-bias 15043+1`, once or several times."""
    found = {}
    for text in (value,) if isinstance(value, str) else value:
        token, sign, amount = re.fullmatch(r"(\d+)([+-])(.+)", str(text)).groups()  # type: ignore[union-attr]
        found[int(token)] = float(f"{sign}{amount}")
    return found


def _bias_to_flags(value: Any) -> list[str] | None:
    """The same back."""
    return [f"{token}{bias:+}" for token, bias in value] or None


_BREAKERS: Final = ("\n", ":", '"', "*")


def _texts_of_flags(value: Any) -> tuple[str, ...]:
    r"""Texts of flags, in which llama.cpp reads \n and the like; "none" is none."""
    texts = [str(text) for text in ((value,) if isinstance(value, str) else value)]
    return () if texts == ["none"] else texts_from([_unescaped(text) for text in texts])


_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([ntr\\'\"]))")
_MEANT: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _MEANT[found[2]], text)


def _texts_to_flags(value: Any) -> list[str] | None:
    """The same back."""
    return [_escaped(text) for text in value] or None


def _escaped(text: str) -> str:
    r"""As llama.cpp reads it: control characters, and blanks at an end, as \x.."""
    ends = len(text) - len(text.lstrip(" ")), len(text.rstrip(" "))
    return "".join(
        f"\\x{ord(one):02x}" if one < " " or (one == " " and not ends[0] <= at < ends[1]) else one.replace("\\", "\\\\")
        for at, one in enumerate(text)
    )


def _breakers_to_flags(value: Any) -> list[str]:
    """DRY's breakers; none of them is a word of its own."""
    return _texts_to_flags(value) or ["none"]


def _fields(names: dict[str, str], server: bool) -> tuple[Field, ...]:
    """The sampling parameters, by their names of one of the forms; what a form has no name for is left out."""
    window: Callable[[Any], Any] = _not_below_zero if server else whole_window
    back: Callable[[Any], Any] = int if server else window_to_minus
    breakers: Callable[[Any], Any] = list if server else _breakers_to_flags
    texts, back_texts = (texts_from, list) if server else (_texts_of_flags, _texts_to_flags)
    bias: Callable[[Any], Any] = bias_from if server else _bias_of_flags

    def field(
        key: str,
        knob: str,
        default: Any,
        read: Callable[[Any], Any] = same,
        write: Callable[[Any], Any] = same,
        **more: Any,
    ) -> Field | None:
        main, *aliases = names.get(key, "").split("|")
        return Field(main, knob, default, read, write, aliases=tuple(aliases), **more) if main else None

    rows = (
        field("temp", "temperature", 0.8, low=0),
        field("dynatemp_range", "dynatemp_range", 0.0),
        field("dynatemp_exponent", "dynatemp_exponent", 1.0),
        field("top_k", "top_k", 40, low=0),
        field("top_p", "top_p", 0.95, low=0, high=1, about=_CLAMPS),
        field("min_p", "min_p", 0.05, low=0, high=1, about=_CLAMPS),
        field("top_n_sigma", "top_n_sigma", -1.0, positive, off_to_minus, about=MINUS_WORDS),
        field("typical_p", "typical_p", 1.0, low=0, high=1),
        field("xtc_probability", "xtc_probability", 0.0, low=0, high=1),
        field("xtc_threshold", "xtc_threshold", 0.1, low=0, high=1),
        field("repeat_last_n", "repeat_last_n", 64, window, back, about=ALL_WORDS),
        field("repeat_penalty", "repeat_penalty", 1.0),
        field("presence_penalty", "presence_penalty", 0.0),
        field("frequency_penalty", "frequency_penalty", 0.0),
        field("dry_multiplier", "dry_multiplier", 0.0),
        field("dry_base", "dry_base", 1.75),
        field("dry_allowed_length", "dry_allowed_length", 2),
        field("dry_penalty_last_n", "dry_penalty_last_n", -1, whole_window, window_to_minus, about=ALL_WORDS),
        field("dry_sequence_breakers", "dry_sequence_breakers", _BREAKERS, texts, breakers),
        field("adaptive_target", "adaptive_target", -1.0),
        field("adaptive_decay", "adaptive_decay", 0.9),
        field("mirostat", "mirostat_mode", 0),
        field("mirostat_tau", "mirostat_tau", 5.0),
        field("mirostat_eta", "mirostat_eta", 0.1),
        field("seed", "seed", -1),
        field("min_keep", "min_keep", 0),
        field("n_predict", "max_tokens", -1, length_from, length_to_minus, about=LENGTH_WORDS),
        field("stop", "stop", (), texts, back_texts),
        field("logit_bias", "logit_bias", (), bias, bias_to_pairs if server else _bias_to_flags),
        field("grammar", "grammar", "", one_of_it, one_of_it),
        field("json_schema", "json_schema", None, schema_from, schema_to),
        field("ignore_eos", "ignore_eos", False, neutral=False, about=NO_END),
        field("reasoning_budget", "thinking_budget", -1, neutral=-1),
        field("chat_template_kwargs", "chat_template_kwargs", None, schema_from, schema_to if server else one_of_it),
    )
    return tuple(row for row in rows if row is not None)


# --- llama-server ---

_SERVER_NAMES: Final = {
    "temp": "temperature|temp",
    "n_predict": "n_predict|max_tokens|max_completion_tokens",
    "mirostat": "mirostat",
    **{
        name: name
        for name in (
            "dynatemp_range", "dynatemp_exponent", "top_k", "top_p", "min_p", "top_n_sigma", "typical_p",
            "xtc_probability", "xtc_threshold", "repeat_last_n", "repeat_penalty", "presence_penalty",
            "frequency_penalty", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
            "dry_sequence_breakers", "adaptive_target", "adaptive_decay", "mirostat_tau", "mirostat_eta", "seed",
            "min_keep", "stop", "logit_bias", "grammar", "json_schema", "ignore_eos", "reasoning_budget",
            "chat_template_kwargs",
        )
    },
}  # fmt: skip
_REQUEST: Final = Phrase("リクエストの一部", "a part of the request")
_SERVER_ELSEWHERE: Final = named(
        "prompt messages model stream n_probs cache_prompt id_slot n_keep n_discard n_indent return_tokens "
        "timings_per_token post_sampling_probs response_fields lora t_max_predict_ms samplers_order "
        "speculative.n_max speculative.n_min speculative.p_min speculative.types chat_format reasoning_format "
        "reasoning_in_content thinking_forced_open generation_prompt grammar_lazy grammar_triggers "
        "preserved_tokens backend_sampling input_prefix input_suffix user_sampling_config n_ctx speculative "
        "is_processing params id",
        _REQUEST,
    )  # fmt: skip


def _generation_settings(form: Any) -> Foreign | None:
    """A body, an answer with its `generation_settings`, or what `/props` tells."""
    match form:
        case {"default_generation_settings": {"params": dict(found)}} | {"generation_settings": dict(found)}:
            return dict(found)
        case {"default_generation_settings": dict(found)}:
            return dict(found)
        case dict():
            return dict(form)
    return None


_ORDER: Final = Order("samplers", _STAGES, _DEFAULT, split=_names)

SERVER: Final = Dialect(
    name="llama-server",
    title="llama-server",
    form="json",
    fields=_fields(_SERVER_NAMES, server=True),
    order=_ORDER,
    elsewhere=_SERVER_ELSEWHERE,
    marks=frozenset({"n_predict", "repeat_last_n", "top_n_sigma", "n_probs", "cache_prompt", "typical_p", "mirostat"}),
    unwrap=_generation_settings,
    together=by_template,
    apart=to_template,
)


# --- command-line flags, and INI presets, which have the same names ---

_FLAG_NAMES: Final = {
    "temp": "temp|temperature",
    "dynatemp_range": "dynatemp-range",
    "dynatemp_exponent": "dynatemp-exp",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "top_n_sigma": "top-nsigma|top-n-sigma",
    "typical_p": "typical|typical-p",
    "xtc_probability": "xtc-probability",
    "xtc_threshold": "xtc-threshold",
    "repeat_last_n": "repeat-last-n",
    "repeat_penalty": "repeat-penalty",
    "presence_penalty": "presence-penalty",
    "frequency_penalty": "frequency-penalty",
    "dry_multiplier": "dry-multiplier",
    "dry_base": "dry-base",
    "dry_allowed_length": "dry-allowed-length",
    "dry_penalty_last_n": "dry-penalty-last-n",
    "dry_sequence_breakers": "dry-sequence-breaker",
    "adaptive_target": "adaptive-target",
    "adaptive_decay": "adaptive-decay",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat-ent",
    "mirostat_eta": "mirostat-lr",
    "seed": "seed|s",
    "n_predict": "predict|n-predict|n",
    "stop": "reverse-prompt|r",
    "logit_bias": "logit-bias|l",
    "grammar": "grammar",
    "json_schema": "json-schema|j",
    "ignore_eos": "ignore-eos",
    "reasoning_budget": "reasoning-budget",
    "chat_template_kwargs": "chat-template-kwargs",
}
_LOADING: Final = Phrase("モデルの読み込みや端末の設定", "how the model is loaded, or the terminal")
_FLAG_ELSEWHERE: Final = named(
        "model m hf-repo hf hf-file hff ctx-size c threads t n-gpu-layers ngl gpu-layers batch-size b ubatch- "
        "size ub flash-attn fa port host prompt p file f alias a chat-template jinja no-jinja lora mmproj no- "
        "mmap mlock cache-type-k cache-type-v ctk ctv parallel np system-prompt sys conversation cnv no- "
        "conversation no-cnv color load-on-startup stop-timeout version keep no-warmup verbose v device dev",
        _LOADING,
    )  # fmt: skip

_FLAG_ORDER: Final = Order("samplers", _STAGES, _DEFAULT, split=_names, join=";".join)

FLAGS: Final = Dialect(
    name="llama-cli",
    title="llama.cpp",
    form="flags",
    fields=_fields(_FLAG_NAMES, server=False),
    order=_FLAG_ORDER,
    elsewhere=_FLAG_ELSEWHERE,
)

_ONE: Final = Phrase("INI のプリセットには 1 つしか書けない", "an INI preset can hold only one of them")
_ONE_LINE: Final = Phrase("INI の値は 1 行だけ", "a value in an INI preset is one line")
_LISTS: Final = {"dry-sequence-breaker": "dry_sequence_breakers", "reverse-prompt": "stop", "logit-bias": "logit_bias"}


def _one_each(knobs: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
    """A name stands once in an INI section, so several texts cannot be written."""
    if "\n" in str(foreign.get("grammar", "")):
        del foreign["grammar"]
        yield Note("lost", "grammar", None, "grammar", knobs["grammar"], _ONE_LINE)
    for name, knob in _LISTS.items():
        written = foreign.get(name)
        if not isinstance(written, list):
            continue
        foreign[name] = written[0]
        if len(written) > 1:
            del foreign[name]
            if knob != "dry_sequence_breakers" or tuple(knobs[knob]) != _BREAKERS:
                yield Note("lost", name, written, knob, knobs[knob], _ONE)


PRESETS: Final = Dialect(
    name="llama-ini",
    title="llama.cpp",
    form="ini",
    fields=FLAGS.fields,
    order=_FLAG_ORDER,
    elsewhere=_FLAG_ELSEWHERE,
    apart=_one_each,
)


# --- what a GGUF file recommends ---

_GGUF_NAMES: Final = {
    "temp": "temp",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "xtc_probability": "xtc_probability",
    "xtc_threshold": "xtc_threshold",
    "repeat_last_n": "penalty_last_n",
    "repeat_penalty": "penalty_repeat",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
_PREFIX: Final = "general.sampling."


def _of_metadata(form: Any) -> Foreign | None:
    """The sampling settings among a model's metadata."""
    if not isinstance(form, dict):
        return None
    found = {name.removeprefix(_PREFIX): value for name, value in form.items() if str(name).startswith(_PREFIX)}
    return found or None


GGUF: Final = Dialect(
    name="gguf",
    title="llama.cpp",
    form="json",
    fields=tuple(one for one in _fields(_GGUF_NAMES, server=False)),
    order=Order("sequence", _STAGES, _DEFAULT, split=_names, join=";".join),
    unwrap=_of_metadata,
    wrap=lambda values: {f"{_PREFIX}{name}": value for name, value in values.items()},
)
