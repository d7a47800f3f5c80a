"""Hugging Face transformers: generation_config.json.

Source: transformers' generation/configuration_utils.py (`GenerationConfig`, `get_generation_mode`) and
generation/utils.py (`_get_logits_processor`: the order).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tsumami.exchange.dialect import ALL, Dialect, Field, Foreign, named
from tsumami.exchange.notes import Note, Phrase
from tsumami.exchange.values import BEAMS, greedy, texts_from

_WARPER: Final = Phrase("候補を除くサンプラー", "a sampler that removes candidates")
_LENGTH: Final = Phrase("プロンプトも数えた長さの上限", "a limit that counts the prompt, too")
_CONTRASTIVE: Final = Phrase(
    "penalty_alpha が働くのは do_sample が偽で top_k が 2 以上のときだけ",
    "penalty_alpha acts only where do_sample is false and top_k is above 1",
)
_NO_SAMPLING: Final = Phrase(
    "あちらでは do_sample: false が温度 0 にあたる", "there do_sample: false is what temperature 0 is here"
)


def _together(values: Foreign, knobs: dict[str, Any]) -> Iterable[Note]:
    knobs["repeat_last_n"] = ALL
    if knobs.get("penalty_alpha") and (values.get("do_sample") is True or knobs["top_k"] <= 1):
        yield Note("ignored", "penalty_alpha", knobs["penalty_alpha"], "penalty_alpha", 0.0, _CONTRASTIVE)
        knobs["penalty_alpha"] = 0.0
    said = greedy(values, knobs)
    if said is not None:
        yield said


def _apart(knobs: dict[str, Any], foreign: Foreign) -> Iterable[Note]:
    foreign["do_sample"] = knobs["temperature"] > 0 and not knobs["penalty_alpha"]
    if knobs["temperature"] == 0:
        del foreign["temperature"]  # transformers refuses 0
        yield Note("converted", "do_sample", False, "temperature", 0.0, _NO_SAMPLING)
    counts = knobs["repeat_penalty"] != 1 or knobs["frequency_penalty"] or knobs["presence_penalty"]
    if counts and knobs["repeat_last_n"] < ALL:
        words = Phrase("あちらではテキスト全体を数える", "there the whole text counts")
        yield Note("lost", "", None, "repeat_last_n", knobs["repeat_last_n"], words)


DIALECT: Final = Dialect(
    name="transformers",
    title="transformers",
    form="json",
    fields=(
        Field("temperature", "temperature", 1.0, low=0),
        Field("top_k", "top_k", 50, low=0),
        Field("top_p", "top_p", 1.0, low=0, high=1),
        Field("min_p", "min_p", 0.0, low=0, high=1),
        Field("typical_p", "typical_p", 1.0, low=0, high=1),
        Field("top_h", "top_h", 1.0, neutral=1.0, about=_WARPER),
        Field("epsilon_cutoff", "epsilon_cutoff", 0.0, neutral=0.0, about=_WARPER),
        Field("eta_cutoff", "eta_cutoff", 0.0, neutral=0.0, about=_WARPER),
        Field("repetition_penalty", "repeat_penalty", 1.0),
        Field("no_repeat_ngram_size", "no_repeat_ngram_size", 0, neutral=0, about=_WARPER),
        Field("penalty_alpha", "penalty_alpha", 0.0),
        Field("guidance_scale", "guidance_scale", 1.0, neutral=1.0, about=_WARPER),
        Field("max_new_tokens", "max_tokens", low=1),
        Field("min_new_tokens", "min_tokens", 0, neutral=0, about=Phrase("最低の長さ", "a least length")),
        Field("stop_strings", "stop", (), texts_from, lambda value: list(value) or None),
        Field("max_length", None, about=_LENGTH),
        Field("num_beams", None, 1, neutral=1, about=BEAMS),
        Field("num_beam_groups", None, 1, neutral=1, about=BEAMS),
        Field("diversity_penalty", None, 0.0, neutral=0.0, about=BEAMS),
        Field("length_penalty", None, 1.0, neutral=1.0, about=BEAMS),
        Field("encoder_repetition_penalty", None, 1.0, neutral=1.0, about=_WARPER),
    ),
    acting=(
        "penalties", "no_repeat_ngram", "temperature", "top_k", "top_p", "min_p", "top_h", "typ_p", "epsilon_cutoff",
        "eta_cutoff",
    ),
    elsewhere=named(
        "do_sample _from_model_config transformers_version bos_token_id eos_token_id pad_token_id "
        "decoder_start_token_id use_cache return_dict_in_generate output_scores output_attentions "
        "output_hidden_states num_return_sequences cache_implementation renormalize_logits early_stopping "
        "min_length suppress_tokens begin_suppress_tokens forced_bos_token_id forced_eos_token_id "
        "bad_words_ids sequence_bias chat_format max_window_size assistant_early_exit user_token_id "
        "assistant_token_id trust_remote_code",
        Phrase("トークンの番号や出力の指定", "ids of tokens, or what is given back"),
    ),
    marks=frozenset(
        {"do_sample", "transformers_version", "_from_model_config", "eos_token_id", "pad_token_id", "num_beams"}
    ),
    together=_together,
    apart=_apart,
)  # fmt: skip
