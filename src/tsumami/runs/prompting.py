"""What a run can be asked to start from, as a prompt: text, what a prompt format made, or token ids.

Guarantee: every prompt that comes from here holds tokens of the vocabulary; what is none is refused by its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, SupportsIndex

from tsumami.engine import first_outside, notices
from tsumami.errors import PromptError, PromptTooLongError
from tsumami.native import listening
from tsumami.prompts import PromptText, Said
from tsumami.quoting import theirs
from tsumami.runs.backend import Tokenizer
from tsumami.runs.prompt import Prompt
from tsumami.runs.tokenizing import prompt_tokens, special_tokens
from tsumami.wording import counted

__all__ = ["PromptLike", "as_prompt", "refuse_endless", "several", "text_of", "tokens_of"]

_USUAL_PIECE: Final = 8  # characters

#: What a run can start from: text, a prompt made by `Model.prompt`, or token ids.
PromptLike = str | Prompt | PromptText | Sequence[int]


def as_prompt(tokenizer: Tokenizer, given: PromptLike, *, parse_special: bool = True) -> Prompt:
    """The prompt as the model gets it, with what llama.cpp said while it made tokens of it (it says so in the thread
    that called it). `parse_special`: the names of special tokens in a text are read as these.

    Raises:
        PromptError: it is something else, or a token id that the vocabulary does not have.
    """
    with listening() as said:
        prompt = _made(tokenizer, given, parse_special=parse_special)
        found = notices(said())
    return replace(prompt, notices=found) if found else prompt


def _made(tokenizer: Tokenizer, given: PromptLike, *, parse_special: bool) -> Prompt:
    if isinstance(given, Prompt):
        return given
    if isinstance(given, str):
        said = () if parse_special or not given else (Said(0, len(given)),)
        given = PromptText(given, "raw", add_special=True, said=said, parse_special=parse_special)
    if isinstance(given, PromptText):
        # an empty text has no token to go on from, even where the model puts BOS in front of everything
        tokens = prompt_tokens(tokenizer, given) if _encoded(given.text) else ()
        return Prompt(given.text, tokens, given.format, parse_special=given.parse_special)
    ids = _token_ids(given, tokenizer.n_tokens)
    return Prompt(text_of(tokenizer, ids), ids, "tokens")


def refuse_endless(given: PromptLike, n_ctx: int, longest_piece: Callable[[], int]) -> None:
    """Refuse a text of which even the longest tokens would be too many, before anybody counts them.

    longest_piece: bytes of the vocabulary's longest token; asked only of a text that is long.

    Raises:
        PromptTooLongError: it cannot fit into `n_ctx` tokens.
    """
    if not isinstance(given, str | PromptText):
        return
    text = given if isinstance(given, str) else given.text
    if len(text) <= n_ctx * _USUAL_PIECE:
        return
    longest = longest_piece()
    if len(text) > n_ctx * longest:  # a character has a byte or more
        raise PromptTooLongError(
            f"the prompt has {counted(len(text), 'character')}, and so more than "
            f"{counted(len(text) // longest, 'token')}: no token of "
            f"this model is longer than {counted(longest, 'byte')}. The context has {n_ctx:,}; shorten the "
            "prompt, or load the "
            "model with a larger n_ctx"
        ).in_japanese(
            f"プロンプトは {len(text):,} 文字で、少なくとも {len(text) // longest:,} トークンになります。"
            f"コンテキストは {n_ctx:,} トークンです。短くするか、n_ctx を大きくしてモデルを読み込み直してください。"
        )


def several(given: PromptLike | Sequence[PromptLike]) -> Sequence[PromptLike]:
    """A list of texts or prompts is several; a text, a prompt, or token ids are one."""
    if isinstance(given, str | Prompt | PromptText) or not isinstance(given, Sequence):
        return [given]
    parts = [one for one in given if not isinstance(one, SupportsIndex)]
    return parts if parts and len(parts) == len(given) else [given]  # type: ignore[list-item]  # token ids


def tokens_of(
    tokenizer: Tokenizer, text: str, *, add_special: bool = True, parse_special: bool = True
) -> tuple[int, ...]:
    """The tokens of a text; see `Model.tokenize`.

    Raises:
        PromptError: the text holds a lone surrogate, which UTF-8 cannot express.
    """
    data = _encoded(text)
    if parse_special:
        return tuple(special_tokens(tokenizer, text, add_special=add_special))
    return tuple(tokenizer.tokenize(data, add_special=add_special, parse_special=False))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise PromptError(f"the text is not valid Unicode at character {error.start}: {error.reason}").in_japanese(
            f"文章の {error.start} 文字目が正しい Unicode ではありません: {theirs(error.reason)}"
        ) from error


def text_of(tokenizer: Tokenizer, tokens: Iterable[int]) -> str:
    """The text of tokens; bytes that are no character come out as U+FFFD."""
    return b"".join(map(tokenizer.piece, tokens)).decode("utf-8", "replace")


def _token_ids(given: Iterable[object], n_vocab: int) -> tuple[int, ...]:
    """Token ids as plain integers; bytes would pass for ids without being meant so."""
    if isinstance(given, bytes | bytearray | Mapping) or not isinstance(given, Iterable):
        raise PromptError(
            f"a prompt is text, the result of Model.prompt, or token ids, not {type(given).__name__}"
        ).in_japanese(
            f"プロンプトに使えるのは文章か、Model.prompt の結果か、トークン ID です（{type(given).__name__} でした）"
        )
    tokens = []
    for index, token in enumerate(given):
        if isinstance(token, bool) or not isinstance(token, SupportsIndex):
            raise _no_token(index, token, n_vocab)
        tokens.append(token.__index__())
    bad = first_outside(tokens, n_vocab)
    if bad is not None:
        raise _no_token(bad, tokens[bad], n_vocab)
    return tuple(tokens)


def _no_token(index: int, given: object, n_vocab: int) -> PromptError:
    return PromptError(f"token {index} of the prompt is {given!r}; this vocabulary has 0..{n_vocab - 1}").in_japanese(
        f"プロンプトの {index} 番目のトークンが {given!r} ですが、この語彙は 0〜{n_vocab - 1} です"
    )
