"""How the microscope looks: the run's facts, one token, the tree of branches.

Guarantee: plain functions from values to HTML; no event, no state. What a model wrote is never taken as HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape

from tsumami import charts
from tsumami.app.views.knob_line import given
from tsumami.app.words.texts import Texts
from tsumami.explain import Audit, KnobAudit
from tsumami.explain.tokens import Account, Branch, Candidate, Column, Opened, Tree, account
from tsumami.runs import Run, Step
from tsumami.wording import percent

_AFTER = 24  # tokens of a branch that its line in the tree shows


@dataclass(frozen=True, slots=True)
class Seen:
    """What a session looks at: its runs, the one that is shown, the token in it, and the candidate that is asked about.
    `opened` is how the first run came; branches are made here, so they are sound. kept: their ids in the history, by
    their numbers.
    """

    opened: Opened
    tree: Tree
    current: int = 0
    token: int = 0
    candidate: int | None = None
    kept: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, opened: Opened, kept: str = "") -> Seen:
        """A run that was just opened."""
        return cls(opened, Tree.of(opened.run), kept={0: kept})

    def grown(self, run: Run, kept: str) -> Seen:
        """The same with a branch, from the token in view, which is shown now."""
        tree = self.tree.grown(self.current, self.token, run)
        number = tree.branches[-1].number
        return replace(self, tree=tree, current=number, kept={**self.kept, number: kept}).at(self.token)

    @property
    def run(self) -> Run:
        """The run that is shown."""
        return self.tree[self.current].run

    @property
    def can_look(self) -> bool:
        """Whether the ledger of the token can be shown."""
        return bool(self.run.steps) and (self.current != 0 or self.opened.can_look(self.token))

    def at(self, token: int) -> Seen:
        """The same with another token in view, within the run."""
        return replace(self, token=min(max(token, 0), max(len(self.run.steps) - 1, 0)), candidate=None)


def facts(texts: Texts, seen: Seen) -> str:
    """Which run this is, and what does not match."""
    run = seen.run
    receipt = run.receipt
    line = texts(
        "microscope.facts",
        model=receipt.model.name,
        tokens=len(run.steps),
        seed=receipt.seed,
        knobs=given(receipt.settings.changed()) or texts("microscope.defaults"),
    )
    sure = texts("microscope.sound") if seen.current or (seen.opened.sound is None and not seen.opened.notes) else ""
    notes = "".join(f'<p class="problem">⚠️ {escape(texts.pick(*note))}</p>' for note in seen.opened.notes)
    return f'<p class="facts">{escape(line)} <b>{escape(sure)}</b></p>{notes}'


def strip(seen: Seen, language: charts.Language, mode: charts.Mode) -> str:
    """The reply as its tokens."""
    return charts.token_strip(seen.run, language, mode=mode, selected=seen.token)


def inside(texts: Texts, seen: Seen, piece: charts.Piece) -> str:
    """One token: its numbers, the line of the roll, the ledger."""
    if not seen.run.steps:
        return f'<p class="problem">{escape(texts("microscope.empty"))}</p>'
    step = seen.run.steps[seen.token]
    if not seen.can_look:
        stored = _stored(texts, seen, step)
        pieces = {one.id: one.piece for one in step.alternatives} | {step.id: step.piece}
        return f"{_head(texts, seen, step)}{charts.next_token_bars(stored, pieces.__getitem__, texts.language)}"
    also = () if seen.candidate is None else (seen.candidate,)
    made = account(seen.run.ledger(seen.token), seen.run.settings.mode, count=12, also=also)
    return (
        f"{_head(texts, seen, step)}"
        f'<p class="how">{escape(charts.how(made, texts.language))}</p>'
        f"{charts.roll_strip([charts.Line.of(made)], made.roll, piece, texts.language)}"
        f"{charts.ledger_table(made, piece, texts.language)}"
    )


def _head(texts: Texts, seen: Seen, step: Step) -> str:
    numbers = texts(
        "microscope.numbers",
        raw=percent(step.p_raw),
        final=percent(step.p_final),
        rank=step.rank,
        entropy=f"{step.entropy:.2f}",
    )
    name = escape(charts.visible(step.piece))
    place = f"{seen.token + 1} / {len(seen.run.steps)}"
    hidden = "" if step.not_told is None else f'<p class="not-told">{escape(texts.pick(*step.not_told))}</p>'
    gone = "".join(f'<p class="taken-back">{escape(texts.pick(one.ja, one.en))}</p>' for one in step.taken_back)
    return (
        f'<p class="token-head"><small>{place}</small> <b translate="no">{name}</b> {escape(numbers)}</p>{hidden}{gone}'
    )


def _stored(texts: Texts, seen: Seen, step: Step) -> Account:
    """What the file says of a token, where nothing can be computed."""
    rows = [Candidate(one.id, (one.p_raw, one.p_final or None), one.id == step.id) for one in step.alternatives]
    if all(not row.chosen for row in rows):
        rows.append(Candidate(step.id, (step.p_raw, step.p_final or None), chosen=True))
    columns = (Column("model", None, 0, 1.0), Column(texts("microscope.cut"), None, step.n_candidates, 1.0))
    return Account(seen.token, step.id, seen.run.settings.mode, step.u, columns, tuple(rows), 0, ())


def tree(texts: Texts, seen: Seen) -> str:
    """The branches, each with what it says after it parts."""
    if len(seen.tree.branches) == 1:
        return ""
    rows = "".join(_branch(texts, seen, one, depth) for depth, one in seen.tree.walk())
    return f'<h2>{escape(texts("microscope.tree"))}</h2><div class="branches" role="tree">{rows}</div>'


def _branch(texts: Texts, seen: Seen, one: Branch, depth: int) -> str:
    steps = one.run.steps[one.at : one.at + _AFTER]
    said = escape(b"".join(step.piece for step in steps).decode("utf-8", "replace"))
    more = "…" if len(one.run.steps) > one.at + _AFTER else ""
    place = branch_name(texts, one)
    knobs = "" if one.parent is None else _turned(seen.tree[one.parent].run, one.run)
    on = " on" if one.number == seen.current else ""
    beside = "" if on else _button(texts, "beside", one.number, "⇆")
    close = "" if one.parent is None else _button(texts, "close", one.number, "×")
    return (
        f'<div class="branch{on}" role="treeitem" style="--depth:{depth}" data-branch="{one.number}" tabindex="0">'
        f'<small>{escape(place)} {escape(knobs)}</small><span translate="no">{said}{more}</span>{beside}{close}</div>'
    )


def _button(texts: Texts, act: str, number: int, sign: str) -> str:
    title = escape(texts(f"microscope.{act}"))
    return f'<button data-{act}="{number}" title="{title}" aria-label="{title}">{sign}</button>'


def branch_name(texts: Texts, one: Branch) -> str:
    """What a branch is called: where it parts."""
    return texts("microscope.first") if one.parent is None else texts("microscope.from", token=one.at + 1)


def _turned(parent: Run, run: Run) -> str:
    """The knobs that differ from the parent's."""
    theirs, ours = parent.settings.to_dict(), run.settings.to_dict()
    changed = {name: value for name, value in ours.items() if name != "seed" and value != theirs[name]}
    return f"({given(changed)})" if changed else ""


def audit_table(texts: Texts, found: Audit) -> str:
    """What each knob did, most decisive first."""
    rows = "".join(_audited(texts, one) for one in sorted(found.knobs, key=_weight))
    heads = "".join(f"<th>{escape(texts(f'audit.{name}'))}</th>" for name in ("knob", "changed", "decided", "sentence"))
    how = found.completeness
    said = "" if how is None else texts("audit.complete", how=texts.pick(how.ja, how.en))
    told = f'<p class="facts">{escape(said)}</p>' if said else ""
    none = "" if found.knobs else f"<p>{escape(texts('audit.none'))}</p>"
    return f'<div class="audit"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{none}{told}</div>'


def _weight(one: KnobAudit) -> tuple[int, int]:
    return -one.decided, -one.changed


def _audited(texts: Texts, one: KnobAudit) -> str:
    dead = ' class="dead"' if one.dead else ""
    first = "" if one.first_decided is None else f' data-token="{one.first_decided}"'
    return (
        f"<tr{dead}{first}><th><code>{escape(given({one.knob: one.value}))}</code></th>"
        f"<td>{one.changed}</td><td>{one.decided}</td><td>{escape(texts.pick(one.ja, one.en))}</td></tr>"
    )
