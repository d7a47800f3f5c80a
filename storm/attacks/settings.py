"""Settings: names that are none, values of any type and size, and combinations that nobody tried.

Must hold: what is accepted is a value (it reads back equal from its JSON form), can say which of its knobs do nothing,
and can be run. Anything else is refused in words.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.models import loaded
from storm.options import Options
from tsumami.knobs import KNOBS, ORDERS, STAGES, Knob
from tsumami.settings import Settings

TITLE: Final = "settings of any names, types and sizes; the good ones are run"
DOOR: Final = "library"
_TOKENS: Final = 2  # of a run; the knobs that steer have no more to steer with one more


def inputs() -> st.SearchStrategy[Any]:
    """Mappings from names to values, most of them knobs with nearly fitting values."""
    fitting = st.lists(st.sampled_from(tuple(KNOBS.values())), max_size=6, unique_by=lambda knob: knob.name).flatmap(
        lambda knobs: st.fixed_dictionaries({knob.name: _near(knob) for knob in knobs})
    )
    any_names = st.sampled_from((*KNOBS, "temp", "n_predict", "Temperature", "seed ", "")) | hostile.texts(most=10)
    wild = st.dictionaries(any_names, hostile.values(most=4), max_size=4)
    return st.one_of(fitting, fitting, fitting, wild, st.builds(lambda a, b: a | b, fitting, wild), hostile.values())


def _near(knob: Knob) -> st.SearchStrategy[Any]:
    """Values that a knob takes, or nearly."""
    known = st.sampled_from(
        [one for one in (knob.default, knob.neutral, knob.low, knob.high) if one is not None] or [0]
    )
    match knob.kind:
        case "bool":
            fitting: st.SearchStrategy[Any] = st.booleans()
        case "choice" | "word":
            fitting = st.sampled_from(knob.choices)
        case "texts":
            fitting = st.lists(hostile.texts(surrogates=False, most=10), max_size=5)
        case "bias":
            biases = st.floats(-1e9, 1e9) | st.sampled_from((float("-inf"), "-inf"))
            fitting = st.dictionaries(st.integers(0, 60_000), biases, max_size=6)
        case "grammar" | "schema" | "object" | "regex":
            fitting = st.sampled_from(('root ::= "yes" | "no"', "[a-z]+", '{"type":"integer"}', '{"enum":["a","b"]}'))
        case "order":
            fitting = st.sampled_from(tuple(ORDERS)) | st.lists(st.sampled_from(STAGES), max_size=8)
        case _:
            low, high = knob.low if knob.low is not None else -1e6, knob.high if knob.high is not None else 1e6
            fitting = st.integers(int(low), int(high)) if knob.kind == "int" else st.floats(low, high)
    return st.one_of(fitting, fitting, fitting, known, hostile.values(most=2))


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Read, write, read, run."""
    with loaded(options) as model:

        def go(given: Any) -> None:
            made = Settings.from_mapping(given)
            back = Settings.from_mapping(json.loads(json.dumps(made.to_dict())))
            if back != made or hash(back) != hash(made):
                raise LostError(f"read back it is another value: {made.to_dict()} became {back.to_dict()}")
            made.idle_knobs(), made.changed()
            run = model.run("The", made.replace(max_tokens=_TOKENS, seed=max(made.seed, 0)))
            if len(run.steps) > _TOKENS:
                raise LostError(f"{len(run.steps)} tokens instead of {_TOKENS}")

        yield go
