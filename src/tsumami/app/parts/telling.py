"""Telling a reader of the page something: messages that lie over the page, and go by themselves.

Guarantee: what a user can cause is a message in the page's language, and the page stays as it was or shows what the
handler names instead; what is our own fault goes through. A message is shown as the characters it is made of: Gradio
reads messages as HTML, so nobody but this module gives it any.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, Final, TypeVar, cast

import gradio as gr

from tsumami.app.words.texts import Texts
from tsumami.app.work.keeping import Keeping, Visitor
from tsumami.errors import CancelledError, TsumamiError

_F = TypeVar("_F", bound=Callable[..., Any])

_SAME: Final = gr.skip()  # Gradio takes one for all parts of the page


def say(text: str) -> None:
    """Say something that is no trouble."""
    gr.Info(escape(text))


def warn(text: str, title: str) -> None:
    """Say that something did not work."""
    gr.Warning(escape(text), title=escape(title))


def tell(texts: Texts, error: TsumamiError) -> None:
    """Say what went wrong; nothing where the reader has stopped it."""
    if not isinstance(error, CancelledError):
        warn(texts.error(error), texts("error.title"))


def tell_not_kept(texts: Texts, history: Keeping, visit: Visitor) -> None:
    """Say, once to each session, why something that was made is not kept."""
    error = history.untold(visit)
    if error is not None:
        warn(texts.error(error), texts("history.not_kept"))


def told(instead: Any = _SAME) -> Callable[[_F], _F]:
    """A handler of something that has `texts`: errors that users can cause become a message, and `instead` is what the
    page shows then (default: what it has shown), without a word where the reader stopped it. A generator that has shown
    something has shown it.
    """

    def telling(handler: _F) -> _F:
        @functools.wraps(handler)
        def answered(self: Any, *given: Any, **named: Any) -> Any:
            try:
                return handler(self, *given, **named)
            except TsumamiError as error:
                tell(self.texts, error)
                return instead

        @functools.wraps(handler)
        def growing(self: Any, *given: Any, **named: Any) -> Iterator[Any]:
            try:
                yield from handler(self, *given, **named)
            except TsumamiError as error:
                tell(self.texts, error)
                yield instead

        return cast("_F", growing if inspect.isgeneratorfunction(handler) else answered)

    return telling
