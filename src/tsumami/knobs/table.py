"""The table: one row a knob, the classic fourteen first, as llama-cpp-python names them.

A row holds the numbers; its words come from `ja` and `en` under the same name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tsumami.errors import SettingsError, UnknownKnobError
from tsumami.knobs import en, ja, values
from tsumami.knobs.knob import Kind, Knob, Slider

__all__ = [
    "ALIASES",
    "CLASSIC_KNOBS",
    "CONSTRAINTS",
    "GROUPS",
    "KNOBS",
    "KnobGroup",
    "default",
    "get",
    "knobs_of",
    "named",
]


class KnobGroup(NamedTuple):
    """The title of a group of knobs."""

    title_ja: str
    title_en: str


GROUPS: Mapping[str, KnobGroup] = MappingProxyType(
    {
        "length": KnobGroup("長さと停止", "Length and stopping"),
        "temperature": KnobGroup("温度", "Temperature"),
        "truncation": KnobGroup("候補の絞り込み", "Narrowing the candidates"),
        "penalties": KnobGroup("繰り返しペナルティ", "Repetition penalties"),
        "random": KnobGroup("乱数", "Randomness"),
        "mirostat": KnobGroup("Mirostat", "Mirostat"),
        "dry": KnobGroup("DRY（文の繰り返しの抑制）", "DRY (against repeated sequences)"),
        "xtc": KnobGroup("XTC（上位候補の除外）", "XTC (exclude top choices)"),
        "adaptive": KnobGroup("Adaptive-p（確率の目標）", "Adaptive-p (a target probability)"),
        "contrastive": KnobGroup("コントラスティブサーチ", "Contrastive search"),
        "guidance": KnobGroup("ガイダンス", "Guidance"),
        "constraint": KnobGroup("制約", "Constraints"),
        "thinking": KnobGroup("思考(考えてから答えるモデル)", "Thinking (models that think first)"),
        "order": KnobGroup("ステージの順序", "Order of the stages"),
    }
)


def _knob(name: str, kind: Kind, default: Any, group: str, stage: str | None, /, **numbers: Any) -> Knob:
    """Join a row's numbers with its words."""
    j, e = ja.WORDS[name], en.WORDS[name]
    numbers["aliases"] = MappingProxyType(numbers.get("aliases", {}))
    return Knob(
        name=name,
        kind=kind,
        default=default,
        group=group,
        stage=stage,
        label_ja=j.label,
        label_en=e.label,
        line_ja=j.line,
        line_en=e.line,
        paragraph_ja=j.paragraph,
        paragraph_en=e.paragraph,
        **numbers,
    )


_WINDOW = {
    "low": 0,
    "high": 2**24,
    "reason": "0 switches it off; for all tokens before, which others write as -1, give n_ctx (4096, say): there are"
    " never more",
}
_UNIT = {"low": 0, "high": 1}
_LOGIT = {
    "low": -values.BIAS_LIMIT,
    "high": values.BIAS_LIMIT,
    "reason": "beyond that, sums of logits can leave float32 and become NaN",
}

_ETA_PAPER = (
    "Hewitt, Manning, Liang 2022: Truncation Sampling as Language Model Desmoothing https://arxiv.org/abs/2210.15191"
)
_SMOOTHING_PAPER = "kalomaze 2024: Quadratic sampling https://github.com/oobabooga/text-generation-webui/pull/5403"
_SMOOTHING_FORMULA = (
    r"l_i' = l_\mathrm{max} - \tfrac{3 - c}{2} f d_i^2 + \tfrac{c - 1}{2} f d_i^3, \quad d_i = l_i - l_\mathrm{max}"
)
_ADAPTIVE_PAPER = "MrJackSpade, ddh0 2025: Adaptive-p https://github.com/ggml-org/llama.cpp/pull/17927"
_ADAPTIVE_FORMULA = (
    r"a = \operatorname{clamp}(2 \tau - S_t / W_t, 0, 1), \quad d_i = \frac{|p_{0,i} - a|}{0.3},"
    r" \quad l_i' = 5 - \frac{10 d_i^2}{1 + d_i}"
)
_GUIDANCE_PAPER = "Sanchez et al. 2023: Stay on topic with Classifier-Free Guidance https://arxiv.org/abs/2306.17806"
_GUIDANCE_FORMULA = r"l_i' = \ln n_i + \gamma \, (\ln p_i - \ln n_i)"
_DRY_PAPER = "p-e-w 2024: DRY https://github.com/oobabooga/text-generation-webui/pull/5677"
_DRY_FORMULA = r"l_i' = l_i - m \cdot b^{\,n_i - a} \quad (n_i \ge a)"
_XTC_PAPER = "p-e-w 2024: Exclude Top Choices https://github.com/oobabooga/text-generation-webui/pull/6335"
_DYNATEMP_PAPER = "kalomaze 2023: Dynamic temperature https://github.com/ggml-org/llama.cpp/pull/4972"
_DYNATEMP_FORMULA = r"T' = T_\mathrm{min} + (T_\mathrm{max} - T_\mathrm{min}) \left(\frac{H}{\ln n}\right)^{e}"

_ROWS = (
    _knob(
        "max_tokens",
        "int",
        512,
        "length",
        "loop",
        classic=True,
        low=0,
        high=values.INT32_MAX,
        reason="0 already means until the context is full",
        slider=Slider(0, None, 1),
        formula=r"n_\mathrm{new} \le \text{max\_tokens}",
        aliases={
            "llama.cpp": "--predict, --n-predict (-n)",
            "llama-cpp-python": "max_tokens",
            "HF": "max_new_tokens",
            "OpenAI": "max_completion_tokens",
            "Ollama": "num_predict",
            "vLLM": "max_tokens",
        },
    ),
    _knob(
        "temperature",
        "float",
        0.8,
        "temperature",
        "temperature",
        classic=True,
        neutral=1.0,
        low=0,
        smallest=1e-15,
        reason="logits are divided by it: below 0 would turn their order round, and close to 0 they leave float32"
        " (0 itself means greedy)",
        slider=Slider(0, 3, 0.05),
        formula=r"l_i' = \frac{l_i}{T}, \quad p_i = \frac{e^{l_i / T}}{\sum_j e^{l_j / T}}",
        paper="Ackley, Hinton, Sejnowski 1985: A Learning Algorithm for Boltzmann Machines"
        " https://doi.org/10.1207/s15516709cog0901_7",
        aliases={
            "llama.cpp": "--temp",
            "llama-cpp-python": "temperature",
            "HF": "temperature",
            "OpenAI": "temperature",
            "Ollama": "temperature",
            "vLLM": "temperature",
        },
    ),
    _knob(
        "top_p",
        "float",
        0.95,
        "truncation",
        "top_p",
        classic=True,
        neutral=1.0,
        **_UNIT,
        reason="it is a sum of probabilities",
        slider=Slider(0, 1, 0.01),
        formula=r"\min k : \sum_{i=1}^{k} p_{(i)} \ge p",
        paper="Holtzman et al. 2019: The Curious Case of Neural Text Degeneration https://arxiv.org/abs/1904.09751",
        aliases={
            "llama.cpp": "--top-p",
            "llama-cpp-python": "top_p",
            "HF": "top_p",
            "OpenAI": "top_p",
            "Ollama": "top_p",
            "vLLM": "top_p",
        },
    ),
    _knob(
        "min_p",
        "float",
        0.05,
        "truncation",
        "min_p",
        classic=True,
        neutral=0.0,
        **_UNIT,
        reason="it is a share of the largest probability",
        slider=Slider(0, 1, 0.01),
        formula=r"p_i \ge p_\mathrm{min} \cdot \max_j p_j \iff l_i \ge \max_j l_j + \ln p_\mathrm{min}",
        paper="Nguyen et al. 2024: Turning Up the Heat: Min-p Sampling https://arxiv.org/abs/2407.01082",
        aliases={
            "llama.cpp": "--min-p",
            "llama-cpp-python": "min_p",
            "HF": "min_p",
            "Ollama": "min_p",
            "vLLM": "min_p",
        },
    ),
    _knob(
        "typical_p",
        "float",
        1.0,
        "truncation",
        "typ_p",
        classic=True,
        neutral=1.0,
        **_UNIT,
        reason="it is a sum of probabilities",
        slider=Slider(0, 1, 0.01),
        formula=r"H = -\sum_j p_j \ln p_j, \quad \text{ascending } |{-\ln p_i} - H|"
        r", \quad \min k : \sum_{i=1}^{k} p_{(i)} > p",
        paper="Meister et al. 2022: Locally Typical Sampling https://arxiv.org/abs/2202.00666",
        aliases={
            "llama.cpp": "--typical",
            "llama-cpp-python": "typical_p",
            "HF": "typical_p",
            "Ollama": "typical_p",
        },
    ),
    _knob(
        "frequency_penalty",
        "float",
        0.0,
        "penalties",
        "penalties",
        classic=True,
        neutral=0.0,
        **_LOGIT,
        slider=Slider(-2, 2, 0.05),
        formula=r"l_i' = l_i - c_i \cdot \alpha_\mathrm{frequency}",
        paper="OpenAI API reference: frequency penalty https://platform.openai.com/docs/api-reference/chat",
        aliases={
            "llama.cpp": "--frequency-penalty",
            "llama-cpp-python": "frequency_penalty",
            "OpenAI": "frequency_penalty",
            "Ollama": "frequency_penalty",
            "vLLM": "frequency_penalty",
        },
    ),
    _knob(
        "presence_penalty",
        "float",
        0.0,
        "penalties",
        "penalties",
        classic=True,
        neutral=0.0,
        **_LOGIT,
        slider=Slider(-2, 2, 0.05),
        formula=r"l_i' = l_i - [c_i > 0] \cdot \alpha_\mathrm{presence}",
        paper="OpenAI API reference: presence penalty https://platform.openai.com/docs/api-reference/chat",
        aliases={
            "llama.cpp": "--presence-penalty",
            "llama-cpp-python": "presence_penalty",
            "OpenAI": "presence_penalty",
            "Ollama": "presence_penalty",
            "vLLM": "presence_penalty",
        },
    ),
    _knob(
        "repeat_penalty",
        "float",
        1.1,
        "penalties",
        "penalties",
        classic=True,
        neutral=1.0,
        low=0,
        low_open=True,
        smallest=1e-10,
        reason="logits above 0 are divided by it, so 0 and tiny values cannot work; 1 does nothing",
        slider=Slider(0.05, 3, 0.05),
        formula=r"l_i' = \begin{cases} l_i \cdot \theta & l_i \le 0 \\ l_i / \theta & l_i > 0 \end{cases}"
        r" \quad (c_i > 0)",
        paper="Keskar et al. 2019: CTRL https://arxiv.org/abs/1909.05858",
        aliases={
            "llama.cpp": "--repeat-penalty",
            "llama-cpp-python": "repeat_penalty",
            "HF": "repetition_penalty",
            "Ollama": "repeat_penalty",
            "vLLM": "repetition_penalty",
        },
    ),
    _knob(
        "top_k",
        "int",
        40,
        "truncation",
        "top_k",
        classic=True,
        neutral=0,
        low=0,
        high=values.INT32_MAX,
        reason="0 already keeps every token",
        slider=Slider(0, 100, 1),
        formula=r"\{ i : \operatorname{rank}(l_i) \le k \}",
        paper="Fan et al. 2018: Hierarchical Neural Story Generation https://arxiv.org/abs/1805.04833",
        aliases={
            "llama.cpp": "--top-k",
            "llama-cpp-python": "top_k",
            "HF": "top_k",
            "Ollama": "top_k",
            "vLLM": "top_k",
        },
    ),
    _knob(
        "seed",
        "int",
        -1,
        "random",
        "draw",
        classic=True,
        low=-(2**31),
        high=2**32 - 2,
        reason="below 0 means random, and llama.cpp keeps 4294967295 (0xFFFFFFFF) for random too",
        slider=Slider(-1, 1000, 1),
        formula=r"u_t = u(s, t) \in [0, 1), \quad \min i : \sum_{j \le i} p_j \ge u_t",
        paper="Matsumoto, Nishimura 1998: Mersenne Twister https://doi.org/10.1145/272991.272995",
        aliases={
            "llama.cpp": "--seed",
            "llama-cpp-python": "seed",
            "HF": "set_seed()",
            "OpenAI": "seed",
            "Ollama": "seed",
            "vLLM": "seed",
        },
    ),
    _knob(
        "tfs_z",
        "float",
        1.0,
        "truncation",
        "tfs_z",
        classic=True,
        neutral=1.0,
        **_UNIT,
        reason="it is a share of the total curvature",
        slider=Slider(0, 1, 0.01),
        formula=r"w_i = \frac{|p_i - 2 p_{i+1} + p_{i+2}|}{\sum_j |p_j - 2 p_{j+1} + p_{j+2}|}"
        r", \quad \min k : \sum_{i=0}^{k} w_i > z",
        paper="Phénix, Egan 2019: Tail Free Sampling https://www.trentonbricken.com/Tail-Free-Sampling/"
        " (removed in https://github.com/ggml-org/llama.cpp/pull/10071)",
        aliases={
            "llama.cpp": "--tfs (until #10071)",
            "llama-cpp-python": "tfs_z (ignored since 0.3.2)",
            "Ollama": "tfs_z (removed)",
        },
    ),
    _knob(
        "mirostat_mode",
        "choice",
        0,
        "mirostat",
        "mirostat",
        classic=True,
        neutral=0,
        choices=(0, 1, 2),
        formula=r"S(x) = -\log_2 p(x), \quad \mu_0 = 2\tau",
        paper="Basu et al. 2020: Mirostat https://arxiv.org/abs/2007.14966",
        aliases={"llama.cpp": "--mirostat", "llama-cpp-python": "mirostat_mode", "Ollama": "mirostat"},
    ),
    _knob(
        "mirostat_tau",
        "float",
        5.0,
        "mirostat",
        "mirostat",
        classic=True,
        low=0,
        reason="it is a surprise in bits, and no token has less than 0",
        slider=Slider(0, 10, 0.1),
        formula=r"\mu_{t+1} = \mu_t - \eta \, (S(x_t) - \tau)",
        paper="Basu et al. 2020: Mirostat https://arxiv.org/abs/2007.14966",
        aliases={"llama.cpp": "--mirostat-ent", "llama-cpp-python": "mirostat_tau", "Ollama": "mirostat_tau"},
    ),
    _knob(
        "mirostat_eta",
        "float",
        0.1,
        "mirostat",
        "mirostat",
        classic=True,
        low=0,
        reason="a negative rate would steer away from the target",
        slider=Slider(0, 1, 0.01),
        formula=r"\mu_{t+1} = \mu_t - \eta \, (S(x_t) - \tau)",
        paper="Basu et al. 2020: Mirostat https://arxiv.org/abs/2007.14966",
        aliases={"llama.cpp": "--mirostat-lr", "llama-cpp-python": "mirostat_eta", "Ollama": "mirostat_eta"},
    ),
    _knob(
        "repeat_last_n",
        "int",
        64,
        "penalties",
        "penalties",
        neutral=0,
        **_WINDOW,
        slider=Slider(0, 2048, 1),
        formula=r"c_i = |\{ t : x_t = i, \; T - n < t \le T \}|",
        aliases={
            "llama.cpp": "--repeat-last-n",
            "llama-cpp-python": "last_n_tokens_size",
            "Ollama": "repeat_last_n",
        },
    ),
    _knob("penalize_prompt", "bool", True, "penalties", "penalties"),
    _knob(
        "dynatemp_range",
        "float",
        0.0,
        "temperature",
        "temperature",
        neutral=0.0,
        low=0,
        reason="it is the distance from the temperature to both ends",
        slider=Slider(0, 3, 0.05),
        formula=r"T_\mathrm{min} = \max(0, T - r), \quad T_\mathrm{max} = T + r",
        paper=_DYNATEMP_PAPER,
        aliases={"llama.cpp": "--dynatemp-range"},
    ),
    _knob(
        "dynatemp_exponent",
        "float",
        1.0,
        "temperature",
        "temperature",
        low=0,
        reason="entropy 0 to a negative power is infinite",
        slider=Slider(0, 5, 0.05),
        formula=_DYNATEMP_FORMULA,
        paper=_DYNATEMP_PAPER,
        aliases={"llama.cpp": "--dynatemp-exp"},
    ),
    _knob(
        "xtc_probability",
        "float",
        0.0,
        "xtc",
        "xtc",
        neutral=0.0,
        **_UNIT,
        reason="it is a probability",
        slider=Slider(0, 1, 0.01),
        formula=r"P(\text{cut}) = p_\mathrm{xtc}",
        paper=_XTC_PAPER,
        aliases={"llama.cpp": "--xtc-probability"},
    ),
    _knob(
        "xtc_threshold",
        "float",
        0.1,
        "xtc",
        "xtc",
        **_UNIT,
        reason="it is a probability; above 0.5 two tokens can never both reach it, so nothing is removed",
        slider=Slider(0, 0.5, 0.01),
        formula=r"\text{remove every } p_i \ge t \text{ but the smallest}",
        paper=_XTC_PAPER,
        aliases={"llama.cpp": "--xtc-threshold"},
    ),
    _knob(
        "top_n_sigma",
        "float",
        0.0,
        "truncation",
        "top_n_sigma",
        neutral=0.0,
        low=0,
        reason="0 already switches it off (llama.cpp writes -1)",
        slider=Slider(0, 5, 0.05),
        formula=r"l_i \ge \max_j l_j - n \sigma",
        paper="Tang et al. 2024: Top-nσ: Not All Logits Are You Need https://arxiv.org/abs/2411.07641",
        aliases={"llama.cpp": "--top-n-sigma"},
    ),
    _knob(
        "dry_multiplier",
        "float",
        0.0,
        "dry",
        "dry",
        neutral=0.0,
        low=0,
        reason="a negative one rewards repeating without bound until the logits leave float32",
        slider=Slider(0, 5, 0.05),
        formula=_DRY_FORMULA,
        paper=_DRY_PAPER,
        aliases={"llama.cpp": "--dry-multiplier"},
    ),
    _knob(
        "dry_base",
        "float",
        1.75,
        "dry",
        "dry",
        low=1,
        reason="llama.cpp switches DRY off below 1, since longer repeats would cost less",
        slider=Slider(1, 4, 0.05),
        formula=_DRY_FORMULA,
        paper=_DRY_PAPER,
        aliases={"llama.cpp": "--dry-base"},
    ),
    _knob(
        "dry_allowed_length",
        "int",
        2,
        "dry",
        "dry",
        low=0,
        high=values.INT32_MAX,
        reason="it is a length in tokens",
        slider=Slider(0, 20, 1),
        formula=_DRY_FORMULA,
        paper=_DRY_PAPER,
        aliases={"llama.cpp": "--dry-allowed-length"},
    ),
    _knob(
        "dry_penalty_last_n",
        "int",
        64,
        "dry",
        "dry",
        neutral=0,
        **_WINDOW,
        slider=Slider(0, 2048, 1),
        formula=r"x_{T-n+1}, \dots, x_T",
        paper=_DRY_PAPER,
        aliases={"llama.cpp": "--dry-penalty-last-n"},
    ),
    _knob(
        "dry_sequence_breakers",
        "texts",
        ("\n", ":", '"', "*"),
        "dry",
        "dry",
        max_bytes=values.BREAKER_BYTES,
        most=values.BREAKERS,
        paper=_DRY_PAPER,
        aliases={"llama.cpp": "--dry-sequence-breaker"},
    ),
    _knob(
        "penalty_alpha",
        "float",
        0.0,
        "contrastive",
        "contrastive",
        neutral=0.0,
        **_UNIT,
        reason="it weighs two terms against each other",
        slider=Slider(0, 1, 0.01),
        formula=r"\arg\max_{v \in V_k} \; (1 - \alpha)\, p(v \mid x) - \alpha \max_j \cos(h_v, h_j)",
        paper="Su et al. 2022: A Contrastive Framework for Neural Text Generation https://arxiv.org/abs/2202.06417",
        aliases={"HF": "penalty_alpha"},
    ),
    _knob(
        "min_keep",
        "int",
        0,
        "truncation",
        None,
        neutral=0,
        low=0,
        high=values.INT32_MAX,
        reason="it is a number of tokens",
        slider=Slider(0, 20, 1),
        formula=r"|V_\text{kept}| \ge \text{min\_keep}",
        aliases={"llama.cpp": "min_keep (llama-server)", "HF": "min_tokens_to_keep"},
    ),
    _knob(
        "adaptive_target",
        "float",
        -1.0,
        "adaptive",
        "adaptive",
        neutral=-1.0,
        low=-1,
        high=1,
        off_below=0.0,
        reason="it is a probability; below 0 it is off",
        slider=Slider(-1, 1, 0.01),
        formula=_ADAPTIVE_FORMULA,
        paper=_ADAPTIVE_PAPER,
        aliases={"llama.cpp": "--adaptive-target", "textgen": "adaptive_target", "SillyTavern": "adaptive_target"},
    ),
    _knob(
        "adaptive_decay",
        "float",
        0.9,
        "adaptive",
        "adaptive",
        low=0,
        high=0.99,
        reason="it is the weight of the past, and llama.cpp looks back at 100 tokens at most",
        slider=Slider(0, 0.99, 0.01),
        formula=r"S_{t+1} = p_0(x_t) + \delta S_t, \quad W_{t+1} = 1 + \delta W_t",
        paper=_ADAPTIVE_PAPER,
        aliases={"llama.cpp": "--adaptive-decay", "textgen": "adaptive_decay", "SillyTavern": "adaptive_decay"},
    ),
    _knob(
        "no_repeat_ngram_size",
        "int",
        0,
        "penalties",
        "no_repeat_ngram",
        neutral=0,
        low=0,
        high=values.INT32_MAX,
        reason="it is a number of tokens",
        slider=Slider(0, 20, 1),
        formula=r"l_i' = -\infty \text{ where } x_{T-n+2}, \dots, x_T, i \text{ stands in } x_1, \dots, x_T",
        paper="Paulus, Xiong, Socher 2017: A Deep Reinforced Model for Abstractive Summarization"
        " https://arxiv.org/abs/1705.04304",
        aliases={"HF": "no_repeat_ngram_size", "textgen": "no_repeat_ngram_size"},
    ),
    _knob(
        "min_tokens",
        "int",
        0,
        "length",
        "end_tokens",
        neutral=0,
        low=0,
        high=values.INT32_MAX,
        reason="it is a number of tokens",
        slider=Slider(0, 200, 1),
        formula=r"l_\mathrm{end}' = -\infty \quad (t \le \text{min\_tokens})",
        paper="vLLM: sampling parameters https://docs.vllm.ai/en/latest/api/vllm/sampling_params.html",
        aliases={"HF": "min_new_tokens", "vLLM": "min_tokens", "SillyTavern": "min_length"},
    ),
    _knob(
        "ignore_eos",
        "bool",
        False,
        "length",
        "end_tokens",
        neutral=False,
        aliases={"llama.cpp": "--ignore-eos", "vLLM": "ignore_eos", "textgen": "ban_eos_token"},
    ),
    _knob(
        "heal_tokens",
        "bool",
        False,
        "constraint",
        "heal_tokens",
        neutral=False,
        formula=r"l_i' = -\infty \text{ unless } w_i \text{ goes on with the text that was taken back}",
        paper="guidance: token healing https://github.com/guidance-ai/guidance; llama.cpp"
        " https://github.com/ggml-org/llama.cpp/pull/7187",
        aliases={"HF": "token_healing", "guidance": "token healing"},
    ),
    _knob(
        "penalize_except",
        "tokens",
        (),
        "penalties",
        "penalties",
        neutral=(),
    ),
    _knob(
        "text_bias",
        "text_bias",
        (),
        "constraint",
        "logit_bias",
        neutral=(),
        formula=r"l_i' = l_i + b_w \text{ for every token } i \text{ that is the text } w",
        paper="llama.cpp: llama-server https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        aliases={"llama.cpp": "logit_bias (llama-server, texts)", "HF": "sequence_bias"},
    ),
    _knob(
        "top_a",
        "float",
        0.0,
        "truncation",
        "top_a",
        neutral=0.0,
        **_UNIT,
        reason="it is a share of the largest probability's square",
        slider=Slider(0, 1, 0.01),
        formula=r"p_i \ge a \cdot \left(\max_j p_j\right)^2",
        paper="BlinkDL 2022: RWKV-LM https://github.com/BlinkDL/RWKV-LM",
        aliases={"KoboldCpp": "top_a", "textgen": "top_a", "SillyTavern": "top_a"},
    ),
    _knob(
        "top_h",
        "float",
        1.0,
        "truncation",
        "top_h",
        neutral=1.0,
        **_UNIT,
        reason="it is a share of the entropy",
        slider=Slider(0, 1, 0.01),
        formula=r"\max k \le 100 : -\sum_{i=1}^{k} p_{(i)} \ln p_{(i)} \le h \cdot H_{100}",
        paper="Baghaei Potraghloo et al. 2025: Top-H Decoding https://arxiv.org/abs/2509.02510",
        aliases={"HF": "top_h"},
    ),
    _knob(
        "epsilon_cutoff",
        "float",
        0.0,
        "truncation",
        "epsilon_cutoff",
        neutral=0.0,
        **_UNIT,
        reason="it is a probability",
        slider=Slider(0, 0.1, 0.0001),
        formula=r"p_i \ge \varepsilon",
        paper=_ETA_PAPER,
        aliases={"HF": "epsilon_cutoff", "textgen": "epsilon_cutoff (1e-4)", "SillyTavern": "epsilon_cutoff (1e-4)"},
    ),
    _knob(
        "eta_cutoff",
        "float",
        0.0,
        "truncation",
        "eta_cutoff",
        neutral=0.0,
        **_UNIT,
        reason="it is a probability",
        slider=Slider(0, 0.1, 0.0001),
        formula=r"H = -\sum_j p_j \ln p_j, \quad p_i \ge \min\left(\varepsilon, \sqrt{\varepsilon}\, e^{-H}\right)",
        paper=_ETA_PAPER,
        aliases={"HF": "eta_cutoff", "textgen": "eta_cutoff (1e-4)", "SillyTavern": "eta_cutoff (1e-4)"},
    ),
    _knob(
        "smoothing_factor",
        "float",
        0.0,
        "temperature",
        "smoothing",
        neutral=0.0,
        low=0,
        high=1e6,
        reason="a negative one would turn the order of the logits round, and a huge one takes them out of float32",
        slider=Slider(0, 10, 0.05),
        formula=_SMOOTHING_FORMULA,
        paper=_SMOOTHING_PAPER,
        aliases={"textgen": "smoothing_factor", "KoboldCpp": "smoothing_factor", "SillyTavern": "smoothing_factor"},
    ),
    _knob(
        "smoothing_curve",
        "float",
        1.0,
        "temperature",
        "smoothing",
        neutral=1.0,
        low=1,
        high=10,
        reason="below 1 the least likely tokens would overtake all others, and far above 3 those next to the best would"
        " leave it behind",
        slider=Slider(1, 10, 0.05),
        formula=_SMOOTHING_FORMULA,
        paper="kalomaze 2024: Cubic sampling https://github.com/oobabooga/text-generation-webui/pull/5551",
        aliases={"textgen": "smoothing_curve", "SillyTavern": "smoothing_curve"},
    ),
    _knob(
        "guidance_scale",
        "float",
        1.0,
        "guidance",
        "guidance",
        neutral=1.0,
        low=0,
        high=1e6,
        reason="below 0 it would go towards the negative prompt and away from the prompt, and huge ones leave float32",
        slider=Slider(0, 5, 0.05),
        formula=_GUIDANCE_FORMULA,
        paper=_GUIDANCE_PAPER,
        aliases={"HF": "guidance_scale", "textgen": "guidance_scale", "SillyTavern": "guidance_scale"},
    ),
    _knob(
        "negative_prompt",
        "text",
        None,
        "guidance",
        "guidance",
        formula=_GUIDANCE_FORMULA,
        paper=_GUIDANCE_PAPER,
        aliases={"HF": "negative_prompt_ids", "textgen": "negative_prompt", "SillyTavern": "negative_prompt"},
    ),
    _knob(
        "logit_bias",
        "bias",
        (),
        "constraint",
        "logit_bias",
        neutral=(),
        formula=r"l_i' = l_i + b_i",
        paper="OpenAI API reference: logit bias https://platform.openai.com/docs/api-reference/chat",
        aliases={
            "llama.cpp": "--logit-bias",
            "llama-cpp-python": "logit_bias",
            "HF": "sequence_bias",
            "OpenAI": "logit_bias",
            "vLLM": "logit_bias",
        },
    ),
    _knob(
        "grammar",
        "grammar",
        None,
        "constraint",
        "grammar",
        formula=r"l_i' = -\infty \text{ where the grammar does not allow } i",
        paper="llama.cpp: GBNF guide https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md",
        aliases={"llama.cpp": "--grammar", "llama-cpp-python": "grammar", "vLLM": "structured_outputs.grammar"},
    ),
    _knob(
        "json_schema",
        "schema",
        None,
        "constraint",
        "grammar",
        formula=r"l_i' = -\infty \text{ where the schema does not allow } i",
        paper="JSON Schema https://json-schema.org/specification",
        aliases={
            "llama.cpp": "--json-schema",
            "llama-cpp-python": "response_format",
            "OpenAI": "response_format",
            "Ollama": "format",
            "vLLM": "structured_outputs.json",
        },
    ),
    _knob(
        "regex",
        "regex",
        None,
        "constraint",
        "grammar",
        formula=r"l_i' = -\infty \text{ where no match can begin with the reply and } i",
        paper="llguidance https://github.com/guidance-ai/llguidance",
        aliases={"vLLM": "structured_outputs.regex"},
    ),
    _knob(
        "stop",
        "texts",
        (),
        "length",
        "loop",
        neutral=(),
        most_characters=values.STOP_CHARACTERS,
        aliases={
            "llama.cpp": "--reverse-prompt",
            "llama-cpp-python": "stop",
            "HF": "stop_strings",
            "OpenAI": "stop",
            "Ollama": "stop",
            "vLLM": "stop",
        },
    ),
    _knob(
        "thinking",
        "word",
        "auto",
        "thinking",
        "prompt",
        neutral="auto",
        choices=("auto", "on", "off"),
        paper="Qwen Team 2025: Qwen3 Technical Report https://arxiv.org/abs/2505.09388",
        aliases={
            "llama.cpp": "chat_template_kwargs.enable_thinking",
            "HF": "chat_template_kwargs.enable_thinking",
            "Ollama": "think",
            "vLLM": "chat_template_kwargs.enable_thinking",
        },
    ),
    _knob(
        "chat_template_kwargs",
        "object",
        None,
        "thinking",
        "prompt",
        aliases={"llama.cpp": "--chat-template-kwargs", "vLLM": "chat_template_kwargs"},
    ),
    _knob(
        "thinking_budget",
        "int",
        -1,
        "thinking",
        "thinking_budget",
        neutral=-1,
        low=-1,
        high=values.INT32_MAX,
        reason="it is a number of tokens; -1 leaves it to the model",
        slider=Slider(-1, 4096, 1),
        formula=r"l_i' = -\infty \text{ for all but the end mark's next token} \quad (t_\mathrm{thinking} \ge b)",
        paper="Qwen Team 2025: Qwen3 Technical Report (thinking budget) https://arxiv.org/abs/2505.09388",
        aliases={"llama.cpp": "--reasoning-budget", "vLLM": "thinking_token_budget"},
    ),
    _knob("thinking_settings", "object", None, "thinking", None),
    _knob(
        "banned_texts",
        "texts",
        (),
        "constraint",
        "banned_texts",
        neutral=(),
        most_characters=values.STOP_CHARACTERS,
        formula=r"l_i' = -\infty \text{ where } i \text{ began a banned text}",
        paper="Paech 2024: AntiSlop sampler https://github.com/sam-paech/antislop-sampler",
        aliases={"KoboldCpp": "banned_tokens", "TabbyAPI": "banned_strings", "SillyTavern": "banned_strings"},
    ),
    _knob(
        "samplers",
        "order",
        "classic",
        "order",
        "order",
        aliases={"llama.cpp": "--samplers"},
    ),
)

KNOBS: Mapping[str, Knob] = MappingProxyType({knob.name: knob for knob in _ROWS})
"""Every knob by name, in the order in which pages show them."""

CLASSIC_KNOBS: tuple[str, ...] = tuple(knob.name for knob in _ROWS if knob.classic)
"""The fourteen names that the field has known since 2023."""


#: Names elsewhere whose values mean something else than ours.
_OTHER_VALUES: Final = frozenset(
    {"negative_prompt_ids", "response_format", "format", "sequence_bias", "set_seed", "think"}
)
_ALIAS: Final = re.compile(r"(?<![\w.(-])-{0,2}([a-z][a-z_-]*[a-z])(?![\w.(-])")


def _aliases() -> Mapping[str, str]:
    """The knobs by their names elsewhere, as they stand in a file of settings: `--n-predict` is `n_predict` there."""
    found: dict[str, str] = {}
    for knob in KNOBS.values():
        for text in knob.aliases.values():
            for alias in _ALIAS.findall(text.partition("(")[0]):
                found.setdefault(alias.replace("-", "_"), knob.name)
    return MappingProxyType({alias: name for alias, name in found.items() if alias not in {*KNOBS, *_OTHER_VALUES}})


ALIASES: Final = _aliases()
"""The names that other programs give to knobs, each with ours; only those whose values mean the same."""


def get(name: str) -> Knob:
    """The knob of this name, or of this name in another program; UnknownKnobError names the nearest ones."""
    given: object = name  # a mapping of a caller's may have any keys
    found = KNOBS.get(ALIASES.get(given, given)) if isinstance(given, str) else None
    if found is None:
        raise _unknown([name])
    return found


def knob_names(names: Sequence[str]) -> dict[str, str]:
    """The knobs that these names mean, each with the name that it came with.

    Raises:
        UnknownKnobError: some names are no knob's; the message has all of them.
        SettingsError: one knob came with two names.
    """
    unknown = [name for name in names if ALIASES.get(name, name) not in KNOBS]
    if unknown:
        raise _unknown(unknown)
    found: dict[str, str] = {}
    for name in names:
        knob = get(name).name
        if knob in found:
            raise SettingsError(f"{found[knob]} and {name} are both {knob}; give one of them").in_japanese(
                f"{found[knob]} と {name} はどちらも {knob} です。どちらか 1 つにしてください"
            )
        found[knob] = name
    return found


def named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the knobs' own names, whichever name each came with; errors as in `knob_names`."""
    return {knob: values[name] for knob, name in knob_names(tuple(values)).items()}


def _unknown(names: Sequence[str]) -> UnknownKnobError:
    near = [
        difflib.get_close_matches(str(name)[:80], KNOBS, n=3 if len(names) == 1 else 1, cutoff=0.5) for name in names
    ]
    if len(names) == 1:
        hint = f"nearest: {', '.join(near[0])}" if near[0] else f"the knobs are: {', '.join(KNOBS)}"
        near_ja = f"近いもの: {', '.join(near[0])}" if near[0] else f"つまみは {', '.join(KNOBS)}"
        return UnknownKnobError(f"no knob is called {values.shown(names[0])}; {hint}").in_japanese(
            f"{values.shown(names[0])} というつまみはありません。{near_ja}。"
        )
    told = [
        values.shown(name) + (f" (nearest: {hit[0]})" if hit else "") for name, hit in zip(names, near, strict=True)
    ]
    return UnknownKnobError(f"no knobs are called {', '.join(told)}; leave them out, or take the nearest").in_japanese(
        f"{', '.join(told)} というつまみはありません。外すか、近いものにしてください"
    )


#: The knobs that say what the reply has to be; one at most.
CONSTRAINTS = ("grammar", "json_schema", "regex")


def default(name: str) -> Any:
    """The default of the knob of this name."""
    return get(name).default


def knobs_of(*stages: str) -> tuple[str, ...]:
    """The names of the knobs that these stages read, in the table's order."""
    return tuple(name for name, knob in KNOBS.items() if knob.stage in stages)
