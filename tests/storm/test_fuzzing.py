"""Whatever an input does, it is counted as what it did, and the next one is tried."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from storm.fuzzing import MOST_DEATHS, Fuzzing, again, fuzz
from storm.inputs import CHUNK, chunk_seed, each
from storm.judge import Judgement
from storm.options import Options
from storm.tally import Tally, load_case, save_case
from tests.support import planted

PLANTED, LEAKING = "tests.support.planted", "tests.support.planted_leaks"
COUNT = 40


@dataclass(frozen=True)
class Campaign:
    """What came of a door that is broken on purpose, and what had gone through it."""

    options: Options
    tally: Tally
    given: list[str]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    options = Options(seed=5, inputs=COUNT, patience=2, folder=tmp_path_factory.mktemp("storm"))
    tally = fuzz(PLANTED, options)
    lines = (options.folder / planted.RECORD).read_text("utf-8").splitlines()
    return Campaign(options, tally, [ast.literal_eval(line) for line in lines])


def test_every_input_is_counted_as_what_it_did(campaign: Campaign) -> None:
    expected = Counter(planted.VERDICTS.get(given, "passed") for given in campaign.given)
    assert campaign.tally.tried == len(campaign.given) == COUNT
    assert campaign.tally.counts == expected
    assert {"abort", "hang", "raise", "exit", "refuse silently", "lose", "refuse"} <= set(campaign.given)


def test_what_broke_is_kept_and_breaks_again(campaign: Campaign) -> None:
    kept = [load_case(path) for path in campaign.options.of(PLANTED).glob("*.txt")]
    broke = Counter(given for given in campaign.given if planted.VERDICTS.get(given) in ("crashed", "lost"))
    assert Counter(case["input"] for case in kept) == broke
    for does in ("abort", "lose"):
        path = next(one for one in campaign.options.of(PLANTED).glob("*.txt") if load_case(one)["input"] == does)
        judgement = again(load_case(path)["attack"], path, campaign.options)
        assert judgement.verdict == planted.VERDICTS[does]


def test_what_is_kept_by_the_program_is_a_leak(tmp_path: Path) -> None:
    tally = fuzz(LEAKING, Options(inputs=20, folder=tmp_path))
    assert tally.counts == {"passed": 20, "leaked": 4}
    assert {line.split()[1] for line in tally.found} == {"memory:", "descriptors:", "threads:", "children:"}


def test_a_campaign_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    options = Options(seed=2, inputs=30, patience=2, folder=tmp_path)
    begun = Fuzzing(PLANTED, options)
    begun.run(most=1)
    assert begun.tally.tried == 10
    tally = fuzz(PLANTED, options)
    given = [ast.literal_eval(line) for line in (tmp_path / planted.RECORD).read_text("utf-8").splitlines()]
    assert tally.tried == len(given) == 30
    assert tally.counts == Counter(planted.VERDICTS.get(one, "passed") for one in given)
    assert Fuzzing(PLANTED, options).tally.tried == 0, "a campaign that is done is begun anew"


def test_the_same_seed_brings_the_same_inputs_and_another_one_others() -> None:
    def made(seed: int) -> list[str]:
        found: list[str] = []
        each(planted.inputs(), chunk_seed(seed, 0), 50, lambda _, given: found.append(given))
        return found

    assert made(1) == made(1)
    assert made(1) != made(2)
    assert len(made(1)) == 50
    assert MOST_DEATHS < CHUNK


@pytest.mark.parametrize(
    "value", [b"\x00\xff", "\ud800", "\0\u2028", float("inf"), [1, -0.0, None, {"a": (True, b"")}]]
)
def test_an_input_is_written_down_as_it_is(value: object, tmp_path: Path) -> None:
    save_case(tmp_path / "case.txt", {"input": value})
    assert load_case(tmp_path / "case.txt")["input"] == value


def test_a_tally_is_the_same_in_another_process(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    tally.count(Judgement("passed"))
    tally.count(Judgement("lost", "gone"), [1])
    tally.note(Judgement("passed"))
    tally.note(Judgement("leaked", "a thread"))
    tally.facts["slowest s"] = 1.5
    assert tally.tried == 2
    assert tally.counts == {"passed": 1, "lost": 1, "leaked": 1}
    assert Tally.from_json(tally.to_json()) == tally
