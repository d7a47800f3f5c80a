"""Measurements are real, start cold, and survive being stopped; the line through them is the least-squares one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import tsumami
from tsumami.course import fit, read_counts, time_new_tokens, time_prompts, timing_table, until_stopped
from tsumami.course.timing import Timing, _unseen
from tsumami.errors import PromptTooLongError, SettingsError


def test_every_count_is_measured_as_often_as_asked(model: tsumami.Model) -> None:
    table = timing_table(time_new_tokens(model, (2, 5), repeats=2))
    assert table["n_new"].tolist() == [2, 5, 2, 5]
    assert table["repeat"].tolist() == [1, 1, 2, 2]
    assert (table["seconds"] > 0).all()
    assert table["tokens_per_second"].tolist() == pytest.approx((table["n_new"] / table["seconds"]).tolist())


def test_a_prompt_is_never_found_in_the_cache(model: tsumami.Model) -> None:
    for _ in range(12):
        run = model.run(_unseen(model, 64), max_tokens=1)
        assert len(run.receipt.prompt_tokens) == 64
        assert run.timings.reused <= 4


def test_prompts_are_as_long_as_asked(model: tsumami.Model) -> None:
    assert timing_table(time_prompts(model, (16, 48), repeats=1))["n_prompt"].tolist() == [16, 48]
    with pytest.raises(PromptTooLongError):
        list(time_prompts(model, (10_000,), repeats=1))


def test_a_stopped_measurement_keeps_what_it_has(model: tsumami.Model) -> None:
    begun = time_new_tokens(model, (2, 3, 4), repeats=100)
    assert timing_table(itertools.islice(begun, 4))["n_new"].tolist() == [2, 3, 4, 2]


def test_an_interrupt_ends_the_measuring_and_nothing_else(model: tsumami.Model) -> None:
    def interrupted() -> Iterator[Timing]:
        yield from itertools.islice(time_new_tokens(model, (2, 3), repeats=5), 3)
        raise KeyboardInterrupt

    assert timing_table(until_stopped(interrupted()))["n_new"].tolist() == [2, 3, 2]

    def broken() -> Iterator[Timing]:
        yield from time_new_tokens(model, (2,), repeats=1)
        raise RuntimeError("not an interrupt")

    with pytest.raises(RuntimeError, match="not an interrupt"):
        list(until_stopped(broken()))


@pytest.mark.parametrize(("text", "counts"), [("10, 20,40", (10, 20, 40)), ("5、6，7", (5, 6, 7)), ("1000", (1000,))])
def test_numbers_of_tokens_are_read_as_people_write_them(text: str, counts: tuple[int, ...]) -> None:
    assert read_counts(text) == counts


@pytest.mark.parametrize(
    ("text", "named"), [("", "''"), ("1, x", "'x'"), ("0", "'0'"), ("1001", "'1001'"), ("-3", "'-3'")]
)
def test_what_is_no_number_of_tokens_is_named(text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"{named} is no number of tokens.*1 to 1000"):
        read_counts(text)


@pytest.mark.parametrize(("counts", "repeats"), [((), 1), ((0,), 1), ((3,), 0)])
def test_nothing_to_measure_is_refused_at_once(model: tsumami.Model, counts: tuple[int, ...], repeats: int) -> None:
    with pytest.raises(SettingsError):
        time_new_tokens(model, counts, repeats)


def test_the_line_is_the_least_squares_one() -> None:
    dice = np.random.default_rng(0)
    x = np.repeat([10.0, 20, 40, 60], 5)
    y = 0.3 + 0.02 * x + dice.normal(0, 0.01, len(x))
    made = fit(x, y)
    assert made is not None
    design = np.column_stack([np.ones_like(x), x])
    start, slope = np.linalg.solve(design.T @ design, design.T @ y)
    assert (made.start, made.per_token) == pytest.approx((start, slope))
    assert made.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert made.tokens_per_second == pytest.approx(1 / slope)


def test_one_number_of_tokens_makes_no_line() -> None:
    assert fit([10, 10], [1, 2]) is None
    assert fit([], []) is None
