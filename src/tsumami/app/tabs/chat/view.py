"""How a conversation looks: messages for the chat component, and the lines around it.

Guarantee: plain functions from values to what is shown; no event, no state. What a model wrote is never taken as HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from tsumami.app.views import links
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation, Outlook, ReplyFacts
from tsumami.runs import STOP_REASONS

#: A code block from its fence to the fence that ends it, or to the end; a code span, which ends within its paragraph.
_CODE: Final = re.compile(
    r"""^[ ]{0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n (?: .*?^[ ]{0,3}(?P=fence)[`~]*[ \t]*$ | .* )
      | (?<!`)(?P<ticks>`+)(?!`) (?: (?!\n[ \t]*\n). )+? (?<!`)(?P=ticks)(?!`)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_MARKUP: Final = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")


def chat_messages(texts: Texts, conversation: Conversation, *, growing: bool = False) -> list[dict[str, Any]]:
    """The conversation as messages of `gr.Chatbot`; each finished reply is followed by its folded account."""
    shown: list[dict[str, Any]] = []
    last = len(conversation) - 1
    for index, exchange in enumerate(conversation.exchanges):
        shown.append({"role": "user", "content": as_text(exchange.user)})
        if exchange.reply or (growing and index == last):
            shown.append({"role": "assistant", "content": as_text(exchange.reply) or "…"})
        if exchange.facts is not None:
            shown.append(
                {
                    "role": "assistant",
                    "content": f"{links.inside(texts, index)}\n\n{account(texts, exchange.facts)}",
                    "metadata": {"title": account_title(texts, exchange.facts), "status": "done"},
                }
            )
    return shown


def as_text(said: str) -> str:
    """Markdown that shows the tags and entities in `said` as they were written, instead of obeying them."""
    return _outside_code(said, lambda text: _MARKUP.sub(lambda mark: "&lt;" if mark[0] == "<" else "&amp;", text))


def as_said(text: str) -> str:
    """What `as_text` was given."""
    return _outside_code(text, lambda part: part.replace("&lt;", "<").replace("&amp;", "&"))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change all but code blocks, also one that is still being written, and code spans: they show all as it is."""
    made, at = [], 0
    for code in _CODE.finditer(text):
        made += [change(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*made, change(text[at:])])


def account_title(texts: Texts, facts: ReplyFacts) -> str:
    """The folded line: tokens, speed, seed, exact or not."""
    exact = texts("account.exact") if facts.exact else texts("account.not_exact")
    return texts(
        "account.title",
        tokens=facts.generated,
        speed=_speed(facts),
        seed=facts.seed,
        exact=exact,
    )


def account(texts: Texts, facts: ReplyFacts) -> str:
    """The unfolded part, in Markdown: prompt, settings, seed, why it stopped, speeds, exactness, receipt."""
    reason = texts.pick(*STOP_REASONS[facts.stop_reason])
    share = 100 * facts.prompt_tokens / facts.n_ctx
    lines = [
        texts("account.stopped", reason=reason),
        *([texts("account.complete", how=how)] if (how := facts.complete(texts.language)) else []),
        texts(
            "account.speed",
            prompt=f"{facts.prompt_per_second:.0f}",
            generation=_speed(facts),
            reused=facts.reused,
        ),
        texts("account.why", why=_why(texts, facts)),
        texts("account.prompt", tokens=facts.prompt_tokens, n_ctx=facts.n_ctx, share=f"{share:.0f}"),
        _fenced(facts.prompt, "text"),
        texts("account.settings", seed=facts.seed),
        _fenced(json.dumps(facts.settings, ensure_ascii=False, indent=1), "json"),
    ]
    if facts.receipt:
        lines += [texts("account.receipt"), _fenced(json.dumps(facts.receipt, ensure_ascii=False), "json")]
    return "\n\n".join(lines)


def _speed(facts: ReplyFacts) -> str:
    """Tokens a second; a single one came with the prompt and has no speed."""
    return f"{facts.generation_per_second:.0f}" if facts.generated > 1 else "–"


def _why(texts: Texts, facts: ReplyFacts) -> str:
    engine = facts.receipt.get("engine", {})
    why = engine.get(texts.pick("why_ja", "why_en"))
    return str(why) if why else texts("account.exact" if facts.exact else "account.not_exact")


def _fenced(text: str, language: str) -> str:
    """A code block that nothing in the text can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def context_line(texts: Texts, ahead: Outlook, n_ctx: int) -> str:
    """What would be sent now: tokens of the context as a bar, and what the memory leaves out. HTML of our own words."""
    used = len(ahead.prompt.tokens)
    share = min(100.0, 100 * used / n_ctx)
    state = "full" if used >= n_ctx else "tight" if share > 75 else "ok"
    words = texts("context.used", used=used, n_ctx=n_ctx, share=f"{share:.0f}")
    if state == "full":
        words = texts("context.full", used=used, n_ctx=n_ctx)
    dropped = f" · {texts('context.dropped', count=ahead.dropped)}" if ahead.dropped else ""
    # the chat component has no class per message, so the forgotten ones are dimmed by their place
    place = f":nth-child(-n+{_rows(ahead.dropped)} of .message-row)"
    rule = f".message-wrap > {place}{{opacity:.4}}" if ahead.dropped else ""
    style = f"<style>#chat {rule}</style>" if rule else ""
    return f'<div class="context {state}"><i style="width:{share:.1f}%"></i><span>{words}{dropped}</span></div>{style}'


def _rows(exchanges: int) -> int:
    """Rows of the chat component that so many exchanges take: the question, and the reply with its account."""
    return 2 * exchanges
