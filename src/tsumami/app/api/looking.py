"""The endpoints that look: into texts, models, runs, and at what could come next.

Guarantee: each lends the model that was named and calls one function of the library.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

from tsumami.app.api import looking_answers
from tsumami.app.api.service import Service
from tsumami.runs import Run
from tsumami.runs.run import RunPart
from tsumami.settings import Settings


def tokenize(
    service: Service, text: str, add_special: bool = True, parse_special: bool = True, model: str | None = None
) -> list[dict[str, Any]]:
    """The tokens of a text, as the model would get them.

    Returns:
        for each token its `id`, its `text`, and its `bytes` in hexadecimal (a character may take several tokens)
    """
    with service.lend(model) as lent:
        ids = lent.tokenize(text, add_special=add_special, parse_special=parse_special)
        pieces = [lent.tokenizer.piece(token) for token in ids]
    return [
        {"id": token, "text": piece.decode("utf-8", "replace"), "bytes": piece.hex()}
        for token, piece in zip(ids, pieces, strict=True)
    ]


def model(service: Service, name: str | None = None) -> dict[str, Any]:
    """Load a model, if it is not loaded, and say what it is: weights, engine, context, chat templates, exact or not
    and why, what llama.cpp says of it, and how full its cache is (null of one elsewhere).
    """
    with service.lend(name) as lent:
        return {
            "name": lent.name,
            "n_ctx": lent.n_ctx,
            "weights": asdict(lent.model_card),
            "engine": asdict(lent.engine_card),
            "exactness": asdict(lent.exactness),
            "notices": [asdict(one) | {"ja": one.ja, "en": one.en} for one in lent.engine_card.notices],
            "chat_template": lent.chat_template,
            "other_templates": list(lent.templates),
            "usage": None if lent.usage is None else asdict(lent.usage),
        }


def check_settings(service: Service, settings: dict[str, Any], model: str | None = None) -> dict[str, Any]:
    """Check settings without running them. What cannot work is an error that says why.

    Returns:
        all knobs, those that differ from their defaults, how tokens are chosen, and which knobs do nothing with the
        model in its own chat template, and why
    """
    made = Settings.from_mapping(settings)
    with service.lend(model) as lent:
        idle = lent.idle_knobs(made)
    return {
        "settings": made.to_dict(),
        "changed": made.changed(),
        "mode": made.mode,
        "order": list(made.chain_order),
        "idle": {name: asdict(reason) for name, reason in idle.items()},
    }


def verify(service: Service, run: dict[str, Any], model: str | None = None) -> dict[str, Any]:
    """Run it again and say whether every token and every probability is the same, bit for bit, or what differs."""
    original = Run.from_json(json.dumps(run))
    with service.lend(model) as lent:
        found = lent.verify(original)
    return {
        "same": found.same,
        "same_tokens": found.same_tokens,
        "same_numbers": found.same_numbers,
        "first_difference": found.first_difference,
        "circumstances": [{"ja": ja, "en": en} for ja, en in found.circumstances],
        "again": found.again.text,
    }


def next_token(
    service: Service,
    prompt: str,
    settings: dict[str, Any] | None = None,
    step: int = 0,
    model: str | None = None,
    parse_special: bool = True,
) -> dict[str, Any]:
    """What could come after a text: the likeliest candidates after every stage, and the token that roll number
    `step` of the seed picks.

    Returns:
        `token`, `u`, `stages`, and `candidates` with a probability after each stage (null once it is cut)
    """
    with service.lend(model) as lent:
        return looking_answers.next_token(lent, prompt, settings, step, parse_special)


def ledger(service: Service, run: dict[str, Any], index: int, model: str | None = None) -> dict[str, Any]:
    """A token's way through the stages, computed again from the run, bit for bit.

    Returns:
        as `next_token`, for token number `index` (from 0)
    """
    with service.lend(model) as lent:
        return looking_answers.ledger(lent, run, index)


def why_not(service: Service, run: dict[str, Any], index: int, token: int, model: str | None = None) -> dict[str, Any]:
    """What became of a token that was not chosen: the stage that took most of its probability and what would be without
    it, the stage that cut it and the value that would have kept it, or where the roll fell instead.

    Returns:
        the facts, and `ja` and `en` in sentences
    """
    with service.lend(model) as lent:
        return looking_answers.why_not(lent, run, index, token)


def audit(service: Service, run: dict[str, Any], model: str | None = None, part: str = "all") -> dict[str, Any]:
    """What each knob did in a run, or in a part of it (`thinking`, `answer`): at how many tokens it changed the
    candidates, and at how many it decided.

    Returns:
        `tokens`, the `dead` knobs, and `knobs` with numbers and sentences
    """
    with service.lend(model) as lent:
        return looking_answers.audit(lent, run, cast(RunPart, part))


def divergence(service: Service, a: dict[str, Any], b: dict[str, Any], model: str | None = None) -> dict[str, Any]:
    """Where two runs part, and why; the cause is checked by putting it back.

    Returns:
        `step`, `cause`, `stage`, `tokens`, and `ja` and `en` in sentences
    """
    with service.lend(model) as lent:
        return looking_answers.divergence(lent, a, b)
