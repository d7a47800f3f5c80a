"""Chat templates: Jinja source from a model's file, run apart and in a sandbox.

Guarantee: a template is a program from a stranger, and whatever goes wrong in it is a `TemplateError` that names the
line and a remedy. Contents pass through unchanged: nothing is escaped for HTML. It runs in a process of its own
(rendering.py), which is ended when it computes for more than a second or wants more memory than a prompt could need;
nobody waits for it but those who use the same template.
"""

from __future__ import annotations

import functools
import json
import pickle
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from tsumami.apart import Allowance, BrokeDownError, CannotBeginError, Helpers, OvertimeError
from tsumami.errors import TemplateError
from tsumami.prompts.messages import Message
from tsumami.quoting import theirs

__all__ = ["MAX_CHARACTERS", "ChatTemplate"]

MAX_CHARACTERS = 1 << 22
"""No template may write more characters than this beyond the messages: far more than any context holds."""

_LIMITS: Final = Allowance(seconds=1.0, memory=1 << 29)
_RENDERERS: Final = Helpers("tsumami.prompts.rendering:answer", _LIMITS)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_OTHER_WAYS = "choose the prompt format 'raw' or 'llama2', or give another template"
_OTHER_WAYS_JA = "形式 raw か llama2 を選ぶか、別のテンプレートを指定してください"


class ChatTemplate:
    """One template. Raises `TemplateError` with the line when the source does not parse."""

    def __init__(self, source: str) -> None:
        self.source = source
        _check(source)

    @property
    def tested(self) -> frozenset[str]:
        """The texts that the template looks for, splits by, or compares with, as far as it writes them out."""
        return _check(self.source)

    def render(
        self,
        messages: Sequence[Message],
        *,
        bos_token: str,
        eos_token: str,
        now: datetime,
        variables: Mapping[str, Any] = _NOTHING,
    ) -> str:
        """The text up to where the assistant's reply begins. `variables`: what the template gets besides (JSON values,
        such as `tools` or `enable_thinking`). Raises `TemplateError`.
        """
        given = {
            "add_generation_prompt": True,
            "tools": None,
            "documents": None,
            **variables,
            "messages": [message.as_dict() for message in messages],
            "bos_token": bos_token,
            "eos_token": eos_token,
        }
        most = MAX_CHARACTERS + sum(len(message.content) for message in messages)
        answer = _ask(self.source, given, now, most)
        if "text" in answer:
            return str(answer["text"])
        raise self._failure(answer, messages)

    def _failure(self, answer: dict[str, Any], messages: Sequence[Message]) -> TemplateError:
        (where, where_ja), reason = _at(self.source, answer["line"]), answer["reason"]
        reason_ja = _reason_ja(answer)
        if answer["kind"] == "sandbox":
            return TemplateError(
                f"the chat template tries to leave its sandbox{where}: {reason}; do not trust it: {_OTHER_WAYS}"
            ).in_japanese(
                f"チャットテンプレートが囲いの外に出ようとしています{where_ja}: {reason_ja}。"
                f"信頼しないでください。{_OTHER_WAYS_JA}"
            )
        if answer["kind"] != "refusal":
            return TemplateError(f"the chat template fails{where}: {reason}; correct it, or {_OTHER_WAYS}").in_japanese(
                f"チャットテンプレートが失敗します{where_ja}: {reason_ja}。直すか、{_OTHER_WAYS_JA}"
            )
        remedy, remedy_ja = "change the messages as it says", "そのとおりに発言を変えるか"
        if "system" in reason.lower() and any(message.role == "system" for message in messages):
            remedy = "leave the system message out, or write its text at the start of the first user message"
            remedy_ja = "システムの発言を外すか、最初のユーザーの発言の始めに書くか"
        return TemplateError(
            f"the chat template refuses these messages{where}: {reason}; {remedy}, or {_OTHER_WAYS}"
        ).in_japanese(
            f"チャットテンプレートがこの発言を断りました{where_ja}: {reason_ja}。{remedy_ja}、{_OTHER_WAYS_JA}"
        )


@functools.lru_cache(maxsize=32)
def _check(source: str) -> frozenset[str]:
    """Refuse a source that does not parse, and give the texts that it tests messages for; what was found good is not
    parsed again for every message.
    """
    answer = _ask(source, None, None, 0)
    if "text" not in answer:
        where, where_ja = _at(source, answer["line"])
        raise TemplateError(
            f"the chat template does not parse{where}: {answer['reason']}; correct it, or {_OTHER_WAYS}"
        ).in_japanese(f"チャットテンプレートが読めません{where_ja}: {_reason_ja(answer)}。直すか、{_OTHER_WAYS_JA}")
    return frozenset(answer["tested"])


def _reason_ja(answer: dict[str, Any]) -> str:
    """The reason in Japanese: ours, or another's."""
    return str(answer.get("reason_ja") or theirs(answer["reason"]))


def _at(source: str, line: int | None) -> tuple[str, str]:
    """The place of a line, in English and Japanese."""
    if line is None:
        return "", ""
    count = len(source.splitlines())
    return f" at line {line} of {count}", f"（{count} 行中 {line} 行目）"


def _ask(source: str, variables: dict[str, Any] | None, now: datetime | None, most: int) -> dict[str, Any]:
    """What rendering.py answers; a process that did not get that far is a failure, too."""
    try:
        answer: dict[str, Any] = json.loads(_RENDERERS.ask(source, pickle.dumps((source, variables, now, most))))
    except OvertimeError:
        reason = f"it computes for more than {_LIMITS.seconds:g} second; a prompt takes some milliseconds"
        reason_ja = f"計算に {_LIMITS.seconds:g} 秒以上かかります（ふつうは数ミリ秒です）"
    except CannotBeginError as error:
        reason = f"no process can be begun for it to run in ({error})"
        reason_ja = f"それを動かすプロセスを始められません（{theirs(error)}）"
    except BrokeDownError as error:
        reason = f"Python breaks down over it ({error})"
        reason_ja = f"Python が止まります（{theirs(error)}）"
    else:
        if answer.get("reason") == "it writes too much":
            answer["reason"] = f"it writes more than {MAX_CHARACTERS:,} characters beyond the messages"
            answer["reason_ja"] = f"発言のほかに {MAX_CHARACTERS:,} 文字より多く書きます"
        return answer
    return {
        "kind": "failure" if variables is not None else "parse",
        "reason": reason,
        "reason_ja": reason_ja,
        "line": None,
    }
