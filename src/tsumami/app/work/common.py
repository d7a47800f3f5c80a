"""What the pages of a server have in common, whatever their language."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsumami.app.work.keeping import Keeping
from tsumami.app.work.listening import Ears
from tsumami.app.work.shelf import Shelf
from tsumami.app.work.speaking import Mouth
from tsumami.app.work.tasks import Tasks
from tsumami.runs import Stream
from tsumami.serve import KeptRuns


@dataclass(frozen=True, slots=True)
class Common:
    """One of each for a server: a model or a Whisper fills memory once, and a reply ends with its session, to whichever
    page that belongs. api_runs: those that other programs asked for. history: where what is made is kept, if it is.
    """

    shelf: Shelf
    replies: Tasks[Stream] = field(default_factory=Tasks)
    ears: Ears = field(default_factory=Ears)
    mouth: Mouth = field(default_factory=Mouth)
    api_runs: KeptRuns = field(default_factory=KeptRuns)
    history: Keeping = field(default_factory=lambda: Keeping(wanted=False))
