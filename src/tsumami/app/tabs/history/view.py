"""How the history looks: a result as a card, all of it, and what can be searched for; plain values for history.js.

Guarantee: nothing that a user or a model wrote is HTML here, nor becomes HTML in the page. No Gradio.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any, Final

from tsumami.app.views.knob_line import given
from tsumami.app.words.texts import Texts
from tsumami.history import FIELDS, Entry, History
from tsumami.knobs import KNOBS
from tsumami.runs import STOP_REASONS

PAGE: Final = 50
"""How many cards a page has."""

_COUNTED: Final = 500  # of what is searched for, beyond the page; then there are many

_KINDS: Final = ("run", "chat", "compare", "map", "grid", "serve")
_CHIPS: Final = {"starred": "is:starred", "last": "is:last", **{kind: f"kind:{kind}" for kind in _KINDS}}
_HOW: Final = {
    "words": 'abc "a b c"',
    "join": "a OR b, -a, ( )",
    "knobs": "temperature>1 top_k=40",
    "numbers": "seed=3 tokens<100",
}
_WORDS: Final = (
    *("search", "search_for", "pages", "newer", "older", "choose", "star", "beside", "unfinished"),
    *("do_inside", "do_go_on", "do_open", "do_apply", "do_file", "do_forget", "do_forget_now"),
    *("untag", "tree", "keys", "help", "name_for", "tag_for"),
)


def words(texts: Texts) -> str:
    """The words of the page that the script puts there, as JSON."""
    said = {name: texts(f"history.{name}") for name in _WORDS}
    knobs = [f"{name}{sign}" for name, knob in KNOBS.items() if knob.kind in ("int", "float") for sign in "=><"]
    terms = [*_CHIPS.values(), "is:unfinished", "lang:ja", "lang:en", *(f"{name}:" for name in FIELDS), *knobs]
    return json.dumps(said | {"terms": terms}, ensure_ascii=False)


def skeleton(texts: Texts) -> str:
    """What is there before anything is found: the search, the list and the pages."""
    chips = "".join(
        f'<button type="button" data-term="{term}">{escape(texts(f"history.chip.{name}"))}</button>'
        for name, term in _CHIPS.items()
    )
    how = {written: texts(f"history.how.{name}") for name, written in _HOW.items()}
    how |= {f"{name}:": texts.pick(*said) for name, said in FIELDS.items()}
    rows = "".join(
        f"<tr><td><code>{escape(is_)}</code></td><td>{escape(means)}</td></tr>" for is_, means in how.items()
    )
    return (
        '<div class="history"><form class="history-search" role="search"><input type="search" list="history-terms"'
        ' autocomplete="off" spellcheck="false" enterkeyhint="search"><datalist id="history-terms"></datalist>'
        f'</form><div class="history-chips">{chips}</div>'
        '<p class="history-problem" role="alert" hidden></p>'
        '<div class="history-line"><span class="history-count" aria-live="polite"></span>'
        '<button type="button" class="history-beside" hidden></button>'
        '<span class="history-pages"><button type="button" data-by="-1"></button>'
        '<button type="button" data-by="1"></button></span></div>'
        '<ul class="history-list"></ul>'
        f'<details class="history-help"><summary></summary><p></p><table><tbody>{rows}</tbody></table></details></div>'
    )


def found(texts: Texts, store: History, query: str, page: int, *, first: bool) -> dict[str, Any]:
    """A page of what a search finds, newest first; `first`: with the words that searches can ask for.

    Raises:
        QueryError: the query does not fit.
    """
    most = (page + 1) * PAGE + _COUNTED if query.strip() else None
    count = store.count(query, most=most)
    page = min(page, max(count - 1, 0) // PAGE)
    entries = store.find(query, limit=PAGE, offset=page * PAGE)
    begin, key = page * PAGE, "history.line" if count != most else "history.line_many"
    line = texts(key, first=begin + 1, last=begin + len(entries), count=f"{count:,}")
    made = {
        "cards": [card(texts, entry) for entry in entries],
        "line": line if entries else texts("history.none_found" if query.strip() else "history.none"),
        "page": page,
        "pages": max(count - 1, 0) // PAGE + 1,
    }
    return made | ({"terms": terms(store)} if first else {})


def terms(store: History) -> list[str]:
    """What can be asked for by name: models and tags."""
    there = store.words()
    models = (f'model:"{name}"' if " " in name else f"model:{name}" for name in there["models"])
    return [*models, *(f"tag:{tag}" for tag in there["tags"])]


def card(texts: Texts, entry: Entry) -> dict[str, Any]:
    """One result in a few lines."""
    changed = {name: value for name, value in entry.settings.changed().items() if name != "seed"}
    return {
        "key": entry.key,
        "id": entry.key[:8],
        "kind": texts(f"history.chip.{entry.kind}") if entry.kind in _KINDS else entry.kind,
        "when": f"{entry.when:%Y-%m-%d %H:%M}",
        "model": entry.model,
        "title": entry.title,
        "asked": entry.asked,
        "said": entry.said,
        "knobs": given(changed),
        "facts": _facts(texts, entry),
        "finished": entry.finished,
        "starred": entry.starred,
        "tags": list(entry.tags),
        "run": entry.is_run,
        "chat": entry.kind == "chat",
    }


def _facts(texts: Texts, entry: Entry) -> str:
    seed = texts("history.seed", seed=entry.seed)
    return f"{seed} · {texts('history.tokens', count=entry.tokens)}" if entry.is_run else seed


def look(texts: Texts, store: History, entry: Entry) -> dict[str, Any]:
    """All of a result: its text, what it answers, why it stopped, and the conversation around it."""
    made = card(texts, entry) | {"text": "", "prompt": entry.asked, "tree": []}
    if not entry.is_run:
        return made
    run, turn = store.get(entry.key), store.turn(entry.key)
    made |= {"text": run.reply.content, "prompt": run.receipt.prompt if turn is None else turn.user}
    made["chat"] = made["chat"] or turn is not None
    made["facts"] += " · " + texts("account.stopped", reason=texts.pick(*STOP_REASONS[run.stop_reason]))
    tree = store.tree(entry.key)
    if len(tree) > 1:
        names = ("key", "parent", "asked", "said", "starred")
        made["tree"] = [{name: getattr(one, name) for name in names} for one in tree]
    return made
