"""Answers: what a knob did in a run, and what became of a token, in Japanese and English.

Guarantee: as in sentences.py: every token, value and number in them is one of the finding's own.
"""

from __future__ import annotations

from tsumami.explain.reasons.findings import WhyNot
from tsumami.explain.reasons.sentences import Bilingual, joined, quoted, value_text
from tsumami.runs import Run, Step
from tsumami.wording import percent


def audited(
    run: Run, knob: str, changed: int, decided: int, first: int | None, instead: bytes | None, count: int
) -> Bilingual:
    """What one knob did in a run of `count` chosen tokens."""
    value, name = value_text(knob, getattr(run.settings, knob)), f"{knob}"
    if not count:
        return f"{name} {value}: トークンがありません。", f"{name} {value}: there is no token."
    if not changed and not decided:
        return (
            f"{name} {value} は何もしませんでした（{count} 個のうち 0 個）。",
            f"{name} {value} did nothing: it changed 0 of {count} tokens.",
        )
    told = (
        f"{name} {value} は {count} 個のうち {changed} 個で候補か確率を変えました。",
        f"{name} {value} changed the candidates or their probabilities at {changed} of {count} tokens.",
    )
    if first is None:
        return joined([told, ("選ばれるトークンは 1 つも変わりません。", "It decided none of them.")])
    was = quoted(run.steps[first].piece)
    other = ("どの候補も残らず", "nothing could have been chosen") if instead is None else quoted(instead)
    return joined(
        [
            told,
            (
                f"中立だったら {decided} 個は別のトークンでした。最初は {first + 1} 番目で、"
                f"{was[0]}ではなく{other[0]}でした。",
                f"Neutral, {decided} would have been other tokens, first number {first + 1}: {other[1]} instead of "
                f"{was[1]}.",
            ),
        ]
    )


def why_not(found: WhyNot, chosen: Step, mode: str) -> Bilingual:
    """What became of a token."""
    token, other = quoted(found.piece), quoted(chosen.piece)
    begin = (
        f"{token[0]}は、モデルだけなら確率 {percent(found.p_raw)}（{found.rank} 位）です。",
        f"{token[1]} has {percent(found.p_raw)} under the model alone (rank {found.rank}).",
    )
    match found.fate:
        case "chosen":
            told = (
                f"{found.step + 1} 番目に選ばれたのはこのトークンです。",
                f"It is token {found.step + 1} of the reply.",
            )
        case "banned":
            told = "モデルの確率が 0 なので選ばれません。", "The model gives it no chance at all."
        case "cut":
            told = _was_cut(found)
        case "roll":
            told = _rolled_elsewhere(found, other)
        case "lost" if mode == "greedy":
            told = (
                f"温度 0 ではいちばん確率の高い{other[0]}だけが選ばれます。",
                f"At temperature 0 only the likeliest is taken, {other[1]}.",
            )
        case _:
            told = (
                f"コントラスティブサーチの点は{other[0]}のほうが高いので選ばれません。",
                f"In contrastive search {other[1]} has the better score.",
            )
    return joined([begin, told])


def _was_cut(found: WhyNot) -> Bilingual:
    before = percent(found.p_before)
    cut = (
        f"{found.stage} が落としました（その直前の確率は {before}）。",
        f"{found.stage} cut it (it had {before} just before).",
    )
    kept = found.kept
    if kept is None:
        return joined([cut, ("このステージに、残せる値はありません。", "No value of a knob would have kept it there.")])
    value, near, was = (_exact(one) for one in (kept.value, kept.neighbour, kept.was))
    change = (
        f"{kept.knob} が {was} ではなく {value} なら残りました（{near} ではまだ落ちます）。",
        f"With {kept.knob} {value} instead of {was} it would have stayed (with {near} it still goes).",
    )
    if kept.chosen:
        end = "そうすれば、同じ乱数でこれが選ばれていました。", "The same roll would then have chosen it."
    elif kept.then is not None:
        end = f"ただし、次に {kept.then} が落とします。", f"But then {kept.then} would cut it."
    else:
        end = "ただし、同じ乱数では選ばれません。", "But the same roll would still choose another."
    return joined([cut, change, end])


def _exact(value: float) -> str:
    """A number in as few digits as tell it apart from its neighbours."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _rolled_elsewhere(found: WhyNot, other: Bilingual) -> Bilingual:
    assert found.span is not None
    if found.u is None:
        return f"残っていましたが、{other[0]}が選ばれました。", f"It stayed, but {other[1]} was chosen."
    low, high = found.span.low, found.span.high
    return (
        f"最後まで残りましたが、乱数 u = {found.u:.4f} が {low:.4f}〜{high:.4f} に入れば選ばれるところ、"
        f"{other[0]}に当たりました。",
        f"It stayed to the end: a roll from {low:.4f} to {high:.4f} would have chosen it, but u = {found.u:.4f} fell "
        f"on {other[1]}.",
    )
