"""What the scripted model says, and in which languages charts speak."""

from __future__ import annotations

SAID = "発光<b>ダイオード</b>\nを讃える詩"
BOTH = ("ja", "en")
