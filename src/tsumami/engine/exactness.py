"""The self-check: is this model, on this build and machine, bit-exact?

Guarantee: "exact" is never assumed. The same tokens are computed at once, in pieces, token by token, among others,
forked, rolled back, and with one thread, and every logit is compared bit by bit. The verdict names what failed, why,
and the remedy, and stands in every receipt. It is remembered per weights, build, processor and options, because nothing
else it depends on can change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tsumami.engine.batcher import Engine
from tsumami.engine.planning import TOGETHER, Policy
from tsumami.engine.program import Program
from tsumami.engine.sequence import Feed, Sequence
from tsumami.machine import processor
from tsumami.models import GGUFHeader
from tsumami.native import USER_ENVIRONMENT, Float32Array, engine_build
from tsumami.storage import recall, remember

_MEMORY: Final = "exactness"
_VERSION: Final = 3  # raise it when the check itself changes, so that old verdicts are forgotten
# Nothing is forked, and what is fed at once is computed at once, however slow the machine: a kernel that takes over
# from 64 tokens on must be met.
_FLOATS: Final = ("F16", "F32", "BF16")
_NO_REUSE: Final = Policy(reuse=False, together=True, fixed_piece=512)


@dataclass(frozen=True, slots=True)
class Exactness:
    """The verdict. `why` and `remedy` are sentences in ja and en; `failed` names the checks that differed."""

    exact: bool
    why_ja: str
    why_en: str
    remedy_ja: str = ""
    remedy_en: str = ""
    failed: tuple[str, ...] = ()


EXACT_VERDICT: Final = Exactness(
    True,
    "一括・分割・1トークンずつ・混在・分岐のどの計算でもロジットが1ビットも変わらないことを、このモデルで確かめました。",
    "checked on this model: at once, in pieces, token by token, among others, forked: every logit has the same bits.",
)
FAST_VERDICT: Final = Exactness(
    False,
    "速度優先(fast)で動いています。ほかの計算と一緒になると末尾のビットが変わり、同じシードでも文章が変わることがあります。",
    "fast mode: arithmetic depends on what else is computed, so the same seed may give another text.",
    "exact(既定)で読み込み直してください。",
    "load the model without fast (exact is the default).",
)

SUM_VERDICT: Final = Exactness(
    False,
    "LoRA アダプターが 3 つ以上あると、llama.cpp が足し合わせる順序が読み込みのたびに変わります。"
    "読み込んでいる間は同じ結果になりますが、読み込み直すと末尾のビットが変わることがあります。",
    "with three LoRA adapters or more, llama.cpp adds them up in an order that changes from load to load: while the "
    "model stays loaded everything repeats, after another load the last bits may differ.",
    "アダプターを 2 つまでにするか、1 つにまとめたものを使ってください。",
    "use two adapters at most, or merge them into one.",
)


def check_exactness(engine: Engine, header: GGUFHeader, *, gpu_layers: int, length: int = 80) -> Exactness:
    """Run the self-check on a fresh engine and give the verdict. `length` is the number of tokens to compare."""
    failed = tuple(name for name, same in _comparisons(engine, length) if not same)
    return EXACT_VERDICT if not failed else _not_exact(failed, engine, header, gpu_layers)


def remembered_check(engine: Engine, header: GGUFHeader, fingerprint: str, *, gpu_layers: int) -> Exactness:
    """`check_exactness`, unless the same weights were checked before by the same build on the same processor."""
    several_threads, shape = engine.options.threads > 1, (engine.options.n_ubatch, engine.options.n_cells)
    build = (str(engine_build()), processor(), USER_ENVIRONMENT.get("GGML_CPU_TILED_MM"))
    layout = ("repacked",) * engine.model.repacked
    key = "|".join(map(str, (_VERSION, fingerprint, *build, *shape, several_threads, gpu_layers, *layout)))
    known = recall(_MEMORY).get(key)
    if isinstance(known, list) and all(isinstance(name, str) for name in known):
        return EXACT_VERDICT if not known else _not_exact(tuple(known), engine, header, gpu_layers)
    verdict = check_exactness(engine, header, gpu_layers=gpu_layers)
    remember(_MEMORY, key, list(verdict.failed))
    return verdict


def _comparisons(engine: Engine, length: int) -> Iterator[tuple[str, bool]]:
    """Yield (name of the check, whether every bit was the same).

    Nothing is freed in between, so the single tokens at the end lie beyond 512 cells, far from the beginning of their
    sequence: where the cache may be split over threads, they are the ones that show it.
    """
    n_vocab = engine.n_vocab
    rng = np.random.default_rng(20261121)
    tokens = rng.integers(n_vocab // 8, n_vocab // 2, length).tolist()
    half, tail = length // 2, length - 12
    try:
        engine.set_policy(_NO_REUSE)
        early = Sequence()
        engine.feed(early, tokens[:tail], rows="none")
        whole = engine.feed(Sequence(), tokens, rows="all").logits
        yield "in pieces", _same(engine.run(_pieces(tokens, [1, 3, 17, 30])), whole)
        tickets = [
            engine.submit(_pieces(tokens[:n], [half + i, 2])) for i, n in enumerate((length, half + 9, tail, half + 5))
        ]
        yield "among others", all(_same(t.result(), whole[: len(t.result())]) for t in tickets)
        engine.limit_threads(1)
        yield "one thread", _same(engine.run(_pieces(tokens, [half, 1, 1, 7])), whole)
        engine.limit_threads(engine.options.threads)
        yield "token by token", _same(engine.run(_singly(early, tokens[tail:])), whole[tail:])
        engine.set_policy(TOGETHER)
        yield "forked", engine.run(_forked(tokens, whole, half))
    finally:
        engine.set_policy(TOGETHER)
        engine.limit_threads(engine.options.threads)


def _same(a: Float32Array, b: Float32Array) -> bool:
    return a.tobytes() == b.tobytes()


def _pieces(tokens: list[int], sizes: list[int]) -> Program[Float32Array]:
    """All rows of `tokens`, fed in pieces of the given sizes, the last piece taking what is left."""
    rows: list[Float32Array] = []
    with Sequence() as sequence:
        start = 0
        for size in [*sizes, len(tokens)]:
            piece = tokens[start : start + size]
            if piece:
                (got,) = yield [Feed(sequence, piece, rows="all")]
                rows.append(got.logits)
            start += len(piece)
    return np.concatenate(rows)


def _singly(sequence: Sequence, tokens: list[int]) -> Program[Float32Array]:
    """The rows of `tokens`, fed one by one."""
    with sequence:
        rows = []
        for token in tokens:
            (got,) = yield [Feed(sequence, [token])]
            rows.append(got.last)
    return np.stack(rows)


def _forked(tokens: list[int], whole: Float32Array, half: int) -> Program[bool]:
    """Fork a prefix seven times and go on in one batch, beside strangers; roll one back and refill it."""
    with Sequence() as trunk:
        yield [Feed(trunk, tokens[:half], rows="none")]
        branches = [trunk.fork(half - i) for i in range(7)]
        same = True
        for step in range(6):
            got = yield [Feed(b, [tokens[half - i + step]]) for i, b in enumerate(branches)]
            same &= all(_same(rows.last, whole[half - i + step]) for i, rows in enumerate(got))
        branches[0].rollback(half // 2)
        (got_one,) = yield [Feed(branches[0], tokens[half // 2 : half + 3], rows="all")]
        for branch in branches:
            branch.close()
        return same and _same(got_one.logits, whole[half // 2 : half + 3])


def _not_exact(failed: tuple[str, ...], engine: Engine, header: GGUFHeader, gpu_layers: int) -> Exactness:
    """Name the cause that is known for what failed; where none is known, say so."""
    names = ", ".join(failed)
    if gpu_layers:
        return Exactness(
            False,
            f"GPU の計算は、まとめる数によって丸めが変わります(違いが出た検査: {names})。",
            f"the GPU backend rounds differently from one batch size to another (differed: {names}).",
            "GPU の層数を 0 にして(n_gpu_layers=0)読み込み直してください。",
            "load the model with n_gpu_layers=0.",
            failed,
        )
    kind = header.quantization or "?"
    if engine.model.adapters and kind not in _FLOATS:
        return Exactness(
            False,
            "LoRA アダプターの行列(F16、F32)は、既定のビルドでは 2 列以上の積に別の計算(llamafile の sgemm)を使います"
            f"(違いが出た検査: {names})。",
            "the matrices of LoRA adapters (F16, F32) take another kernel (llamafile's sgemm) for two or more columns "
            f"in the default build (differed: {names}).",
            'CMAKE_ARGS="-DGGML_LLAMAFILE=OFF" でビルドし直すか、アダプターを統合したモデルを使ってください。',
            'rebuild with CMAKE_ARGS="-DGGML_LLAMAFILE=OFF", or take a file into which the adapter was merged.',
            failed,
        )
    if kind in _FLOATS:
        return Exactness(
            False,
            f"{kind} の重みは、既定のビルドでは 2 列以上の積に別の計算(llamafile の sgemm)を使います"
            f"(違いが出た検査: {names})。",
            f"{kind} weights take another kernel (llamafile's sgemm) for two or more columns in the default build "
            f"(differed: {names}).",
            'CMAKE_ARGS="-DGGML_LLAMAFILE=OFF" でビルドし直すか、量子化したモデル(Q8_0 など)を使ってください。',
            'rebuild with CMAKE_ARGS="-DGGML_LLAMAFILE=OFF", or take a quantised file (Q8_0, say).',
            failed,
        )
    return Exactness(
        False,
        f"このモデルでは計算のまとめ方でビットが変わります(違いが出た検査: {names})。原因はまだ分かっていません。",
        f"the bits of this model depend on how its computation is cut up (differed: {names}); the cause is not known.",
        "量子化の違うファイルを試してください。このままでは、1 回ずつ決まった形で計算します。",
        "try another quantisation; as it is, runs are computed one by one in one fixed shape.",
        failed,
    )
