"""Answers: what a knob did in a run, and what became of a token, in Japanese and English.

Guarantee: as in sentences.py: every token, value and number in them is one of the finding's own.
"""

from __future__ import annotations

from tsumami.explain.reasons.findings import Change, KeepingValue, Lowering, WhyNot, Without
from tsumami.explain.reasons.sentences import Bilingual, joined, quoted, value_text
from tsumami.knobs.stages import row_of
from tsumami.runs import Run
from tsumami.wording import counted, percent


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
            f"{name} {value} did nothing: it changed 0 of {counted(count, 'token')}.",
        )
    told = (
        f"{name} {value} は {count} 個のうち {changed} 個で候補か確率を変えました。",
        f"{name} {value} changed the candidates or their probabilities at {changed} of {counted(count, 'token')}.",
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
                f"Neutral, {decided} would have been {'another token' if decided == 1 else 'other tokens'}, first"
                f" number {first + 1}: {other[1]} instead of {was[1]}.",
            ),
        ]
    )


def why_not(found: WhyNot, mode: str) -> Bilingual:
    """What became of a token."""
    token = quoted(found.piece)
    begin = (
        f"{token[0]}は、モデルだけなら確率 {percent(found.p_raw)}（{found.rank} 位）です。",
        f"{token[1]} has {percent(found.p_raw)} under the model alone (rank {found.rank}).",
    )
    return joined([begin, _taken(found.taken), _fate(found, mode)])


def _fate(found: WhyNot, mode: str) -> Bilingual:
    other = quoted(found.other)
    match found.fate:
        case "chosen":
            place = found.step + 1
            return f"{place} 番目に選ばれたのはこのトークンです。", f"It is token {place} of the reply."
        case "by_hand":
            return (
                f"設定と乱数はこれを選びますが、{found.step + 1} 番目のトークンは人が決めたものです。",
                f"The settings and the roll choose it, but token {found.step + 1} was set by hand.",
            )
        case "banned":
            return "モデルの確率が 0 なので選ばれません。", "The model gives it no chance at all."
        case "cut":
            return _was_cut(found)
        case "uncompared":
            return (
                f"コントラスティブサーチが比べるのは確率の高い top_k 個だけで、これは候補の {found.place} 番目でした。",
                f"Contrastive search compares the top_k likeliest only, and it was number {found.place} of the "
                "candidates.",
            )
        case "roll":
            return _rolled_elsewhere(found, other)
        case "lost" if mode == "greedy":
            return _less_likely(found, other)
        case _:
            return (
                f"コントラスティブサーチの点は{other[0]}のほうが高いので選ばれません。",
                f"In contrastive search {other[1]} has the better score.",
            )


# --- what took its probability ---


def _taken(taken: Lowering | None) -> Bilingual:
    """The stage that took most, where that can be seen in the numbers."""
    if taken is None or (percent(taken.before) == percent(taken.after) and not _decided(taken.without)):
        return "", ""
    fell = f"{percent(taken.before)} → {percent(taken.after)}"
    told = (
        f"これをいちばん下げたのは {taken.stage} です（{fell}）。",
        f"What lowered it most is {taken.stage} ({fell}).",
    )
    return told if taken.without is None else joined([told, _without(taken.without)])


def _decided(without: Without | None) -> bool:
    return without is not None and without.chosen


def _without(found: Without) -> Bilingual:
    """What becomes of it without a stage."""
    names = [_put_back(change) for change in found.changes]
    ja, en = "、".join(one for one, _ in names), " and ".join(one for _, one in names)
    if found.then is not None:
        return f"{ja}でも、{found.then} が落とします。", f"{_large(en)}, {found.then} would cut it all the same."
    if found.chosen:
        return f"{ja}なら、これが選ばれていました。", f"{_large(en)} it would have been chosen."
    p = percent(found.p)
    return (
        f"{ja}なら最後に {p} ありましたが、それでも選ばれません。",
        f"{_large(en)} it would have {p} at the end, and another would still be chosen.",
    )


def _put_back(change: Change) -> Bilingual:
    """`with repeat_penalty 1 instead of 1.3`, `without grammar`."""
    match change.name, change.a:
        case "logit_bias", ():
            return "logit_bias がない", "without logit_bias"
        case "banned_texts", ():
            return "banned_texts がない", "without banned_texts"
        case "logit_bias", _:
            return "このトークンへの logit_bias がない", "without its logit_bias"
        case name, None:
            return f"{name} がない", f"without {name}"
        case name, value:
            now, was = value_text(name, value), value_text(name, change.b)
            return f"{name} が {was} ではなく {now}", f"with {name} {now} instead of {was}"


def _large(text: str) -> str:
    return text[0].upper() + text[1:]


# --- where it was lost ---


def _less_likely(found: WhyNot, other: Bilingual) -> Bilingual:
    """Temperature 0: of equals llama.cpp takes the one that comes first."""
    mine, theirs = percent(found.p_before), percent(found.p_other)
    if found.p_before == found.p_other:
        return (
            f"最後の確率は{other[0]}と同じ {mine} で、温度 0 では先に並ぶほうが選ばれます。",
            f"At the end {other[1]} has the same {mine}, and at temperature 0 the one that comes first is taken.",
        )
    return (
        f"最後の確率は{other[0]}が {theirs}、これは {mine} で、温度 0 では高いほうが選ばれます。",
        f"At the end {other[1]} has {theirs} and this one {mine}; at temperature 0 the likelier is taken.",
    )


def _was_cut(found: WhyNot) -> Bilingual:
    before, gone = percent(found.p_before), found.taken_back
    if gone is not None and found.stage == "banned_texts":
        banned, written = quoted(gone.banned.encode()), quoted(gone.piece)
        told = (
            f"ここから禁止する文章{banned[0]}が始まりました。{len(gone.tokens)} トークン書いたところ（{written[0]}）で"
            f"取り消して戻り、これを候補から外しました（その直前の確率は {before}）。",
            f"The banned text {banned[1]} began with it: {counted(len(gone.tokens), 'token')} ({written[1]}) had been "
            f"written when the run went back and took it out (it had {before} just before).",
        )
        return told if found.without is None else joined([told, _without(found.without)])
    cut = (
        f"{found.stage} が落としました（その直前の確率は {before}）。",
        f"{found.stage} cut it (it had {before} just before).",
    )
    if found.kept is not None:
        return joined([cut, _kept(found.kept)])
    if found.without is not None:
        return joined([cut, _without(found.without)])
    if row_of(found.stage).cuts_by:
        return joined([cut, ("このステージに、残せる値はありません。", "No value of a knob would have kept it there.")])
    return cut


def _kept(kept: KeepingValue) -> Bilingual:
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
    return joined([change, end])


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
