"""llama-server's own completions."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tsumami.runs import Prompt
from tsumami.serve.asking import Probabilities, Wanted, check_prompts, prompts_of, wanted_settings
from tsumami.serve.bodies import SERVER, Generating, NativeText
from tsumami.serve.faults import field_fault
from tsumami.serve.respond import respond
from tsumami.serve.routes.route import Route
from tsumami.serve.service import ApiService
from tsumami.serve.wire.native import NativeWire
from tsumami.serve.wire.question import Question
from tsumami.wording import InBoth, counted

__all__ = ["ROUTES", "asked", "wanted"]


async def completion(service: ApiService, request: Request, body: NativeText) -> Response:
    """Go on with a text, in llama-server's own form."""
    probabilities = Probabilities(body.n_probs or body.logprobs or 0, body.post_sampling_probs)
    prompts = await service.aside(prompts_of, service, body.prompt)
    asking = await service.aside(wanted, service, body, prompts, probabilities)
    wire = NativeWire(asked(service, body, probabilities, fields=tuple(body.response_fields)))
    return await respond(service, request, asking, wire, stream=body.stream)


def wanted(service: ApiService, body: Generating, prompts: tuple[Prompt, ...], probabilities: Probabilities) -> Wanted:
    """What a body asks for.

    Raises:
        Fault: a field that cannot be used, or a prompt that is too long.
    """
    name, n = ("n", body.n or 1) if body.n_cmpl is None else ("n_cmpl", body.n_cmpl)
    if n > service.slots.count:
        raise field_fault(
            name,
            InBoth(
                f"needs 1 to {service.slots.count}, the slots of this server",
                f"1〜{service.slots.count}（このサーバーの枠の数）にしてください",
            ),
        )
    if n * len(prompts) > service.limits.waiting:
        raise field_fault(
            name,
            InBoth(
                f"{counted(n * len(prompts), 'text')}; {service.limits.waiting} can be asked for at once",
                f"文章が {n * len(prompts)} 個になります。一度に頼めるのは {service.limits.waiting} 個までです",
            ),
        )
    check_prompts(service, prompts)
    settings, notes = wanted_settings(service, SERVER, body, body.tsumami)
    lengths = (body.n_predict, body.max_tokens, body.max_completion_tokens)
    length = next((one for one in lengths if one is not None), None)
    ledger = body.tsumami.ledger
    return Wanted(prompts, settings, notes, n, probabilities, ledger, no_tokens=length == 0)


def asked(service: ApiService, body: Generating, probabilities: Probabilities, **more: Any) -> Question:
    """What the answers to a body repeat."""
    backend = service.served.backend
    return Question(
        model=service.names[0],
        fingerprint=service.fingerprint,
        id=f"chatcmpl-{secrets.token_hex(16)}",
        tokenizer=backend.tokenizer,
        ends=lambda: service.ends,
        stream=body.stream,
        probabilities=probabilities,
        return_tokens=body.return_tokens,
        timings_per_token=body.timings_per_token,
        progress=body.return_progress,
        verbose=body.verbose or service.options.verbose,
        **more,
    )


ROUTES: Final = (Route("POST", ("/completion", "/completions"), completion, NativeText),)
