"""How a conversation looks: values for the log, and the lines around it.

Guarantee: plain functions from values to what is shown; no event, no state. What a model wrote is handed on as it is.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from tsumami.app.tabs.chat import variants
from tsumami.app.views.token_choices import as_choice
from tsumami.app.words.texts import Texts
from tsumami.app.work.conversation import Conversation, Outlook, ReplyFacts
from tsumami.app.work.thoughts import without_marks
from tsumami.prompts import Exchange
from tsumami.runs import STOP_REASONS, Run


def talk(texts: Texts, conversation: Conversation, *, growing: bool = False, first: int = 0) -> list[dict[str, Any]]:
    """The conversation, from exchange number `first` on, as log.js draws it: of each exchange what was said, as it was
    said, what was thought before by itself; which of how many replies, and of how many ways to put the message, it is;
    the folded line of the account of a finished reply; whether it is still `growing`, or ends in `half` because nobody
    saw its end; whether it is a reader's `own` text, `all` of it or how it has `begun`, and the number of a token that
    a reader has `chosen`.
    """
    last = len(conversation) - 1
    return [
        {
            "user": exchange.user,
            "thinking": without_marks(exchange.thinking),
            "reply": exchange.answer.lstrip("\n") if exchange.thinking else exchange.reply,
            "variant": variants.shown(exchange),
            "message": variants.messages(exchange),
            "account": account_title(texts, exchange.facts) if exchange.facts is not None else "",
            "growing": growing and at == last,
            "half": _half(exchange) and not (growing and at == last),
            "own": ("all" if exchange.own == len(exchange.reply) else "begun") if exchange.own else "",
            "chosen": exchange.chosen,
        }
        for at, exchange in enumerate(conversation.exchanges[first:], first)
    ]


def _half(exchange: Exchange[ReplyFacts]) -> bool:
    """Whether nobody saw the end of a reply; a reader's own text has none."""
    return exchange.facts is None and len(exchange.reply) > exchange.own


def tokens(exchange: Exchange[ReplyFacts], run: Run) -> list[dict[str, Any]]:
    """The answer of a reply as its tokens, with their places: which of them are a reader's `own`, and which one a
    reader has `chosen`.
    """
    shown: list[dict[str, Any]] = []
    said = exchange.thought[0]
    for at in range(exchange.thought[1], len(run.steps)):
        own, chosen = said < exchange.own, at + 1 == exchange.chosen
        shown.append(as_choice(run.steps[at]) | {"at": at, "own": own, "chosen": chosen})
        said += len(run.steps[at].text)
    return shown


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


def account(texts: Texts, facts: ReplyFacts, own: int = 0) -> list[dict[str, str]]:
    """The unfolded part, as log.js draws it, each a `text` of our own words or a `code` as it stands: why it stopped,
    speeds, exactness, the prompt, the settings, the receipt. own: how many characters were not generated but given.
    """
    reason = texts.pick(*STOP_REASONS[facts.stop_reason])
    share = 100 * facts.prompt_tokens / facts.n_ctx
    speed = texts(
        "account.speed",
        prompt=f"{facts.prompt_per_second:.0f}",
        generation=_speed(facts),
        reused=facts.reused,
    )
    parts = [
        *([_part("text", texts("account.own", count=own))] if own else []),
        _part("text", texts("account.stopped", reason=reason)),
        *([_part("text", texts("account.complete", how=how))] if (how := facts.complete(texts.language)) else []),
        _part("text", speed),
        _part("text", texts("account.why", why=_why(texts, facts))),
        _part("text", texts("account.prompt", tokens=facts.prompt_tokens, n_ctx=facts.n_ctx, share=f"{share:.0f}")),
        _part("code", facts.prompt),
        _part("text", texts("account.settings", seed=facts.seed)),
        _part("code", json.dumps(facts.settings, ensure_ascii=False, indent=1)),
    ]
    if facts.receipt:
        receipt = json.dumps(facts.receipt, ensure_ascii=False)
        parts += [_part("text", texts("account.receipt")), _part("code", receipt)]
    return parts


def _part(kind: str, text: str) -> dict[str, str]:
    return {"kind": kind, "text": text}


def _speed(facts: ReplyFacts) -> str:
    """Tokens a second; a single one came with the prompt and has no speed."""
    return f"{facts.generation_per_second:.0f}" if facts.generated > 1 else "–"


def _why(texts: Texts, facts: ReplyFacts) -> str:
    engine = facts.receipt.get("engine", {})
    why = engine.get(texts.pick("why_ja", "why_en"))
    return str(why) if why else texts("account.exact" if facts.exact else "account.not_exact")


def context_line(texts: Texts, ahead: Outlook, n_ctx: int) -> str:
    """What would be sent now: tokens of the context as a bar, and what the memory leaves out. HTML of our own words."""
    used = len(ahead.prompt.tokens) + len(ahead.prompt.begun)
    share = min(100.0, 100 * used / n_ctx)
    state = "full" if used >= n_ctx else "tight" if share > 75 else "ok"
    words = texts("context.used", used=used, n_ctx=n_ctx, share=f"{share:.0f}")
    if state == "full":
        words = texts("context.full", used=used, n_ctx=n_ctx)
    dropped = f" · {texts('context.dropped', count=ahead.dropped)}" if ahead.dropped else ""
    # the log knows nothing of memory, so the forgotten ones are dimmed by their place
    rule = f"#chat .exchange:nth-child(-n+{ahead.dropped}){{opacity:.4}}" if ahead.dropped else ""
    style = f"<style>{rule}</style>" if rule else ""
    return f'<div class="context {state}"><i style="width:{share:.1f}%"></i><span>{words}{dropped}</span></div>{style}'


def context_problem(why: str) -> str:
    """The same line where the next prompt cannot be made."""
    return f'<div class="context full"><span>{escape(why)}</span></div>'
