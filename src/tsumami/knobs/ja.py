"""Texts of the knobs."""

from __future__ import annotations

from tsumami.knobs.words import Words

__all__ = ["WORDS"]

WORDS: dict[str, Words] = {
    "max_tokens": Words("max_tokens", "max_tokens", "max_tokens"),
    "temperature": Words("temperature", "temperature", "temperature"),
    "top_p": Words("top_p", "top_p", "top_p"),
    "min_p": Words("min_p", "min_p", "min_p"),
    "typical_p": Words("typical_p", "typical_p", "typical_p"),
    "frequency_penalty": Words("frequency_penalty", "frequency_penalty", "frequency_penalty"),
    "presence_penalty": Words("presence_penalty", "presence_penalty", "presence_penalty"),
    "repeat_penalty": Words("repeat_penalty", "repeat_penalty", "repeat_penalty"),
    "top_k": Words("top_k", "top_k", "top_k"),
    "seed": Words("seed", "seed", "seed"),
    "tfs_z": Words("tfs_z", "tfs_z", "tfs_z"),
    "mirostat_mode": Words("mirostat_mode", "mirostat_mode", "mirostat_mode"),
    "mirostat_tau": Words("mirostat_tau", "mirostat_tau", "mirostat_tau"),
    "mirostat_eta": Words("mirostat_eta", "mirostat_eta", "mirostat_eta"),
    "repeat_last_n": Words("repeat_last_n", "repeat_last_n", "repeat_last_n"),
    "penalize_prompt": Words("penalize_prompt", "penalize_prompt", "penalize_prompt"),
    "dynatemp_range": Words("dynatemp_range", "dynatemp_range", "dynatemp_range"),
    "dynatemp_exponent": Words("dynatemp_exponent", "dynatemp_exponent", "dynatemp_exponent"),
    "xtc_probability": Words("xtc_probability", "xtc_probability", "xtc_probability"),
    "xtc_threshold": Words("xtc_threshold", "xtc_threshold", "xtc_threshold"),
    "top_n_sigma": Words("top_n_sigma", "top_n_sigma", "top_n_sigma"),
    "dry_multiplier": Words("dry_multiplier", "dry_multiplier", "dry_multiplier"),
    "dry_base": Words("dry_base", "dry_base", "dry_base"),
    "dry_allowed_length": Words("dry_allowed_length", "dry_allowed_length", "dry_allowed_length"),
    "dry_penalty_last_n": Words("dry_penalty_last_n", "dry_penalty_last_n", "dry_penalty_last_n"),
    "dry_sequence_breakers": Words("dry_sequence_breakers", "dry_sequence_breakers", "dry_sequence_breakers"),
    "penalty_alpha": Words("penalty_alpha", "penalty_alpha", "penalty_alpha"),
    "min_keep": Words("min_keep", "min_keep", "min_keep"),
    "logit_bias": Words("logit_bias", "logit_bias", "logit_bias"),
    "grammar": Words("grammar", "grammar", "grammar"),
    "json_schema": Words("json_schema", "json_schema", "json_schema"),
    "stop": Words("stop", "stop", "stop"),
    "samplers": Words("samplers", "samplers", "samplers"),
}
