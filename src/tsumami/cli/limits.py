"""The options of `tsumami app` that say how much each caller may take of the server."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from tsumami.cli.options import option
from tsumami.cli.words import say
from tsumami.web.limits import Limits


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """A group of options (options.py): an option a field of `Limits`."""

    limits: Limits = field(default_factory=Limits)

    @classmethod
    def parameters(cls) -> list[inspect.Parameter]:
        """The options, in the order of the help."""
        panel, limits = say("上限", "Limits"), Limits()
        made = []
        for name, flag, unit, ja, en in _options():
            default = getattr(limits, name)
            about = say(f"{ja}（既定 {default}）", f"{en} (default {default})")
            made.append(
                option(name, int, flag, default=default, help=about, metavar=f"<{unit}>", rich_help_panel=panel, min=1)
            )
        return made

    @classmethod
    def from_options(cls, values: dict[str, Any]) -> LimitOptions:
        """The group from the values that Typer parsed."""
        return cls(Limits(**values))


def _options() -> tuple[tuple[str, str, str, str, str], ...]:
    """Field of `Limits`, flag, unit, and what it bounds."""
    return (
        ("generations", "--max-generations", "N", "同時に進める生成の数。超えた分は順番を待つ",
         "generations under way at once; what comes on top waits its turn"),
        ("per_caller", "--max-generations-per-caller", "N", "そのうち 1 つのアドレスの分",
         "of these, for one address"),
        ("per_session", "--max-generations-per-session", "N", "そのうち 1 つの画面やスクリプトの分",
         "of these, for one page or script"),
        ("waiting", "--max-waiting", "N", "1 つのアドレスが順番を待てる数",
         "calls that one address may have waiting"),
        ("connections", "--max-connections", "N", "同時に開いているリクエストの数",
         "requests that are open at once"),
        ("caller_connections", "--max-connections-per-caller", "N", "そのうち 1 つのアドレスの分",
         "of these, for one address"),
        ("sessions", "--max-sessions-per-caller", "N", "1 つのアドレスが開ける画面やスクリプトの数",
         "pages and scripts that one address may have open"),
        ("body", "--max-body", "MB", "リクエスト 1 つの大きさ", "size of a request"),
        ("upload", "--max-upload", "MB", "送られるファイル 1 つの大きさ", "size of an uploaded file"),
        ("uploads", "--max-uploads-per-caller", "MB", "1 つのアドレスが 1 時間に送れるファイルの合計",
         "size of all files that one address may upload in an hour"),
    )  # fmt: skip
