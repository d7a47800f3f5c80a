"""The course: how a language model generates, shown on the loaded model. The notebook and the page both stand on it.

Guarantee: every number and every picture comes from a model that really runs; nothing is written down beforehand but
the words, which live in texts/{ja,en}.json.

    loop         what stands in each box of the diagram at one step
    tokens       a text as the model reads it, and how long texts are
    strategies   one prompt, eight ways to choose; variants of a prompt
    pictures     the loop as boxes, a text as coloured pieces
    sentences    what the numbers say, in words
    timing       time against tokens
    inside       the parts of the model and their shapes
    words        the lesson's words, in Japanese and English
"""

from tsumami.course.inside import CausalTrial, Station, parts, sees, try_causality
from tsumami.course.loop import Turn, candidates, turn, up_to
from tsumami.course.pictures import loop_boxes, loop_diagram, stations, token_pieces
from tsumami.course.sentences import facts, fit_sentence, models_here, trial_sentence, where_they_part
from tsumami.course.strategies import (
    N_TOKENS,
    STRATEGIES,
    contrast_table,
    run_strategy,
    run_variants,
    strategy_settings,
)
from tsumami.course.timing import (
    NEW_TOKENS,
    PROMPT_LENGTHS,
    Fit,
    Timing,
    fit,
    read_counts,
    time_new_tokens,
    time_prompts,
    timing_table,
    until_stopped,
)
from tsumami.course.tokens import TokenRow, length_table, lines, token_rows, token_table
from tsumami.course.words import (
    N_QUESTIONS,
    PARTS,
    PROMPT,
    PROMPTS,
    VARIANTS,
    Words,
    table,
    variants,
)
from tsumami.runs.signs import visible
from tsumami.wording import LANGUAGES

__all__ = [
    "LANGUAGES",
    "NEW_TOKENS",
    "N_QUESTIONS",
    "N_TOKENS",
    "PARTS",
    "PROMPT",
    "PROMPTS",
    "PROMPT_LENGTHS",
    "STRATEGIES",
    "VARIANTS",
    "CausalTrial",
    "Fit",
    "Station",
    "Timing",
    "TokenRow",
    "Turn",
    "Words",
    "candidates",
    "contrast_table",
    "facts",
    "fit",
    "fit_sentence",
    "length_table",
    "lines",
    "loop_boxes",
    "loop_diagram",
    "models_here",
    "parts",
    "read_counts",
    "run_strategy",
    "run_variants",
    "sees",
    "stations",
    "strategy_settings",
    "table",
    "time_new_tokens",
    "time_prompts",
    "timing_table",
    "token_pieces",
    "token_rows",
    "token_table",
    "trial_sentence",
    "try_causality",
    "turn",
    "until_stopped",
    "up_to",
    "variants",
    "visible",
    "where_they_part",
]
