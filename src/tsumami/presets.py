"""Named starting points: groups of knob values that belong together.

Guarantee: a preset decides how tokens are chosen and nothing else. What belongs to the task stays as it is: the length,
the stop texts, the seed, and the constraints (logit bias, grammar, JSON schema).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tsumami.errors import SettingsError
from tsumami.knobs import KNOBS
from tsumami.knobs.stages import WINDOWS
from tsumami.settings import Settings

__all__ = ["KEPT", "PRESETS", "Preset", "get"]

KEPT = (
    "max_tokens", "stop", "banned_texts", "seed", "negative_prompt", "logit_bias", "grammar", "json_schema", "regex",
    "penalize_prompt",
)  # fmt: skip
"""The knobs that a preset leaves alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A name, its words, and the knobs in which it differs from the defaults."""

    name: str
    label_ja: str
    label_en: str
    line_ja: str
    line_en: str
    changes: Mapping[str, Any] = field(hash=False)

    def apply(self, settings: Settings | None = None) -> Settings:
        """`settings` (else the defaults) with every knob but the `KEPT` ones as this preset has it."""
        base = Settings() if settings is None else settings
        rest = {name: knob.default for name, knob in KNOBS.items() if name not in KEPT}
        return base.replace(**{**rest, **self.changes})


def get(name: str) -> Preset:
    """The preset of this name; SettingsError names those there are."""
    if name not in PRESETS:
        raise SettingsError(f"no preset is called {name!r}; the presets are: {', '.join(PRESETS)}").in_japanese(
            f"{name!r} というプリセットはありません。あるのは {', '.join(PRESETS)} です"
        )
    return PRESETS[name]


def _neutral() -> dict[str, Any]:
    """Every knob at its neutral value, but the windows open: turning one penalty up then shows what it does."""
    skipped = (*KEPT, *WINDOWS.values())
    return {name: knob.neutral for name, knob in KNOBS.items() if knob.neutral is not None and name not in skipped}


def _preset(name: str, label_ja: str, label_en: str, line_ja: str, line_en: str, /, **changes: Any) -> Preset:
    return Preset(
        name=name,
        label_ja=label_ja,
        label_en=label_en,
        line_ja=line_ja,
        line_en=line_en,
        changes=MappingProxyType(changes),
    )


_ALL = (
    _preset(
        "neutral",
        "中立",
        "Neutral",
        "どのつまみも働かない、モデルそのままの確率分布。1 つずつ動かして効果を見るための出発点。",
        "No knob acts: the model's own distribution, and the place to start when you study one knob at a time.",
        **_neutral(),
    ),
    _preset(
        "defaults",
        "既定値",
        "Defaults",
        "何も指定しないときの値。",
        "The values that hold when nothing is said.",
    ),
    _preset(
        "greedy",
        "貪欲法",
        "Greedy",
        "つねに最も確率の高いトークンを選ぶ。乱数を使わないので、毎回同じ文章になる。",
        "Always the most likely token: nothing is drawn, so the text is always the same.",
        temperature=0.0,
        repeat_penalty=1.0,
    ),
    _preset(
        "precise",
        "手堅く",
        "Precise",
        "確率の高い候補に絞る。質問への回答や要約に。",
        "Keeps to likely tokens; for answers and summaries.",
        temperature=0.3,
        top_k=20,
        top_p=0.9,
        min_p=0.1,
        repeat_penalty=1.05,
    ),
    _preset(
        "balanced",
        "バランス",
        "Balanced",
        "手堅さと変化の中間。ふだんの会話に。",
        "Between safe and varied; for everyday chat.",
        temperature=0.7,
        repeat_penalty=1.05,
    ),
    _preset(
        "creative",
        "創造的",
        "Creative",
        "温度を上げて意外な語を許し、min_p で質の低い候補だけを除く。物語や詩に。",
        "A high temperature for surprising words, with min_p to keep poor ones out; for stories and poems.",
        temperature=1.2,
        top_k=0,
        top_p=1.0,
        min_p=0.08,
        repeat_penalty=1.0,
        presence_penalty=0.3,
    ),
    _preset(
        "mirostat",
        "Mirostat",
        "Mirostat",
        "文章の意外さを一定に保つ。長い文章に。",
        "Keeps the text's surprise level; for long texts.",
        temperature=1.0,
        repeat_penalty=1.0,
        mirostat_mode=2,
    ),
    _preset(
        "contrastive",
        "コントラスティブサーチ",
        "Contrastive search",
        "乱数を使わず、確率が高く、これまでの文章と似すぎないトークンを選ぶ。",
        "Draws nothing: likely tokens that do not resemble the context too much.",
        penalty_alpha=0.6,
        top_k=4,
        repeat_penalty=1.0,
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
"""Every preset by name, in the order in which pages show them."""
