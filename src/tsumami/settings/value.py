"""Settings: one frozen value that holds every knob.

Guarantee: a Settings that exists can be run. Every field was checked against the knob table and against the others when
it was made, nothing in it can change, and equal settings are equal values with equal hashes. Its JSON form
(`to_dict`) reads back to the same value.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from tsumami import constraints
from tsumami.errors import SettingsError, japanese
from tsumami.knobs import CONSTRAINTS, KNOBS, STAGES, Bias, default, knob_names, knobs_of
from tsumami.knobs.orders import resolve
from tsumami.knobs.values import TextBias
from tsumami.settings.idle import NO_THINKING, NOT_ASKED, IdleReason, Mode, idle_knobs

__all__ = ["WHILE_THINKING", "Mode", "Settings"]

#: The knobs that may have other values while it thinks: those of the stages that narrow or reweigh.
WHILE_THINKING: Final = (*knobs_of("logit_bias", "end_tokens", *STAGES), "min_keep")

#: Variables of a chat template that come from the conversation and the model.
OURS_TO_TELL: Final = frozenset(
    {"messages", "add_generation_prompt", "bos_token", "eos_token", "tools", "documents", "strftime_now"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All knob values. What each means, its range and its default: `tsumami.knobs.KNOBS`.

    Raises SettingsError (GrammarError for a grammar, schema or expression) when a value, or a pair, cannot work.
    """

    max_tokens: int = default("max_tokens")
    temperature: float = default("temperature")
    top_p: float = default("top_p")
    min_p: float = default("min_p")
    typical_p: float = default("typical_p")
    frequency_penalty: float = default("frequency_penalty")
    presence_penalty: float = default("presence_penalty")
    repeat_penalty: float = default("repeat_penalty")
    top_k: int = default("top_k")
    seed: int = default("seed")
    tfs_z: float = default("tfs_z")
    mirostat_mode: int = default("mirostat_mode")
    mirostat_tau: float = default("mirostat_tau")
    mirostat_eta: float = default("mirostat_eta")
    repeat_last_n: int = default("repeat_last_n")
    penalize_prompt: bool = default("penalize_prompt")
    dynatemp_range: float = default("dynatemp_range")
    dynatemp_exponent: float = default("dynatemp_exponent")
    xtc_probability: float = default("xtc_probability")
    xtc_threshold: float = default("xtc_threshold")
    top_n_sigma: float = default("top_n_sigma")
    dry_multiplier: float = default("dry_multiplier")
    dry_base: float = default("dry_base")
    dry_allowed_length: int = default("dry_allowed_length")
    dry_penalty_last_n: int = default("dry_penalty_last_n")
    dry_sequence_breakers: tuple[str, ...] = default("dry_sequence_breakers")
    penalty_alpha: float = default("penalty_alpha")
    min_keep: int = default("min_keep")
    adaptive_target: float = default("adaptive_target")
    adaptive_decay: float = default("adaptive_decay")
    no_repeat_ngram_size: int = default("no_repeat_ngram_size")
    min_tokens: int = default("min_tokens")
    ignore_eos: bool = default("ignore_eos")
    heal_tokens: bool = default("heal_tokens")
    penalize_except: tuple[str, ...] = default("penalize_except")
    text_bias: tuple[TextBias, ...] = default("text_bias")
    top_a: float = default("top_a")
    top_h: float = default("top_h")
    epsilon_cutoff: float = default("epsilon_cutoff")
    eta_cutoff: float = default("eta_cutoff")
    smoothing_factor: float = default("smoothing_factor")
    smoothing_curve: float = default("smoothing_curve")
    guidance_scale: float = default("guidance_scale")
    negative_prompt: str | None = default("negative_prompt")
    logit_bias: tuple[Bias, ...] = default("logit_bias")
    grammar: str | None = default("grammar")
    json_schema: str | None = default("json_schema")
    regex: str | None = default("regex")
    stop: tuple[str, ...] = default("stop")
    thinking: str = default("thinking")
    chat_template_kwargs: str | None = default("chat_template_kwargs")
    thinking_budget: int = default("thinking_budget")
    thinking_settings: str | None = default("thinking_settings")
    banned_texts: tuple[str, ...] = default("banned_texts")
    samplers: str | tuple[str, ...] = default("samplers")

    def __post_init__(self) -> None:
        for name, knob in KNOBS.items():
            object.__setattr__(self, name, knob.validate(getattr(self, name)))
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Refuse what is fine alone and cannot work together."""
        if taken := sorted(OURS_TO_TELL & self.template_values.keys()):
            raise SettingsError(
                f"chat_template_kwargs: {', '.join(taken)} is not to be given; leave it out"
            ).in_japanese(f"chat_template_kwargs: {', '.join(taken)} は指定できません。外してください")
        self._check_thinking()
        wanted = [name for name in CONSTRAINTS if getattr(self, name) is not None]
        if len(wanted) > 1:
            raise SettingsError(
                f"{' and '.join(wanted)} exclude each other: a reply follows one of them; keep one"
            ).in_japanese(
                f"{' と '.join(wanted)} は一緒に使えません。返事が従えるのは 1 つです。1 つだけ残してください"
            )
        for name in wanted:
            constraints.check(name, getattr(self, name))
        if self.penalty_alpha > 0 and self.top_k < 2:
            raise SettingsError(
                f"penalty_alpha = {self.penalty_alpha}: contrastive search compares the top_k best tokens, so top_k"
                f" must be 2 or more, not {self.top_k}; set top_k to 4, or penalty_alpha to 0"
            ).in_japanese(
                f"penalty_alpha = {self.penalty_alpha}: コントラスティブサーチは上位 "
                f"top_k 個のトークンを比べるので、top_k は {self.top_k} ではなく "
                "2 以上にしてください。top_k を 4 にするか、penalty_alpha を 0 にしてください"
            )
        if self.penalty_alpha > 0 and self.mirostat_mode:
            raise SettingsError(
                f"penalty_alpha = {self.penalty_alpha} and mirostat_mode = {self.mirostat_mode} are two ways to choose"
                " the token; set one of them to 0"
            ).in_japanese(
                f"penalty_alpha = {self.penalty_alpha} と mirostat_mode = {self.mirostat_mode} "
                "は、どちらもトークンの選び方です。どちらかを 0 にしてください"
            )

    def _check_thinking(self) -> None:
        """Refuse what cannot hold for a part of a reply alone."""
        given = json.loads(self.thinking_settings or "{}")
        for name in given:
            if name not in WHILE_THINKING:
                raise SettingsError(
                    f"thinking_settings: {name} cannot be another one while it thinks; leave it out"
                ).in_japanese(f"thinking_settings: {name} を考えている間だけ変えることはできません。外してください")
        if "top_k" in given and self.penalty_alpha > 0:
            raise SettingsError(
                "thinking_settings: contrastive search (penalty_alpha) has one top_k; leave it out"
            ).in_japanese(
                "thinking_settings: コントラスティブサーチ（penalty_alpha）の top_k は 1 つです。外してください"
            )
        if given and self.while_thinking.mode != self.mode:
            raise SettingsError(
                f"thinking_settings: the way to choose cannot change from {self.while_thinking.mode} to {self.mode} on"
                " the way; a temperature of 0 is one, too"
            ).in_japanese(
                f"thinking_settings: 選び方を途中で {self.while_thinking.mode} から "
                f"{self.mode} に変えることはできません。temperature 0 も選び方の "
                "1 つです"
            )

    @property
    def while_thinking(self) -> Self:
        """The settings that hold while it thinks: these, with what `thinking_settings` says."""
        if self.thinking_settings is None:
            return self
        try:
            return self.replace(**json.loads(self.thinking_settings), thinking_settings=None)
        except SettingsError as error:
            raise SettingsError(f"thinking_settings: {error}").in_japanese(
                f"thinking_settings: {japanese(error)}"
            ) from error

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Settings from knob names and values, defaults for the rest. A knob may come under its name in other programs,
        such as `n_predict`; UnknownKnobError lists all names that are no knob's.
        """
        if not isinstance(mapping, Mapping):
            raise SettingsError(f"settings must be an object of knob names and values, not {mapping!r}").in_japanese(
                f"設定は、つまみの名前と値のオブジェクトにしてください（{mapping!r} でした）"
            )
        return cls(**{knob: mapping[name] for knob, name in knob_names(tuple(mapping)).items()})

    def replace(self, **changes: Any) -> Self:
        """These settings with some knobs changed, checked anew."""
        return dataclasses.replace(self, **{knob: changes[name] for knob, name in knob_names(tuple(changes)).items()})

    def unchecked(self, name: str, value: Any) -> Self:
        """The same with another value of one knob, nothing checked: for whoever tries thousands of values of a range
        whose ends were checked. What comes out is for the stages to read; it may not be a Settings that can be run.
        """
        made = object.__new__(type(self))
        for field in KNOBS:
            object.__setattr__(made, field, value if field == name else getattr(self, field))
        return made

    def to_dict(self) -> dict[str, Any]:
        """Every knob as plain, strictly JSON values; `from_mapping` reads it back."""
        return {name: _plain(name, getattr(self, name)) for name in KNOBS}

    def changed(self) -> dict[str, Any]:
        """Only the knobs that differ from their defaults, as plain JSON values."""
        return {
            name: _plain(name, getattr(self, name))
            for name, knob in KNOBS.items()
            if getattr(self, name) != knob.default
        }

    @property
    def chain_order(self) -> tuple[str, ...]:
        """The stage names that `samplers` stands for, in order."""
        return resolve(self.samplers)

    @property
    def template_values(self) -> dict[str, Any]:
        """What a chat template is told besides the conversation: `enable_thinking`, and `chat_template_kwargs`."""
        told: dict[str, Any] = {} if self.thinking == "auto" else {"enable_thinking": self.thinking == "on"}
        told |= json.loads(self.chat_template_kwargs or "{}")
        return told

    @property
    def mode(self) -> Mode:
        """How the next token is chosen; after logit_bias and grammar, which act in every mode:

        - `contrastive` (penalty_alpha > 0): penalties and dry, then the best score among the top_k tokens.
        - `greedy` (temperature 0, even if the order names no temperature): penalties and dry, then the largest logit.
        - `mirostat` (mirostat_mode 1 or 2): penalties, temperature, mirostat, whatever the order says.
        - `adaptive` (adaptive_target 0 or more): the stages of `chain_order`, then adaptive-p.
        - `sample`: the stages of `chain_order`, then the draw.
        """
        if self.penalty_alpha > 0:
            return "contrastive"
        if self.temperature == 0:
            return "greedy"
        if self.mirostat_mode:
            return "mirostat"
        return "adaptive" if self.adaptive_target >= 0 else "sample"

    def idle_knobs(self, *, thinks: bool = True, asks: bool = True) -> dict[str, IdleReason]:
        """The knobs that do nothing under the others, each with the reason; see `tsumami.settings.idle`. While a model
        thinks, others may act; with one that marks no thinking (`thinks` False), those of the thinking are idle, too,
        and with a chat template that does not ask whether to think (`asks` False) `thinking` is.
        """
        found = idle_knobs(self)
        if thinks and self.thinking_settings is not None:
            inside = idle_knobs(self.while_thinking)
            found = {name: reason for name, reason in found.items() if name in inside}
        if not asks:
            found["thinking"] = NOT_ASKED
        return found if thinks else found | dict.fromkeys(("thinking_budget", "thinking_settings"), NO_THINKING)


def _json_bias(bias: float) -> float | str:
    return "-inf" if bias == -math.inf else bias


def _plain(name: str, value: Any) -> Any:
    """A field in JSON's types; JSON has no integer keys and no infinity, so both become texts."""
    match KNOBS[name].kind:
        case "bias":
            return {str(token): _json_bias(bias) for token, bias in value}
        case "text_bias":
            return [[text, _json_bias(bias)] for text, bias in value]
        case "schema" | "object":
            return None if value is None else json.loads(value)
        case _:
            return list(value) if isinstance(value, tuple) else value
