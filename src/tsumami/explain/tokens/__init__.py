"""One token at a time: what became of it, stage by stage.

Guarantee: what is shown is computed from the run's own logits, chain and roll.
"""

from tsumami.explain.tokens.accounts import Account, Candidate, Column, account
from tsumami.explain.tokens.branches import Branch, Fork, Tree, branch, fork
from tsumami.explain.tokens.falls import Fall, largest_fall
from tsumami.explain.tokens.lookahead import Look, NextToken, look, next_token
from tsumami.explain.tokens.opening import Opened, open_bytes, open_receipt, open_run
from tsumami.explain.tokens.outcome import Outcome, Share, choose_at, ledger, row_at, token_at

__all__ = [
    "Account",
    "Branch",
    "Candidate",
    "Column",
    "Fall",
    "Fork",
    "Look",
    "NextToken",
    "Opened",
    "Outcome",
    "Share",
    "Tree",
    "account",
    "branch",
    "choose_at",
    "fork",
    "largest_fall",
    "ledger",
    "look",
    "next_token",
    "open_bytes",
    "open_receipt",
    "open_run",
    "row_at",
    "token_at",
]
