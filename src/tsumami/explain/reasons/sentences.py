"""Sentences: a divergence in words that a newcomer understands, in Japanese and English; answers.py has the rest.

Guarantee: every token, value and probability in them is one of the divergence's own. Tokens are counted from 1, as
people count.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tsumami.explain.reasons.findings import Change, Divergence, Moved
from tsumami.explain.tokens import Outcome
from tsumami.knobs import KNOBS
from tsumami.knobs.typed import shown
from tsumami.runs import STOP_REASONS, Run, Step
from tsumami.runs.signs import signed, spaced
from tsumami.wording import counted, percent

_LATE_ROLL: Final = (
    "Mirostat は候補が 1 つのとき乱数を使わないので、同じシードでも何番目の乱数かがずれています。",
    "Mirostat takes no roll where one candidate is left, so with the same seed the runs are at different rolls.",
)

#: Stand for the names of the two runs until `called` puts them in. They are private characters, which `signed` escapes.
A: Final = "\ue000"
B: Final = "\ue001"

Bilingual = tuple[str, str]
"""The same in ja and en."""

_NAMED: Final = 3  # tokens that a sentence names
_LONG: Final = 40
_SHOWN_BEFORE: Final = 16  # characters of what is the same, before what is not
_AFTER: Final = (
    "ここから先は文脈が違うので、後に続く違いはつまみの違いとしては比べられません。",
    "From here on the contexts differ, so what comes later cannot be compared knob by knob.",
)


def called(words: Bilingual, names: tuple[str, str]) -> Bilingual:
    """The sentences with the names of the two runs."""
    ja, en = (text.replace(A, names[0]).replace(B, names[1]) for text in words)
    return ja, en


def joined(parts: Iterable[Bilingual]) -> Bilingual:
    """Sentences one after another."""
    listed = [part for part in parts if part[0]]
    return "".join(ja for ja, _ in listed), " ".join(en for _, en in listed)


def quoted(piece: bytes) -> Bilingual:
    """A token in quotation marks."""
    text = spaced(signed(piece), at_start=False)
    return f"「{text}」", f"“{text}”"


def same(a: Run) -> Bilingual:
    """Two runs with the same tokens."""
    count = len(a.steps)
    if not count:
        return "どちらの実行にもトークンがないので、比べるものがありません。", "Neither run has a token to compare."
    return (
        f"{count} 個のトークンがすべて同じです。",
        "The one token is the same." if count == 1 else f"All {counted(count, 'token')} are the same.",
    )


def prompts(a: str, b: str) -> Bilingual:
    """Two prompts with other tokens, each from where they begin to differ."""
    if a == b:
        return (
            "プロンプトの文は同じですが、トークンが違います（特殊トークンの名前を読むかどうかなど）。",
            "The prompts have the same text, but other tokens (one may have special tokens read in it, say).",
        )
    common = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    first, second = (_from(text, common) for text in (a, b))
    return (
        f"プロンプトは {A} が {first}、{B} が {second} です。",
        f"The prompt is {first} in {A} and {second} in {B}.",
    )


def _from(text: str, place: int) -> str:
    """A text, shortened to what stands around a place."""
    begin = max(place - _LONG // 4, 0) if len(text) > _LONG else 0
    return ("…" if begin else "") + value_text("prompt", text[begin:])


def ended(a: Run, b: Run, step: int) -> Bilingual:
    """One run was over where the other went on."""
    name, short = (f"{A}", a) if len(a.steps) == step else (f"{B}", b)
    other = f"{B}" if name == f"{A}" else f"{A}"
    why_ja, why_en = STOP_REASONS[short.stop_reason]
    if not step:
        return (
            f"{name} は 1 個もトークンを出さずに終わりました（{why_ja}）。{other} は続きました。",
            f"{name} ended without a token ({why_en}); {other} went on.",
        )
    shared = "token is" if step == 1 else counted(step, "token is", "tokens are")
    return (
        f"最初の {step} 個は同じです。{name} はそこで終わり（{why_ja}）、{other} は続きました。",
        f"The first {shared} the same; there {name} ended ({why_en}), and {other} went on.",
    )


def where(a: Step, b: Step, step: int) -> Bilingual:
    """The place and both tokens."""
    (a_ja, a_en), (b_ja, b_en) = quoted(a.piece), quoted(b.piece)
    if step:
        begin = (
            f"{step + 1} 番目のトークンで分かれます（それまでの {step} 個は同じ）。",
            f"They part at token {step + 1}",
        )
    else:
        begin = "最初のトークンから分かれます。", "They part at the first token"
    return f"{begin[0]}{A} は{a_ja}、{B} は{b_ja}です。", f"{begin[1]}: {A} has {a_en}, {B} has {b_en}."


def by_hand(names: Sequence[str]) -> Bilingual:
    """A token that no chain chose."""
    who = "・".join(names), " and ".join(names)
    return (
        f"{who[0]} のトークンは人が選んだもの（枝分かれの始まり）で、つまみや乱数が選んだものではありません。",
        f"In {who[1]} that token was set by hand (the beginning of a branch): no knob and no roll chose it.",
    )


def account(found: Divergence, step_a: Step, step_b: Step) -> Bilingual:
    """Where, why, how it was checked, and what it does not say."""
    assert found.step is not None
    assert found.at_a is not None
    assert found.at_b is not None
    assert found.back is not None
    causes = {
        "other_survivors": _survivors,
        "shifted_mass": _mass,
        "penalty": _penalty,
        "other_draw": _draw,
        "other_logits": _logits,
    }
    assert found.cause is not None
    parts = [where(step_a, step_b, found.step), _taken_back(f"{A}", step_a), _taken_back(f"{B}", step_b)]
    parts += [_difference(found.changes), causes[found.cause](found)]
    parts += [_rolls(found, step_a, step_b), _checked(found, step_a), _others(found), _AFTER]
    return joined(parts)


def _taken_back(name: str, step: Step) -> Bilingual:
    """What a run had written there before, and took back."""
    if not step.taken_back:
        return "", ""
    ja, en = zip(*(quoted(one.piece) for one in step.taken_back), strict=True)
    return (
        f"{name} はここで先に{'、'.join(ja)}と書き、禁止する文章なので取り消しました。",
        f"Before, {name} had written {', then '.join(en)} here, and took it back: a banned text.",
    )


# --- what differs ---


def name_of(change: Change) -> Bilingual:
    """What a change is called."""
    special = {
        "seed": ("シード", "the seed"),
        "prompt": ("プロンプト", "the prompt"),
        "model": ("モデル", "the model"),
        "memory": ("それまでのトークンで進んだ内部状態", "what the stages took along from earlier tokens"),
        "taken_back": ("この位置で取り消した文章", "what was taken back here"),
    }
    return special.get(change.name, (change.name, change.name))


def _spaced(name: str) -> str:
    """A name before a Japanese particle: Latin letters want a space there."""
    return f"{name} " if name[-1].isascii() else name


def value_text(name: str, value: Any) -> str:
    """A value as a person would type it, shortened where it is long; of a knob, or of what else differs. What cannot be
    seen has a sign.
    """
    text = _whole(name, value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _whole(name: str, value: Any) -> str:
    text = "–" if value is None else str(value)
    if name in KNOBS:
        typed = shown(KNOBS[name], value)
        text = (typed if isinstance(typed, str) else ("," if KNOBS[name].kind == "bias" else ";").join(typed)) or "–"
    return spaced(text)


def told_apart(name: str, a: Any, b: Any) -> tuple[str, str]:
    """Two values that differ, as `value_text`, but so that the difference is seen: long ones from shortly before it on,
    and letters that only look alike (é as one character or two) by their numbers.
    """
    whole = _whole(name, a), _whole(name, b)
    if unicodedata.normalize("NFKC", whole[0]) == unicodedata.normalize("NFKC", whole[1]):
        whole = _numbered(whole[0]), _numbered(whole[1])
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*whole, strict=False)))
    start = same - _SHOWN_BEFORE if same >= _LONG else 0
    first, second = (f"{'…' if start else ''}{text[start : start + _LONG]}" for text in whole)
    cut = [text + "…" * (len(one) > start + _LONG) for text, one in zip((first, second), whole, strict=True)]
    return cut[0], cut[1]


def _numbered(text: str) -> str:
    return "".join(c if c.isascii() else f"\\u{{{ord(c):x}}}" for c in text)


def _difference(changes: tuple[Change, ...]) -> Bilingual:
    ja, en = [], []
    for change in changes:
        name = name_of(change)
        if change.name == "prompt":
            words = prompts(change.a, change.b)
            ja.append(words[0])
            en.append(words[1])
            continue
        if change.name == "memory":
            ja.append("それまでのトークンで進んだ内部状態（Mirostat の mu や XTC の乱数の位置）が違います。")
            en.append("What mirostat (its mu) or XTC (its roll) took along from earlier tokens differs.")
            continue
        a, b = told_apart(change.name, change.a, change.b)
        ja.append(f"{_spaced(name[0])}は {A} が {a}、{B} が {b} です。")
        en.append(f"{name[1][0].upper() + name[1][1:] if ' ' in name[1] else name[1]} is {a} in {A} and {b} in {B}.")
    return "".join(ja), " ".join(en)


# --- the five causes ---


def _survivors(found: Divergence) -> Bilingual:
    assert found.back is not None
    assert found.at_b is not None
    n_a, n_b = len(found.back.final), len(found.at_b.final)
    parts = [
        (
            f"そのため、最後まで残った候補は {A} の値なら {n_a:,} 個、{B} の値なら {n_b:,} 個です。",
            f"So {n_a:,} {_were(n_a)} left at the end with {A}'s value, {n_b:,} with {B}'s.",
        )
    ]
    sides = (
        (found.back.final, found.at_b.final, f"{A} の値でだけ", f"only with {A}'s"),
        (found.at_b.final, found.back.final, f"{B} の値でだけ", f"only with {B}'s"),
    )
    return joined([*parts, *(_only(found, *side) for side in sides)])


def _only(found: Divergence, these: dict[int, float], others: dict[int, float], ja: str, en: str) -> Bilingual:
    """The tokens that are left on one side alone."""
    count = len(these.keys() - others.keys())
    if not count:
        return "", ""
    named = [one for one in found.tokens if one.id in these and one.id not in others][:_NAMED]
    names, more = _list([(one, these[one.id]) for one in named]), count - len(named)
    return (
        f"{ja}残ったのは {names[0]}{f' など {count:,} 個' if more else ''}（分けたのは {found.stage}）。",
        f"Left {en}: {names[1]}{f' and {more:,} more' if more else ''} ({found.stage} decides it).",
    )


def _left(count: int) -> str:
    return f"{counted(count, 'candidate')} {'is' if count == 1 else 'are'} left"


def _were(count: int) -> str:
    return "candidate was" if count == 1 else "candidates were"


def _list(named: Sequence[tuple[Moved, float | None]]) -> Bilingual:
    ja = "、".join(f"{quoted(one.piece)[0]}（{percent(p)}）" for one, p in named)
    en = ", ".join(f"{quoted(one.piece)[1]} ({percent(p)})" for one, p in named)
    return ja, en


def _mass(found: Divergence) -> Bilingual:
    assert found.at_b is not None
    count = len(found.at_b.final)
    if all(one.p_a == one.p_b for one in found.tokens):
        return (
            f"残った {count:,} 個の候補も確率も同じですが、0 から 1 の線に並ぶ順番が違います"
            f"（並べ替えるのは {found.stage}）。",
            f"The same {_left(count)} with the same probabilities, but they lie in another order on the line from 0 to "
            f"1 ({found.stage} sorts).",
        )
    moved = _moves(found.tokens[:_NAMED])
    return (
        f"残った候補は同じ {count:,} 個ですが、確率が変わります（{found.stage}）: {moved[0]}。",
        f"The same {_left(count)}, but with other probabilities ({found.stage}): {moved[1]}.",
    )


def _moves(tokens: Sequence[Moved]) -> Bilingual:
    ja = "、".join(f"{quoted(one.piece)[0]} {A} {percent(one.p_a)} → {B} {percent(one.p_b)}" for one in tokens)
    en = ", ".join(f"{quoted(one.piece)[1]} {A} {percent(one.p_a)} → {B} {percent(one.p_b)}" for one in tokens)
    return ja, en


def _penalty(found: Divergence) -> Bilingual:
    moved = _moves(found.tokens[:_NAMED])
    return (
        f"ペナルティが、前に出たトークンの確率を変えます: {moved[0]}。",
        f"The penalty changes tokens that were there before: {moved[1]}.",
    )


def _draw(found: Divergence) -> Bilingual:
    assert found.back is not None
    assert found.at_b is not None
    if found.back.final == found.at_b.final:
        count = len(found.at_b.final)
        return (
            f"候補（{count:,} 個）も確率も同じで、違うのは乱数だけです。",
            f"The {'candidate' if count == 1 else counted(count, 'candidate')} and the probabilities are the "
            "same; only the"
            " roll differs.",
        )
    return (
        "シードは XTC の乱数も決めるので、残った候補も違います。",
        "The seed also decides XTC's roll, so other candidates are left.",
    )


def _logits(found: Divergence) -> Bilingual:
    moved = _moves(found.tokens[:_NAMED])
    return (
        f"そのため、モデルが出す確率そのものが違います: {moved[0]}。",
        f"So the model itself gives other probabilities: {moved[1]}.",
    )


# --- the rolls, and the check ---


def _rolls(found: Divergence, step_a: Step, step_b: Step) -> Bilingual:
    assert found.at_a is not None
    assert found.at_b is not None
    a, b = _fell(f"{A}", found.at_a, step_a), _fell(f"{B}", found.at_b, step_b)
    alike = found.at_a.u is not None and found.at_a.u == found.at_b.u
    lead = ("乱数は同じでも、", "The roll is the same, but ") if alike else ("", "")
    told = f"{lead[0]}{a[0]}、{b[0]}ました。", f"{lead[1]}{a[1]}; {b[1]}."
    rolled = found.at_a.u is not None and found.at_b.u is not None
    if rolled and not alike and found.a.receipt.seed == found.b.receipt.seed:
        return joined([told, _LATE_ROLL])
    return told


def _fell(name: str, outcome: Outcome, step: Step) -> Bilingual:
    """Without the end of the Japanese sentence, as two of these make one."""
    token = quoted(step.piece)
    if outcome.mode == "greedy":
        return f"{name} はいちばん確率の高い{token[0]}を選び", f"{name} takes the likeliest, {token[1]}"
    if outcome.mode == "contrastive":
        return f"{name} は点がいちばん高い{token[0]}を選び", f"{name} takes the best score, {token[1]}"
    span = outcome.span(outcome.token)
    if outcome.u is None or span is None:
        return f"{name} は 1 つだけ残った{token[0]}を選び", f"{name} takes the only one left, {token[1]}"
    return (
        f"{name} では u = {outcome.u:.4f} が{token[0]}（{span.low:.4f}〜{span.high:.4f}）に当たり",
        f"{name}'s u = {outcome.u:.4f} falls on {token[1]} ({span.low:.4f} to {span.high:.4f})",
    )


def _checked(found: Divergence, step_a: Step) -> Bilingual:
    token = quoted(step_a.piece)
    ja, en = _named(found.changes)
    alone = len(found.changes) == 1
    if found.cause == "other_logits" and alone:
        return (
            f"確かめました: {B} の設定と乱数のまま {A} のロジットから選ぶと、{B} も{token[0]}を選びます。",
            f"Checked: from {A}'s logits, with {B}'s settings and roll, {B} chooses {token[1]}, too.",
        )
    together = ("", "") if alone else ("あわせて", " together")
    parts = [
        (
            f"確かめました: この位置で{ja}を{together[0]} {A} のものに戻すと、{B} も{token[0]}を選びます。",
            f"Checked: with {en} put back{together[1]} as in {A} at this place, {B} chooses {token[1]}, too.",
        )
    ]
    if not alone:
        parts.append(
            ("どれか 1 つだけでは足りません。", "No single one of them is enough.")
            if found.smallest
            else ("どれを抜いても足りません。", "Without any one of them it is not enough.")
        )
    return joined(parts)


def _others(found: Divergence) -> Bilingual:
    if not found.others:
        return "", ""
    named = [_named(one) for one in found.others[:_NAMED]]
    ja, en = "を、または".join(one for one, _ in named), ", or ".join(one for _, one in named)
    return f"代わりに{ja}を戻しても、同じ結果になります。", f"Putting back {en} instead would have done, too."


def _named(changes: Sequence[Change]) -> Bilingual:
    """The names of what was put back."""
    ja = "と".join(_spaced(f" {name}" if name[0].isascii() else name) for name, _ in map(name_of, changes))
    return ja, " and ".join(name for _, name in map(name_of, changes))
