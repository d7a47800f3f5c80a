"""Every chart shows the numbers that it was given, and saves without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tsumami import charts
from tsumami.charts.pieces import groups, visible
from tsumami.charts.token_strip import places
from tsumami.charts.words import percent
from tsumami.explain.tokens.accounts import Account, account
from tsumami.runs import Run
from tsumami.testing import ScriptedModel, saying

SAID = "発光<b>ダイオード</b>\nを讃える詩"
BOTH = ("ja", "en")


@pytest.fixture(scope="module")
def model() -> ScriptedModel:
    return ScriptedModel(saying(SAID, sure=7.0))


@pytest.fixture(scope="module")
def run(model: ScriptedModel) -> Run:
    return model.run("x", seed=2, top_p=0.9, min_p=0.0, repeat_penalty=1.0, max_tokens=60, temperature=0.9, ledger=True)


@pytest.fixture(scope="module")
def seen(run: Run) -> Account:
    return account(run.ledgers[3], count=8)


class _Checker(HTMLParser):
    """Opens what it closes, in order; collects the text and the attributes of every element."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.attributes: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.attributes.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def parsed(html: str) -> _Checker:
    checker = _Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


# --- tokens as a reader sees them


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"a", b"bc"], ["a", "bc"]),
        (["あ".encode()], ["あ"]),
        (["あ".encode()[:1], "あ".encode()[1:2], "あ".encode()[2:]], ["あ"]),
        ([b"x" + "蓮".encode()[:2], "蓮".encode()[2:] + b"y", b"z"], ["x蓮y", "z"]),
        ([b"\xff", b"a"], ["\ufffd", "a"]),
        ([b"a", "蓮".encode()[:2]], ["a", "\ufffd"]),
        ([], []),
    ],
)
def test_characters_are_shown_whole(pieces: list[bytes], expected: list[str]) -> None:
    found = groups(pieces)
    assert [group.text for group in found] == expected
    assert [i for group in found for i in range(group.start, group.stop)] == list(range(len(pieces)))


@pytest.mark.parametrize(
    ("piece", "label"),
    [(b" the", "␣the"), (b"\n", "⏎"), (b"\xe3\x81", r"\xe3\x81"), ("夢".encode(), "夢"), (b"", "∅"), (b"a b", "a b")],
)
def test_what_cannot_be_seen_gets_a_sign(piece: bytes, label: str) -> None:
    assert visible(piece) == label


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (1e-9, "<0.01%"), (0.0123, "1.23%"), (0.5, "50.0%"), (0.9996, "99.9%"), (1 - 1e-9, "100%")],
)
def test_a_share_as_people_read_it(share: float, said: str) -> None:
    assert percent(share) == said


# --- HTML


@pytest.mark.parametrize("language", BOTH)
def test_the_strip_has_every_token_once_and_in_order(run: Run, language: charts.Language) -> None:
    page = parsed(charts.token_strip(run, language, selected=4))
    numbers = [int(a["data-token"] or "") for a in page.attributes if "data-token" in a]
    assert numbers == list(range(len(run.steps)))
    assert SAID.split("<")[0] in "".join(page.said)
    (on,) = (a for a in page.attributes if "on" in (a.get("class") or "").split())
    assert on["data-token"] == "4"


def test_what_a_model_wrote_is_never_markup(model: ScriptedModel) -> None:
    strip = charts.token_strip(ScriptedModel(saying("<script>x</script>")).run("x", temperature=0), "en")
    assert "<script" not in strip
    odd = ScriptedModel(saying("<i>"))
    made = account(odd.run("x", temperature=0, ledger=True).ledgers[0], "greedy")
    for html in (
        charts.ledger_table(made, odd.tokenizer.piece, "en"),
        charts.next_token_bars(made, odd.tokenizer.piece, "en"),
        charts.roll_strip([charts.Line.of(made)], made.u, odd.tokenizer.piece, "en"),
    ):
        assert ">&lt;<" in html


def test_the_title_of_a_token_says_all_that_its_colour_says(run: Run) -> None:
    page = parsed(charts.token_strip(run, "en"))
    for attributes in page.attributes:
        if "data-token" in attributes:
            step = run.steps[int(attributes["data-token"] or "")]
            for fact in (
                f"id {step.id}",
                step.piece.hex(" "),
                percent(step.p_final),
                percent(step.p_raw),
                f"rank {step.rank}",
            ):
                assert fact in (attributes["title"] or "")


def test_places_on_the_scale_run_from_surprising_to_expected(run: Run) -> None:
    for step in run.steps:
        assert all(0 <= place <= 1 for place in places(step).values())
    likely = max(run.steps, key=lambda step: step.p_raw)
    rare = min(run.steps, key=lambda step: step.p_raw)
    assert all(places(likely)[mode] >= places(rare)[mode] for mode in ("final", "rank", "surprise"))


@pytest.mark.parametrize("language", BOTH)
def test_the_table_has_a_column_for_every_stage_and_marks_every_cut(
    model: ScriptedModel, seen: Account, language: charts.Language
) -> None:
    table = charts.ledger_table(seen, model.tokenizer.piece, language)
    page = parsed(table)
    for column in seen.columns[1:]:
        assert column.name in page.said
    assert table.count("✂") == sum(row.cut_at is not None for row in seen.rows) > 0
    rows = [int(a["data-candidate"] or "") for a in page.attributes if "data-candidate" in a]
    assert rows == [row.token for row in seen.rows]
    for row in seen.rows:
        if row.final is not None:
            assert percent(row.final) in page.said


def test_idle_stages_say_why(model: ScriptedModel, seen: Account) -> None:
    table = charts.ledger_table(seen, model.tokenizer.piece, "ja")
    idle = [column for column in seen.columns if column.idle]
    assert idle
    assert table.count("休み: 無効になる値") == len(idle)


def test_the_mark_stands_on_the_chosen_share(model: ScriptedModel, run: Run) -> None:
    for ledger in run.ledgers:
        made = account(ledger)
        strip = charts.roll_strip([charts.Line.of(made)], made.u, model.tokenizer.piece, "en")
        mark = re.search(r"tsu-mark\" style=\"left:([\d.]+)%", strip)
        on = re.search(r"tsu-share \w+ on\" [^>]*left:([\d.]+)%;width:([\d.]+)%", strip)
        assert mark is not None
        assert on is not None
        assert float(on[1]) - 1e-3 <= float(mark[1]) <= float(on[1]) + float(on[2]) + 1e-3
        assert charts.how(made, "en") == "chosen by the roll"


def test_how_a_token_was_chosen_is_said(model: ScriptedModel) -> None:
    for knobs, said in (
        ({"temperature": 0}, "the likeliest"),
        ({"mirostat_mode": 2, "mirostat_tau": 10, "temperature": 3}, "mirostat"),
        ({"mirostat_mode": 2, "mirostat_tau": 0}, "nothing was rolled"),
    ):
        run = model.run("x", seed=1, max_tokens=1, ledger=True, **knobs)
        assert said in charts.how(account(run.ledgers[0], run.settings.mode), "en")


def test_bars_name_the_stage_that_cut(model: ScriptedModel, seen: Account) -> None:
    bars = charts.next_token_bars(seen, model.tokenizer.piece, "en")
    for row in seen.rows:
        if row.cut_at is not None:
            assert f"✂ {seen.columns[row.cut_at].name}" in bars


def test_every_class_has_a_style() -> None:
    sheet = charts.style()
    for name in ("tsu-strip", "tsu-token", "tsu-ledger", "tsu-rolls", "tsu-mark", "tsu-bars", "tsu-legend"):
        assert f".{name}" in sheet


# --- Altair


def pictures(model: ScriptedModel, run: Run, seen: Account, language: charts.Language) -> dict[str, Any]:
    piece, line = model.tokenizer.piece, charts.Line.of(seen, "temperature 0.8")
    exact = {share.token: share.high - share.low for share in seen.shares}
    return {
        "ledger": charts.ledger_picture(seen, piece, language),
        "roll": charts.roll_picture([line], seen.u, piece, language),
        "divergence": charts.roll_picture([line, line], seen.u, piece, language),
        "not rolled": charts.roll_picture([line], None, piece, language),
        "measures": charts.measure_lines({"詩": run, "b": run}, language),
        "next": charts.next_token_picture(seen, piece, language),
        "rolls": charts.rolls_picture(exact, {seen.token: 7}, piece, language, most=2),
    }


NAMES = ("ledger", "roll", "divergence", "not rolled", "measures", "next", "rolls")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", BOTH)
def test_pictures_save_without_a_browser(
    model: ScriptedModel, run: Run, seen: Account, language: charts.Language, name: str, tmp_path: Path
) -> None:
    chart = pictures(model, run, seen, language)[name]
    chart.save(tmp_path / "x.png")
    chart.save(tmp_path / "x.svg")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "x.svg").read_text("utf-8")
    assert svg.startswith("<svg")
    title = chart.to_dict()["title"]
    assert title in svg
    assert title != pictures(model, run, seen, "en" if language == "ja" else "ja")[name].to_dict()["title"]


def rows_of(chart: Any) -> list[dict[str, Any]]:
    spec = chart.to_dict()
    first = spec.get("layer", spec.get("concat", [spec]))[0]
    while "data" not in first:
        first = spec if "data" in spec else first["layer"][0]
    rows: list[dict[str, Any]] = first["data"]["values"]
    return rows


def test_the_heat_map_holds_every_cell(model: ScriptedModel, run: Run, seen: Account) -> None:
    rows = rows_of(pictures(model, run, seen, "en")["ledger"])
    assert [row["probability"] for row in rows] == [p for candidate in seen.rows for p in candidate.probs]


def test_the_lines_hold_every_token_of_every_run(model: ScriptedModel, run: Run, seen: Account) -> None:
    rows = rows_of(pictures(model, run, seen, "en")["measures"])
    assert [row["final"] for row in rows] == [step.p_final for step in run.steps] * 2


def test_rolls_stand_beside_the_exact_probabilities_and_the_rest_is_one_bar(
    model: ScriptedModel, run: Run, seen: Account
) -> None:
    exact = {97: 0.5, 98: 0.3, 99: 0.15, 100: 0.05}
    chart = charts.rolls_picture(exact, {97: 60, 98: 25, 99: 10, 100: 5}, model.tokenizer.piece, "en", most=2)
    rows = rows_of(chart)
    assert [(row["candidate"], pytest.approx(row["probability"])) for row in rows] == [
        ("a", 0.5), ("a", 0.6), ("b", 0.3), ("b", 0.25), ("the other candidates", 0.2), ("the other candidates", 0.15),
    ]  # fmt: skip


@pytest.mark.parametrize("make", [charts.ledger_picture, charts.next_token_picture])
def test_equal_labels_keep_rows_of_their_own(seen: Account, make: Callable[..., Any]) -> None:
    rows = rows_of(make(seen, _same, "en"))
    assert len({row["candidate"] for row in rows}) == len(seen.rows)


def _same(_: int) -> bytes:
    return b"x"
