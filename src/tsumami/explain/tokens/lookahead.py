"""The next token, live: what a chain makes of logits that are at hand, and which token a seed and a step would pick.

Guarantee: the stages and the pick are the run's own (a run with the same prompt, settings and seed begins with the
token of step 0; where the reply has a given beginning of n tokens, it goes on with that of step n), and turning a knob
decodes nothing. Contrastive search is the exception: it needs its candidates'
hidden states, so each look is a run of one token.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from tsumami.engine import Feed, Program, Sequence
from tsumami.errors import DeadEndError
from tsumami.explain.tokens.accounts import Account, account
from tsumami.native import Float32Array
from tsumami.runs import Prompt, Run, Stream
from tsumami.runs.backend import Backend
from tsumami.runs.generate import make_chain
from tsumami.runs.guiding import guided_rows
from tsumami.runs.healing import healed
from tsumami.runs.leading import permitted
from tsumami.runs.prompt import check_prompt
from tsumami.sampling import Candidates, Draw, Ledger, LedgerWriter, Pick, effective_seed, rolls
from tsumami.settings import Settings
from tsumami.wording import counted


def _no_rows() -> Float32Array:
    return np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A prompt and the logits after it and its beginning of the reply, shape (n_vocab,); `led`: those before each token
    of that beginning, shape (n, n_vocab).
    """

    prompt: Prompt
    row: Float32Array
    led: Float32Array = field(default_factory=_no_rows)


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
    rows = backend.engine.run(_rows(prompt))
    return Look(prompt, rows[-1], rows[:-1])


def _rows(prompt: Prompt) -> Program[Float32Array]:
    """The logits after the prompt, and after each token of the reply's beginning."""
    with Sequence() as sequence:
        (rows,) = yield [Feed(sequence, prompt.tokens)]
        found = rows.last[np.newaxis]
        if prompt.begun:
            (rows,) = yield [Feed(sequence, prompt.begun, rows="all")]
            found = np.concatenate([found, rows.logits])
        return found


def next_token(backend: Backend, at: Look, settings: Settings, *, step: int | None = None) -> NextToken:
    """What these settings make of the logits, and the token that roll number `step` of their seed picks (default: the
    roll of a run, which is the first one after those of the reply's beginning).

    Raises:
        DeadEndError: a grammar or a bias forbids every token.
        SettingsError: the settings do not fit this model.
    """
    seed, own = effective_seed(settings), len(at.prompt.begun)
    prompt = healed(backend, at.prompt, settings)
    at = at if prompt == at.prompt else look(backend, prompt)
    step = own if step is None else step
    if settings.mode == "contrastive":
        with Stream(backend, at.prompt, settings.replace(seed=seed, max_tokens=own + 1), ledgers=True) as stream:
            ledger = _last(stream.run, own)
        return NextToken(settings, seed, step, ledger, {ledger.token: 1.0})
    chain = make_chain(backend, at.prompt, settings, seed)
    *led, here = guided_rows(backend, settings, at.prompt.tokens, at.prompt.begun, [*at.led, at.row])
    for row, token in zip(led, at.prompt.begun, strict=True):
        chain.choose(row)  # a roll passes, and mirostat follows it
        chain.accept(permitted(chain, token))
    writer = LedgerWriter()
    choice = chain.choose(here, writer.watch)
    ids = choice.candidates.ids.tolist()
    probs = np.asarray(choice.candidates.data["p"], np.float64)
    exact = {token: p for token, p in zip(ids, (probs / probs.sum()).tolist(), strict=True) if p > 0}
    pick = choice.pick if step == own else _pick(choice.candidates, exact, choice.pick, settings, seed, step)
    return NextToken(settings, seed, step, writer.close(0, pick), exact)


def _last(run: Run, index: int) -> Ledger:
    """The ledger of a run's last token, which has this index.

    Raises:
        DeadEndError: the run does not come so far.
    """
    if len(run.steps) <= index:
        raise DeadEndError(
            f"the beginning of the reply ends after {counted(len(run.steps), 'token')} ({run.stop_reason})"
        ).in_japanese(f"返事の始まりは {len(run.steps)} トークンで終わります（{run.stop_reason}）")
    return run.ledgers[index]


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
