"""How large a campaign is, and where it keeps what it found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Options:
    """A campaign.

    seed: same seed, same inputs. inputs: of each fuzzer. kills: of each attack that kills. sessions, minutes: the crowd
    and how long it stays. requests: of the attack on memory. patience: seconds until something counts as hung.
    """

    seed: int = 0
    inputs: int = 10_000
    kills: int = 100
    sessions: int = 32
    minutes: float = 10.0
    requests: int = 1_000
    patience: float = 60.0
    model: str = "smollm2"
    folder: Path = ROOT / ".cache" / "storm"

    def of(self, attack: str) -> Path:
        """The folder in which an attack keeps what it found; it is there."""
        path = self.folder / attack.rpartition(".")[2]
        path.mkdir(parents=True, exist_ok=True)
        return path
