"""The next token, live: what a chain makes of logits that are at hand, and which token a seed and a step would pick.

Guarantee: the stages and the pick are the run's own (a run with the same prompt, settings and seed begins with the
token of step 0), and turning a knob decodes nothing. Contrastive search is the exception: it needs its candidates'
hidden states, so each look is a run of one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tsumami.engine import Feed, Program, Sequence
from tsumami.explain.tokens.accounts import Account, account
from tsumami.native import Float32Array
from tsumami.runs import Prompt, Stream
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain
from tsumami.runs.prompt import check_prompt
from tsumami.sampling import Candidates, Draw, Ledger, LedgerWriter, Pick, effective_seed, rolls
from tsumami.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A prompt and the logits after it, shape (n_vocab,)."""

    prompt: Prompt
    row: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class NextToken:
    """What could come next. `seed` is the effective one, `step` the number of the roll; `exact` has the final
    probability of every token that can still be chosen, in the order in which the roll meets them.
    """

    settings: Settings
    seed: int
    step: int
    ledger: Ledger
    exact: dict[int, float]

    def account(self, *, count: int = 16, also: Iterable[int] = ()) -> Account:
        """The ledger for the eye."""
        return account(self.ledger, self.settings.mode, count=count, also=also)

    def rolled(self, count: int) -> dict[int, int]:
        """On which token each of the seed's first `count` rolls falls: how often, by token.

        Where nothing is rolled (temperature 0, contrastive search) all fall on the one that is chosen.
        """
        if self.settings.mode in ("greedy", "contrastive"):
            return {self.ledger.token: count}
        ids = np.fromiter(self.exact, np.int64)
        ends = np.cumsum(np.fromiter(self.exact.values(), np.float64))
        places = np.searchsorted(ends, rolls(self.seed, count) * ends[-1])
        tokens, times = np.unique(ids[np.minimum(places, len(ids) - 1)], return_counts=True)
        return dict(zip(tokens.tolist(), times.tolist(), strict=True))


def look(backend: Backend, prompt: Prompt) -> Look:
    """Decode a prompt, as far as the cache does not hold it.

    Raises:
        PromptError: it is empty or does not fit into the context.
    """
    check_prompt(prompt, backend.n_ctx, backend.engine.n_vocab, answers=False)
    return Look(prompt, backend.engine.run(_row(prompt.tokens)))


def _row(tokens: tuple[int, ...]) -> Program[Float32Array]:
    with Sequence() as sequence:
        (rows,) = yield [Feed(sequence, tokens)]
        return rows.last


def next_token(backend: Backend, at: Look, settings: Settings, *, step: int = 0) -> NextToken:
    """What these settings make of the logits, and the token that roll number `step` of their seed picks.

    Raises:
        DeadEndError: a grammar or a bias forbids every token.
        SettingsError: the settings do not fit this model.
    """
    seed = effective_seed(settings)
    if settings.mode == "contrastive":
        with Stream(backend, at.prompt, settings.replace(seed=seed, max_tokens=1), ledgers=True) as stream:
            (ledger,) = stream.run.ledgers
        return NextToken(settings, seed, step, ledger, {ledger.token: 1.0})
    chain = make_chain(backend, at.prompt.tokens, settings, seed)
    writer = LedgerWriter()
    choice = chain.choose(at.row, writer.watch)
    ids = choice.candidates.ids.tolist()
    probs = np.asarray(choice.candidates.data["p"], np.float64)
    exact = {token: p for token, p in zip(ids, (probs / probs.sum()).tolist(), strict=True) if p > 0}
    pick = choice.pick if not step else _pick(choice.candidates, exact, choice.pick, settings, seed, step)
    return NextToken(settings, seed, step, writer.close(0, pick), exact)


def _pick(
    candidates: Candidates, exact: dict[int, float], first: Pick, settings: Settings, seed: int, step: int
) -> Pick:
    """The pick of a later roll from the same candidates."""
    if settings.mode == "sample":
        return Draw(seed, step).pick(candidates)
    u = float(rolls(seed, step + 1)[step])
    if settings.mode == "greedy":
        return replace(first, u=u)
    ends = np.cumsum(np.fromiter(exact.values(), np.float64))
    token = list(exact)[min(int(np.searchsorted(ends, u * ends[-1])), len(exact) - 1)]
    return Pick(token, candidates.ids.tolist().index(token), u)
