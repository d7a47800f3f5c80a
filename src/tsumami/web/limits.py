"""How much one caller may take of the server, and how much all of them together.

Guarantee: every bound that the server keeps is a field here with its default, and an option of `tsumami app`. A caller
is an address (callers.py): a class behind one router is one caller, and the defaults have room for one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from tsumami.errors import SettingsError

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds. Sizes are in megabytes (10⁶ bytes); nothing may be below 1.

    generations: runs, replies, comparisons, maps … that are under way at once; what comes on top waits, and callers
    take turns. per_caller: of these, for one caller; per_session: of these, for one page or one script. waiting: what
    one caller may have waiting. connections: requests that are open at once; caller_connections: of one caller.
    sessions: pages and scripts that one caller has open. body: of a request; upload: of a file; uploads: of all files
    of one caller in an hour, which is also how long they are kept.
    """

    generations: int = 64
    per_caller: int = 56
    per_session: int = 48
    waiting: int = 512
    connections: int = 2048
    caller_connections: int = 1024
    sessions: int = 256
    body: int = 16
    upload: int = 200
    uploads: int = 1000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise SettingsError(f"the limit {field.name} is {value}; it needs 1 or more").in_japanese(
                    f"上限 {field.name} が {value} です。1 以上にしてください"
                )

    @property
    def body_bytes(self) -> int:
        """Bytes that a request may bring that is no upload."""
        return self.body * _MEGABYTE

    @property
    def upload_bytes(self) -> int:
        """Bytes that an upload may bring."""
        return self.upload * _MEGABYTE

    @property
    def uploads_bytes(self) -> int:
        """Bytes that one caller's uploads may bring in an hour."""
        return self.uploads * _MEGABYTE
