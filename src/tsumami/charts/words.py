"""What stands on the charts, in Japanese and English.

Guarantee: every text has both languages; a key that does not exist is an error of ours, never an empty label.
"""

from __future__ import annotations

from typing import Final

from tsumami.explain.measures import TOKEN_MEASURES
from tsumami.wording import Language, filled

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "token": ("トークン", "token"),
    "step": ("トークンの番号", "token number"),
    "stage": ("ステージ", "stage"),
    "candidate": ("候補", "candidate"),
    "probability": ("確率", "probability"),
    "raw": ("素の確率", "raw"),
    "raw_about": ("モデルだけの確率(つまみの前)", "under the model alone, before any knob"),
    "final_about": ("すべてのステージの後、乱数が引かれた確率", "after all stages: what the roll was held against"),
    "sure": ("予想どおり", "expected"),
    "unsure": ("意外", "surprising"),
    "few": ("迷いなし", "certain"),
    "many": ("迷っている", "undecided"),
    "first": ("1 位", "1st"),
    "last": ("1000 位以下", "1000th or lower"),
    "bytes": ("バイト", "bytes"),
    "parts": ("{count} つのトークンでできた文字", "one character, made of {count} {count:token|tokens}"),
    "end": ("終わりの印", "end mark"),
    "chosen": ("選ばれた", "chosen"),
    "left": ("残り", "left"),
    "kept": ("通した確率", "mass kept"),
    "removed": ("外した数", "removed"),
    "removed_best": ("外した中でいちばん確率の高いトークンと、その直前の確率", "the likeliest token that this stage removed, and its probability before"),  # noqa: E501
    "cut": ("ここで切られた", "cut here"),
    "fell": ("このステージがいちばん下げた", "this stage lowered it most"),
    "gone": ("すでに切られている", "already cut"),
    "hidden": ("ほかに {count} の候補", "{count} more {count:candidate|candidates}"),
    "others": ("そのほかの候補", "the other candidates"),
    "roll": ("乱数 u", "roll u"),
    "roll_line": ("0 から 1 の線。乱数 u の落ちた所が選ばれたトークン", "the line from 0 to 1: the token that the roll u fell on is chosen"),  # noqa: E501
    "exact": ("正確な確率", "exact probability"),
    "rolled": ("{count} 回引いた割合", "share of {count} {count:roll|rolls}"),
    "microscope": ("ステージを通る候補", "candidates through the stages"),
    "next": ("次のトークンの確率", "probabilities of the next token"),
    "histogram": ("{count} 回の乱数と正確な確率", "{count} {count:roll|rolls} beside the exact probabilities"),
    "divergence": ("同じ乱数、二つの線", "one roll, two lines"),
    "measures": ("トークンごとの値", "token by token"),
    "common": ("はじめの {count} トークンは同じ", "the first {count:token is|{count} tokens are} the same"),
    "icicle.about": ("{knob} の値を横、トークンを縦に並べた図。矢印キーで動き、Enter で拡大、Esc で戻る", "values of {knob} across, tokens downward; arrow keys move, Enter zooms in, Esc goes back"),  # noqa: E501
    "icicle.hint": ("マスに触れるとトークンと範囲、クリックで文章。横になぞると拡大", "point at a cell: its token and interval; click: the text; drag across: zoom"),  # noqa: E501
    "icicle.none": ("図のマスをクリックすると、その値で書かれる文章がここに出ます", "click a cell of the picture: the text of that value appears here"),  # noqa: E501
    "icicle.legend_colour": ("色: 同じ言葉は同じ色、一か所だけの言葉は灰色", "colours: equal words are alike, a word that stands alone is grey"),  # noqa: E501
    "icicle.legend_signs": ("⏎ 改行、␣ 空白、□ 全角の空白", "⏎ line end, ␣ space, □ wide space"),
    "icicle.folded": ("⇅ {places} か所で、わずかな値の差で文章が入れ替わる(値 {values} 個分)。押すと開く", "⇅ {places} {places:place|places} where texts alternate with tiny steps (values: {values}); press to unfold"),  # noqa: E501
    "icicle.token": ("トークン", "token"),
    "icicle.open": ("ここから先は追っていない", "not followed from here on"),
    "icicle.ended": ("文章はここで終わった", "the text has ended here"),
    "icicle.length": ("ここまで調べた", "followed to here"),
    "icicle.back": ("← 戻る", "← Back"),
    "icicle.zoom": ("この範囲を拡大", "Zoom to this"),
    "icicle.inside": ("🔬 顕微鏡で開く", "🔬 Open in the microscope"),
    "icicle.apply": ("チャットのつまみに入れる", "Put into the chat's knobs"),
    "icicle.low": ("から", "from"),
    "icicle.last": ("まで", "to"),
    "icicle.text": ("文章", "text"),
    "icicle.flicker": ("⇅ {texts} つの文章が行ったり来たり(値 {values} 個分)", "⇅ {texts} {texts:text|texts} alternate (values: {values})"),  # noqa: E501
    "icicle.more": ("ほかに {count} 行。すべてはファイルに", "{count} more; all rows are in the file"),
    "icicle.hatched": ("斜線: 追っていない", "hatched: not followed"),
    "icicle.grey": ("灰色: 追っていない", "grey: not followed"),
    "icicle.texts": ("{count} 文章", "{count} {count:text|texts}"),
    "icicle.coverage": ("範囲の {share}", "{share} of the range"),
    "icicle.nodes": ("{count} トークンを計算", "{count} {count:token|tokens} decoded"),
    "icicle.seconds": ("{count} 秒", "{count} s"),
    "icicle.depth": ("{at} / {of} トークン目", "token {at} of {of}"),
    "icicle.followed": ("{count} 文章を追跡中", "following {count}"),
    "icicle.remaining": ("残り約 {count} 秒", "about {count} s left"),
    "icicle.inexact": ("このモデルは exact ではない: 同じ値でも計算の並び方で文章が変わることがあり、境目は目安", "this model is not exact: the same value may give another text in other company, so take the boundaries as close, not as exact"),  # noqa: E501
    "icicle.probed": ("しらみつぶしにはできず、点で調べた境目がある", "some boundaries were only probed: values in between were not all excluded"),  # noqa: E501
    "idle.neutral": ("休み: 無効になる値", "idle: at its neutral value"),
    "idle.healed": ("休み: プロンプトの末尾の続きはもう済んだ", "idle: nothing of the prompt's end is still to come"),
    "idle.no_thinking": ("休み: このモデルには思考の印がない", "idle: this model marks no thinking"),
    "idle.greedy": ("休み: 温度 0 では使わない", "idle: not used at temperature 0"),
    "idle.mirostat": ("休み: Mirostat では使わない", "idle: not used with mirostat"),
    "idle.contrastive": ("休み: コントラスティブサーチでは使わない", "idle: not used in contrastive search"),
    "how.sample": ("乱数で選ぶ", "chosen by the roll"),
    "how.greedy": ("温度 0: いちばん確率の高い候補を選ぶ。乱数は使わない", "temperature 0: the likeliest is chosen; the roll does not matter"),  # noqa: E501
    "how.mirostat": ("Mirostat が乱数で選ぶ", "mirostat chooses by the roll"),
    "how.adaptive": ("Adaptive-p が乱数で選ぶ", "adaptive-p chooses by the roll"),
    "how.contrastive": ("コントラスティブサーチ: 点のいちばん高い候補を選ぶ。乱数は使わない", "contrastive search: the best score is chosen; nothing is rolled"),  # noqa: E501
    "how.alone": ("候補が一つなので乱数は使わない", "one candidate was left: nothing was rolled"),
    "how.led": ("このトークンは指定された。乱数では選ばれていない", "this token was given, not chosen by the roll"),
}  # fmt: skip
_WORDS.update({one.name: (one.ja, one.en) for one in TOKEN_MEASURES})


def word(language: Language, key: str, **values: object) -> str:
    """The text of `key` in a language, its {places} filled in."""
    text = _WORDS[key][language == "en"]
    return filled(text, **values) if values else text
