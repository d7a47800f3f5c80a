"""Intervals of a run: how far each knob can be turned before the text changes, and what gives way first.

Guarantee: within low .. high the whole text stays as it is; one step beyond, to the nearest value that the stage can
tell apart, it does not, and the token named is the first that differs. All from the run's own logits: nothing is
generated. An interval ends where the knob's slider ends, too; then no token gives way there.

Only two boundaries are asked for, not all that the values in between would give. So the values that are left are looked
at as a whole, for many tokens together, and the tokens whose roll fell the closest to a neighbour's come first: after
them little is left, and all others keep it (boundaries/search.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tsumami.boundaries import MAPPED, check_mappable
from tsumami.errors import CancelledError, SettingsError
from tsumami.explore.intervals.following_search import FollowingSearch
from tsumami.explore.intervals.interval_search import Bend, Chunk, IntervalSearch
from tsumami.knobs import KNOBS
from tsumami.native import Float32Array
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain
from tsumami.runs.replay import mismatch, rows
from tsumami.runs.run import Run
from tsumami.sampling import Chain, DeadEndError
from tsumami.sampling.chain import Choice
from tsumami.settings import Settings

__all__ = ["Bend", "Interval", "chunks", "intervals", "knobs_with_interval", "mappable_knobs"]

_MOST_LOGITS: Final = 6_400_000  # of the rows that are in memory at once


@dataclass(frozen=True, slots=True)
class Interval:
    """The values low .. high of `knob`, both included, that leave the whole text as it is. `below` and `above` say what
    gives way on either side; None where the range that was looked at ends.

    `idle`: the knob does nothing under the run's other knobs (see `Settings.idle_knobs`), so all values leave the text.
    `certain` is False where the work became too much and values inside were only probed.
    """

    knob: str
    low: float
    high: float
    below: Bend | None
    above: Bend | None
    certain: bool = True
    idle: bool = False


def mappable_knobs() -> tuple[str, ...]:
    """The knobs that have an interval, in the table's order."""
    return tuple(name for name in KNOBS if _is_mappable(name))


def _is_mappable(name: str) -> bool:
    try:
        check_mappable(name)
    except SettingsError:
        return False
    return True


def intervals(
    backend: Backend, run: Run, knobs: Iterable[str] | None = None, *, wanted: Callable[[], bool] | None = None
) -> dict[str, Interval]:
    """For each knob the values around its own that leave the run's text as it is.

    Args:
        backend: the model that made the run.
        run: with at least one token, without banned texts, and not by contrastive search, which asks the model about
            every candidate.
        knobs: names (default: `knobs_with_interval` of its settings).
        wanted: asked again and again; once it says no, the work is given up.

    Raises:
        SettingsError: a knob that cannot be mapped, or a run whose way to choose cannot.
        RunFileError: another model, or a token that does not come out again.
        CancelledError: it is not wanted any more.
    """
    if run.settings.mode == "contrastive":
        raise SettingsError(
            f"the intervals of a run under {run.settings.mode} are not known: its choices depend on more than this"
            " token's logits; turn it off and run again"
        ).in_japanese(
            f"{run.settings.mode} の実行では区間がわかりません。選択がこのトークンのロジットだけで決まら"
            "ないからです。オフにして実行し直してください"
        )
    refuse_two_ways(backend, run.settings)
    if run.settings.banned_texts:
        raise SettingsError(
            "the intervals of a run with banned_texts are not known: whether a token is taken back is decided by what"
            " would come after it; take them away and run again"
        ).in_japanese(
            "banned_texts のある実行では区間がわかりません。トークンを取り消すかどうかが、"
            "その後に来るもので決まるからです。外して実行し直してください"
        )
    idle = set(run.settings.idle_knobs())
    follows = run.settings.mode in MAPPED
    names = knobs_with_interval(run.settings) if knobs is None else _named(run.settings, knobs, idle)
    search_of: type[IntervalSearch | FollowingSearch] = FollowingSearch if follows else IntervalSearch
    searches = {name: search_of(run.settings, name) for name in names}
    for chunk in chunks(backend, run, 1 if follows else None):  # there a single token may take seconds
        for name, search in searches.items():
            _check(wanted)
            if name not in idle:
                search.look(chunk)
    return {name: _interval(search, idle=name in idle) for name, search in searches.items()}


def refuse_two_ways(backend: Backend, settings: Settings) -> None:
    """Refuse settings of which one text has two values of a knob.

    Raises:
        SettingsError: other knobs hold while it thinks.
    """
    if settings.thinking_settings is not None and backend.thinking is not None:
        raise SettingsError(
            "how far a knob can be turned is not known where thinking_settings give it another value for a part of the"
            " text; leave them out and run again"
        ).in_japanese(
            "thinking_settings が文章の一部で別の値にしているつまみは、どこまで回せるかわかりません。"
            "外して実行し直してください"
        )


def knobs_with_interval(settings: Settings) -> tuple[str, ...]:
    """The knobs that have an interval in a run with these settings, in the table's order: all that can be mapped and
    are not off; under mirostat or adaptive-p its own two, and those that do nothing.
    """
    names = tuple(name for name in mappable_knobs() if not _is_off(settings, name))
    if settings.mode not in MAPPED:
        return names
    own, idle = MAPPED[settings.mode], settings.idle_knobs()
    return tuple(name for name in names if name in own or name in idle)


def _named(settings: Settings, knobs: Iterable[str], idle: Container[str]) -> tuple[str, ...]:
    names = tuple(knobs)
    own = MAPPED.get(settings.mode)
    for name in names:
        check_mappable(name)
        if _is_off(settings, name):
            raise SettingsError(
                f"the interval of {name} is not known while it is off: give it a value and run again"
            ).in_japanese(f"{name} はオフなので区間がわかりません。値を与えて実行し直してください")
        if own is not None and name not in own and name not in idle:
            raise SettingsError(
                f"the interval of {name} under {settings.mode} is not known: it moves every logit that the choice has"
                f" followed; ask for {' or '.join(own)}, or turn {settings.mode} off and run again"
            ).in_japanese(
                f"{settings.mode} での {name} の区間はわかりません。選択が従ったすべてのロジットを動かすから"
                f"です。{'、'.join(own)} を調べるか、{settings.mode} をオフにして実行し直してください"
            )
    return names


def _is_off(settings: Settings, name: str) -> bool:
    """A knob that is off has no values beside its own."""
    off_below = KNOBS[name].off_below
    return off_below is not None and bool(getattr(settings, name) < off_below)


def _check(wanted: Callable[[], bool] | None) -> None:
    if wanted is not None and not wanted():
        raise CancelledError("the intervals are not wanted any more").in_japanese("区間はもう要らなくなりました")


def _interval(search: IntervalSearch | FollowingSearch, *, idle: bool) -> Interval:
    low, high = search.ends
    name = search.axis.knob.name
    if idle:
        return Interval(name, search.axis.low, search.axis.high, None, None, idle=True)
    below, above = search.bends
    return Interval(name, low, high, below, above, search.certain)


def chunks(backend: Backend, run: Run, at_once: int | None = None) -> Iterator[Chunk]:
    """The run's tokens, some at a time (default: as many as may be in memory): the chain before each, chosen again."""
    chain = make_chain(backend, run.receipt.to_prompt(), run.settings, run.receipt.seed)
    at_once = at_once or max(1, _MOST_LOGITS // backend.engine.n_vocab)
    numbered = enumerate(rows(backend, run))
    while some := list(itertools.islice(numbered, at_once)):
        yield _chunk(chain, run, some[0][0], [row for _, row in some])


def _chunk(chain: Chain, run: Run, first: int, some: Sequence[Float32Array]) -> Chunk:
    begun = len(run.receipt.begun)
    tokens = run.tokens[first : first + len(some)]
    chains, margins = [], []
    for step, (row, token) in enumerate(zip(some, tokens, strict=True), first):
        chains.append(chain.clone())
        try:
            choice = chain.choose(row)
        except DeadEndError as error:
            raise mismatch(step) from error
        if step >= begun and choice.pick.token != token:
            raise mismatch(step)
        margins.append(_margin(choice))
        chain.accept(token)
    forced = [step < begun for step in range(first, first + len(some))]
    order = np.argsort(margins, kind="stable").tolist()
    return Chunk(first, tuple(some), tokens, tuple(forced), tuple(chains), tuple(order))


def _margin(choice: Choice) -> float:
    """How little would have made another token: of the roll, or of the largest logit's lead over the next."""
    data, index, u = choice.candidates.data, choice.pick.index, choice.pick.u
    if len(data) == 1:
        return np.inf
    if data["p"][index] == 1:
        best, second = np.partition(data["logit"], len(data) - 2)[:-3:-1]
        return float(best - second)
    before = float(data["p"][:index].sum(dtype=np.float64))
    assert u is not None
    return min(u - before, before + float(data["p"][index]) - u)
