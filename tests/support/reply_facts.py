"""The facts of a reply that a scripted model has given."""

from __future__ import annotations

import dataclasses
from typing import Any

from tsumami.app.work.conversation import ReplyFacts
from tsumami.testing import ScriptedModel, saying


def facts(**changes: Any) -> ReplyFacts:
    """The facts of a reply, as a run of a scripted model gives them."""
    run = ScriptedModel(saying("Yes.")).run("Is it?", seed=1)
    return dataclasses.replace(ReplyFacts.of(run), **changes)
