"""What the server is told when it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tsumami.web.hosts import Hosts
from tsumami.web.limits import Limits

__all__ = ["ServeOptions"]


def _unheard(_: str) -> None:
    """Nobody reads the log."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where to listen, who may ask, and what holds where a request says nothing.

    keys: with one of these every request but /health has to come; none: nobody has to. origins: pages that may ask
    from a browser: their origins, `localhost` (pages of this machine) or `*`; none: no page of another place.
    allow_hosts and proxies as in `tsumami app`. aliases: names of the model; none: its own. template: a chat template
    to take instead of the model's own; variables: JSON values that the template gets. knobs: values where a request
    says nothing; what is in neither holds as the program has it whose API is called. slots: whether /slots answers.
    n_ctx: tokens that one request may have, if that is less than the model's context. verbose: `__verbose` in answers.
    log: called with a line for whoever runs the server. page: the path of a page beside that opens a run (`?run=ID`).
    history: whether runs go into the history (`ServedHistory`).
    """

    host: str = "127.0.0.1"
    port: int = 8080
    keys: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    template: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    knobs: Mapping[str, Any] = field(default_factory=dict)
    n_ctx: int | None = None
    slots: bool = True
    verbose: bool = False
    log: Callable[[str], None] = _unheard
    page: str | None = None
    limits: Limits = field(default_factory=Limits)
    history: bool | None = None

    @property
    def hosts(self) -> Hosts:
        """The names of the server, and the pages that may speak to it.

        Raises:
            SettingsError: one of them is no name.
        """
        return Hosts(self.host, tuple(self.allow_hosts), pages=self.origins)
