"""From a body to what is wanted: prompts, settings, and a note on everything that has no effect here, or another one.

Guarantee: what a body leaves out holds as the program has it whose API is called, unless the server was told otherwise.
A value that cannot be used is a `Fault` with the field's name; one that is limited, ignored or not known is a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tsumami.exchange import LOSSES, Dialect, Note, Phrase
from tsumami.exchange.reading import import_values
from tsumami.runs import Prompt
from tsumami.runs.backend import Tokenizer
from tsumami.runs.prompt import check_prompt
from tsumami.runs.prompting import as_prompt, refuse_endless, text_of, tokens_of
from tsumami.serve.bodies import Body, Own, sampling_of
from tsumami.serve.faults import Fault, field_fault, naming_field, too_long
from tsumami.serve.service import ApiService
from tsumami.settings import Settings
from tsumami.wording import InBoth, counted

__all__ = ["NO_PROBABILITIES", "Probabilities", "Wanted", "check_prompts", "prompts_of", "wanted_settings"]

_IGNORED: Final[Mapping[str, tuple[Any, Phrase]]] = {
    "cache_prompt": (True, Phrase("キャッシュは結果を変えないので、いつも使う", "always used: it changes no text")),
    "id_slot": (-1, Phrase("スロットは空いているものを使う", "whichever slot is free is taken")),
    "n_keep": (0, Phrase("文脈はずらさない", "the context is not shifted")),
    "n_discard": (0, Phrase("文脈はずらさない", "the context is not shifted")),
    "n_indent": (0, Phrase("字下げはそろえない", "lines are not indented")),
    "n_cache_reuse": (0, Phrase("使わない", "not used")),
    "t_max_predict_ms": (-1, Phrase("時間では終わらない", "no text ends by time: it would be another one each time")),
    "lora": ([], Phrase("LoRA は選べない", "no LoRA can be chosen")),
    "backend_sampling": (False, Phrase("いつも同じ計算で選ぶ", "tokens are always chosen by the same arithmetic")),
    "sse_ping_interval": (-1, Phrase("使わない", "not used")),
    "trim_stop": (True, Phrase("停止文字列は返さない", "stop strings are never shown")),
}  # fmt: skip
"""Names that change nothing here: the value with which they do so elsewhere, too, and why."""
_KEPT_ORDER: Final = "the order is kept"


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What to tell of each token: how many of the likeliest, and whether after the samplers (or the model's own)."""

    count: int = 0
    after: bool = False


NO_PROBABILITIES: Final = Probabilities()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one request asks for: `n` texts from each prompt. no_tokens: only that the prompt is read. key: by which
    the caller can end it from elsewhere.
    """

    prompts: tuple[Prompt, ...]
    settings: Settings
    notes: tuple[Note, ...] = ()
    n: int = 1
    probabilities: Probabilities = NO_PROBABILITIES
    ledger: bool = False
    no_tokens: bool = False
    key: str = ""

    def settings_of(self, choice: int) -> Settings:
        """The settings of one of the `n`: the next seed for each, where there is a seed."""
        seed = self.settings.seed
        return self.settings if seed < 0 or not choice else self.settings.replace(seed=(seed + choice) % (2**32 - 1))


# --- settings ---


def wanted_settings(service: ApiService, dialect: Dialect, body: Body, own: Own) -> tuple[Settings, tuple[Note, ...]]:
    """The settings of a body, and the notes.

    Raises:
        Fault: a field that cannot be used.
        SettingsError: fields that do not fit together.
    """
    given = sampling_of(body)
    notes = list(_ignored(given))
    if "logit_bias" in given:
        given["logit_bias"] = _bias(service.served.backend.tokenizer, given["logit_bias"])
    defaults = service.defaults(dialect)
    for one in dialect.fields:
        if any(name in given for name in (one.name, *one.aliases)):
            defaults.pop(one.name, None)
    made = import_values(dialect, {**defaults, **given})
    for note in made.notes:
        if note.fate == "refused":
            raise field_fault(note.foreign, InBoth(note.words.en, note.words.ja))
    notes += [note for note in made.notes if note.foreign in given and _tells(note)]
    settings = made.settings.replace(**service.elsewhere(dialect))
    if own.settings:
        with naming_field("tsumami"):
            settings = settings.replace(**own.settings)
    return settings, tuple(notes)


def _tells(note: Note) -> bool:
    return note.fate in LOSSES or (note.fate == "order" and note.words.en != _KEPT_ORDER)


def _ignored(given: dict[str, Any]) -> list[Note]:
    """Takes out what changes nothing here."""
    found = []
    for name, (nothing, words) in _IGNORED.items():
        value = given.pop(name, nothing)
        if value != nothing:
            found.append(Note("ignored", name, value, None, None, words))
    return found


def _bias(tokenizer: Tokenizer, given: Any) -> dict[int, float]:
    """A bias by token id, and by text for every token of the text; several for one token are added up."""
    pairs = list(given.items()) if isinstance(given, dict) else given
    found: dict[int, float] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise field_fault(
                "logit_bias",
                InBoth("needs pairs of a token, or a text, and a number", "トークンか文章と数の組にしてください"),
            )
        for token in _tokens(tokenizer, pair[0]):
            found[token] = found.get(token, 0.0) + _amount(pair[1])
    return found


def _tokens(tokenizer: Tokenizer, given: Any) -> tuple[int, ...]:
    if isinstance(given, str) and not (given.isascii() and given.lstrip("-").isdigit()):
        with naming_field("logit_bias"):
            return tokens_of(tokenizer, given, add_special=False, parse_special=False)
    if isinstance(given, bool) or not isinstance(given, int | str) or len(str(given)) > 12:
        raise field_fault("logit_bias", InBoth("a token is a number or a text", "トークンは数か文章です"))
    return (int(given),)


def _amount(given: Any) -> float:
    if given is False:
        return float("-inf")
    if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > 1e9:
        raise field_fault(
            "logit_bias",
            InBoth("a bias is a number, or false to forbid the token", "バイアスは数です（禁止するなら false）"),
        )
    return float(given)


# --- prompts ---


def prompts_of(service: ApiService, given: Any) -> tuple[Prompt, ...]:
    """The prompts of a body: a text, token ids, a mixture of both, or a list of these.

    Raises:
        Fault: it is something else.
    """
    if given is None:
        raise Fault(400, InBoth('"prompt" is required', "prompt が必要です"), param="prompt")
    several = isinstance(given, list) and not any(_is_token(one) for one in given)
    made = tuple(_prompt(service, one) for one in (given if several else [given]))
    if not made:
        raise field_fault("prompt", InBoth("the list is empty", "リストが空です"))
    if len(made) > service.limits.waiting:
        raise field_fault(
            "prompt",
            InBoth(
                f"{counted(len(made), 'prompt')}; {service.limits.waiting} are taken at once",
                f"プロンプトが {len(made)} 個あります。一度に受け取れるのは {service.limits.waiting} 個までです",
            ),
        )
    return made


def _is_token(one: Any) -> bool:
    return isinstance(one, int) and not isinstance(one, bool)


def _prompt(service: ApiService, given: Any) -> Prompt:
    served = service.served
    tokenizer = served.backend.tokenizer
    with naming_field("prompt"):
        match given:
            case {"prompt_string": str(text), **more}:
                if more.get("multimodal_data"):
                    raise field_fault(
                        "prompt",
                        InBoth(
                            "this model reads texts only; multimodal_data cannot be used",
                            "このモデルが読むのは文章だけで、multimodal_data は使えません",
                        ),
                    )
                return _prompt(service, text)
            case str():
                refuse_endless(given, served.backend.n_ctx, served.longest_piece)
                return as_prompt(tokenizer, given)
            case list():
                return _mixed(tokenizer, given)
    raise field_fault(
        "prompt",
        InBoth("needs a text, token ids, or a list of these", "文章か、トークンの番号か、そのリストにしてください"),
    )


def _mixed(tokenizer: Tokenizer, given: list[Any]) -> Prompt:
    """Token ids and texts in one; the model's BOS stands before a text that is the first."""
    tokens: list[int] = []
    for at, one in enumerate(given):
        if isinstance(one, str):
            tokens += tokens_of(tokenizer, one, add_special=at == 0)
        elif _is_token(one):
            tokens.append(one)
        else:
            raise field_fault(
                "prompt",
                InBoth(
                    f"item {at} is neither a token id nor a text",
                    f"{at} 番の要素はトークンの番号でも文章でもありません",
                ),
            )
    outside = next((one for one in tokens if not 0 <= one < tokenizer.n_tokens), None)
    if outside is not None:
        raise field_fault(
            "prompt",
            InBoth(
                f"there is no token {outside}; this vocabulary has 0..{tokenizer.n_tokens - 1}",
                f"トークン {outside} はありません。この語彙にあるのは 0〜{tokenizer.n_tokens - 1} です",
            ),
        )
    return Prompt(text_of(tokenizer, tokens), tuple(tokens), "tokens")


def check_prompts(service: ApiService, prompts: tuple[Prompt, ...]) -> None:
    """Refuse prompts that leave no room for a reply.

    Raises:
        Fault: one is too long, in llama-server's words.
        PromptError: one is empty.
    """
    backend = service.served.backend
    for prompt in prompts:
        if len(prompt.tokens) >= service.n_ctx:
            raise too_long(len(prompt.tokens), service.n_ctx)
        check_prompt(prompt, backend.n_ctx, backend.engine.n_vocab)
