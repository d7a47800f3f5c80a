"""Files of runs, maps and grids: good ones in which a few values are others, and good ones whose bytes are damaged.

Must hold: a file is refused in words, or it is a value: written and read again it is equal, and everything that is
shown of it without a model can be shown. A run that was accepted can be verified, whatever it claims.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

import tsumami
from storm import hostile
from storm.judge import LostError
from storm.models import loaded
from storm.options import Options
from tsumami.charts import icicle_page
from tsumami.explore.grids import Grid
from tsumami.explore.maps import KnobMap
from tsumami.runs import Run

TITLE: Final = "files of runs, maps and grids with other values or damaged bytes"
DOOR: Final = "library"
_KINDS: Final[dict[str, Any]] = {"run": Run, "map": KnobMap, "grid": Grid}


@functools.cache
def _good() -> dict[str, list[str]]:
    """Files as they are made, small ones."""
    with tsumami.load(threads=1) as model:
        runs = [
            model.run("The sky", max_tokens=4, seed=1),
            model.run("あ", max_tokens=3, temperature=0, stop=["x"], logit_bias={5: 1.5}, top_k=3),
            model.run("Yes or no?", max_tokens=3, grammar='root ::= "yes" | "no"', mirostat_mode=2),
        ]
        maps = [model.knob_map("The sky", "temperature", 0.2, 1.4, max_tokens=2, seed=3)]
        grids = [model.grid("The sky", vary={"temperature": [0.5, 1.0]}, seeds=2, max_tokens=2)]
    return {"run": [one.to_json() for one in runs], "map": [maps[0].to_json()], "grid": [grids[0].to_json()]}


def inputs() -> st.SearchStrategy[tuple[str, Any]]:
    """The kind of a file, and its JSON text or its bytes."""
    return st.one_of(
        *(_of(kind) for kind in _KINDS),
        _of("run"),
        st.tuples(st.sampled_from(tuple(_KINDS)), hostile.texts() | st.binary()),
    )


def _of(kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    good = _good()[kind]
    forms = hostile.grafted([json.loads(one) for one in good])
    grafted = st.tuples(st.just(kind), forms.map(json.dumps))
    return st.one_of(
        grafted, grafted, grafted, st.tuples(st.just(kind), hostile.damaged([one.encode() for one in good]))
    )


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:
    """Read, write, read, show, verify."""
    with loaded(options) as model:
        _good()

        def go(given: tuple[str, Any]) -> None:
            kind, text = given
            made = _KINDS[kind].from_json(text)
            if _KINDS[kind].from_json(made.to_json()) != made:
                raise LostError(f"written and read again the {kind} is another one")
            _SHOWN[kind](made)
            if kind == "run":
                model.verify(made)

        for kind, texts in _good().items():
            go((kind, texts[0]))
        yield go


def _show_run(run: Run) -> None:
    run._repr_html_()


def _show_map(made: KnobMap) -> None:
    made.to_csv(), made.flickers, made.texts
    icicle_page(made, "en")


def _show_grid(made: Grid) -> None:
    made.to_csv()
    made.to_pandas()


_SHOWN: Final[dict[str, Callable[[Any], None]]] = {"run": _show_run, "map": _show_map, "grid": _show_grid}
