"""Guidance: what it costs beside the decoding of two sequences.

Guided: one `Model.stream` with a guidance_scale and a negative prompt as long as the prompt, every Step made; the
seconds from its first token on. Every token is decoded in two sequences, which are in one batch, and chosen from the
logits of both.

Two sequences: the same tokens on two sequences in one batch, decoded one after another; nothing is chosen.

Two runs: two streams without guidance side by side, which choose two tokens in the same time.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_NEGATIVE = "A list of dull facts about nothing, in no order, one after another."


def measure(options: Options) -> list[Table]:
    """Seconds for as many tokens, in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(Worker("ours", model=options.model, threads=options.n_threads))
        prompt, negative = (ours.ask("tokenize", text=text) for text in (PROMPT, _NEGATIVE))
        ends = {str(token): "-inf" for token in ours.facts["eog"]}
        plain = {"max_tokens": options.tokens, "seed": 0, "logit_bias": ends}
        guided = plain | {"guidance_scale": 1.5, "negative_prompt": _NEGATIVE}
        (tokens,) = ours.ask("crowd", prompt=prompt, settings=[guided])["tokens"]
        found = in_turns(
            {
                "guided": lambda: ours.ask("generation", prompt=prompt, settings=guided),
                "two sequences": lambda: ours.ask("decode", prompts=[prompt, negative], replies=[tokens[:-1]] * 2),
                "two runs": lambda: ours.ask("crowd", prompt=prompt, settings=[plain, plain | {"seed": 1}])["seconds"],
            },
            options.turns,
        )
    seconds = {f"{name} s": statistics.median(values) for name, values in found.items()}
    rows = [
        Row("guided / two sequences", Goal("<=", 1.15), ratio(found["guided"], found["two sequences"]), seconds),
        Row("guided / two runs", None, ratio(found["guided"], found["two runs"]), seconds),
    ]
    return [Table("guidance", f"{options.tokens} tokens, seconds as a ratio", rows)]
