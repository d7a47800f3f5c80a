"""Settings for every way to choose a token, that several tests go through."""

from __future__ import annotations

from typing import Any, Final

MODES: Final[dict[str, dict[str, Any]]] = {
    "sample": {},
    "greedy": {"temperature": 0},
    "mirostat 1": {"mirostat_mode": 1},
    "mirostat 2": {"mirostat_mode": 2, "mirostat_tau": 3.0},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
    "grammar": {"grammar": "root ::= [a-z ]+"},
    "schema": {"json_schema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    "reply only": {"penalize_prompt": False, "repeat_penalty": 1.5, "frequency_penalty": 0.5},
    "everything": {
        "xtc_probability": 0.5,
        "dry_multiplier": 0.8,
        "typical_p": 0.9,
        "tfs_z": 0.95,
        "dynatemp_range": 0.3,
    },
    "another order": {"samplers": ["temperature", "min_p", "penalties"], "repeat_penalty": 1.4},
    "biased": {"logit_bias": {28: 4.0, 30: float("-inf")}, "top_k": 0},
}
