"""The tab "next token": type a prompt, turn a knob, and see at once what could come next and what the roll picks.

Guarantee: only a new prompt (or another model) is decoded; a knob that is turned works on the logits that the server
keeps for the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami import charts
from tsumami.app.parts import knob_board, knob_panel, prompt_form
from tsumami.app.parts.desk import Desk
from tsumami.app.parts.prompt_form import RAW, PromptContents
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import say, told
from tsumami.app.words.texts import Texts
from tsumami.app.work.kept import Kept
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Task, Tasks, session_of
from tsumami.errors import CancelledError, TsumamiError
from tsumami.explain.tokens import Look, NextToken, look, next_token
from tsumami.model import Model
from tsumami.settings import Settings
from tsumami.stopping import check_wanted
from tsumami.wording import percent

_ROLLS: Final = 1000
_BOARD: Final = "next-board"
_WITHOUT: Final = ("max_tokens",)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was decoded, for which model and prompt."""

    choice: ModelChoice
    contents: PromptContents
    look: Look


@dataclass(slots=True)
class NextTokenTab:
    """The tab. n_ctx: tokens of context of the default model."""

    name: ClassVar[str] = "next"
    texts: Texts
    shelf: Shelf
    n_ctx: int
    _looked: Kept[_Looked] = field(default_factory=Kept)
    _tasks: Tasks[Task] = field(default_factory=lambda: Tasks(several=True))

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        texts = self.texts
        with gr.Row(elem_id="next", elem_classes="split", equal_height=False):
            with gr.Column(scale=3, min_width=320):
                prompt = prompt_form.build(texts, "next", "next.prompt", example="next.example", bare=RAW)
                step = gr.Slider(0, 127, 0, step=1, label=texts("next.step"), min_width=220, elem_id="next-step")
                view = gr.HTML(
                    elem_id="next-view", js_on_load=script(__name__, "next_token.js"), apply_default_css=False
                )
                roll = gr.Button(texts("next.roll", count=f"{_ROLLS:,}"), size="sm", elem_id="next-roll")
                histogram = gr.HTML(elem_id="next-histogram", apply_default_css=False)
            with gr.Column(scale=2, min_width=300):
                take = gr.Button(texts("board.take"), size="sm", elem_id="next-take")
                board = knob_board.build(texts, self.n_ctx, _BOARD, without=_WITHOUT)
        prompt.wire(desk, place)
        given: list[Any] = [*prompt.inputs(desk)]
        how: list[Any] = [desk.choice, *given, board]
        quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        gr.on(
            [*(part.change for part in given), board.input, board.change, step.change, place.select],
            self.on_turn, [*how, step], [view], trigger_mode="always_last", **quick,
        )  # fmt: skip
        view.select(self.on_append, [desk.choice, *given, step], [prompt.box, step], **quick)
        take.click(self.on_take, [desk.panel.knobs], [board], **quick)
        roll.click(self.on_roll, how, [histogram], **quick)
        desk.blocks.unload(self.on_gone)

    def on_turn(
        self,
        request: gr.Request,
        choice: ModelChoice,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        board: str | None,
        step: float,
    ) -> Any:
        """What could come next, drawn anew."""
        try:
            settings = knob_board.read(board)
            with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
                contents = PromptContents(prompt, template, chat_template, system, special)
                looked = self._look(asked.session, model, choice, contents)
                found = next_token(model, looked, settings, step=int(step or 0))
                return self._drawn(model, found)
        except CancelledError:
            return gr.skip()
        except TsumamiError as error:
            return f'<p class="problem">⚠️ {escape(self.texts.error(error))}</p>'

    def stop(self, session: str) -> None:
        """Look no further."""
        self._tasks.stop(session)

    def on_gone(self, request: gr.Request) -> None:
        """The page was closed."""
        self.stop(session_of(request))
        self._looked.forget(session_of(request))

    @told()
    def on_append(
        self,
        event: gr.EventData,
        choice: ModelChoice,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        step: float,
    ) -> tuple[Any, Any]:
        """Go on with a token: it is put behind the prompt, and the next roll takes the next step."""
        if not PromptContents(prompt, template, chat_template, system, special).plain:
            say(self.texts("next.no_append"))
            return gr.skip(), gr.skip()
        with self.shelf.lend(choice) as model:
            piece = model.tokenizer.piece(int(event.token))
        try:
            return (prompt or "") + piece.decode("utf-8"), min(int(step or 0) + 1, 127)
        except UnicodeDecodeError:
            say(self.texts("next.part"))
            return gr.skip(), gr.skip()

    @told()
    def on_take(self, knobs: Any) -> Any:
        """Turn the board to the chat's knobs."""
        return knob_board.value(knob_panel.read(knobs))

    @told()
    def on_roll(
        self,
        request: gr.Request,
        choice: ModelChoice,
        prompt: str | None,
        template: str,
        chat_template: str,
        system: str | None,
        special: bool,
        board: str | None,
    ) -> Any:
        """Roll a thousand times, and put the histogram beside the exact probabilities."""
        settings = knob_board.read(board)
        contents = PromptContents(prompt, template, chat_template, system, special)
        with self._tasks.ask(session_of(request)) as asked, asked.working(), self.shelf.lend(choice) as model:
            found = next_token(model, self._look(asked.session, model, choice, contents), settings)
            return charts.inline(
                charts.rolls_picture(found.exact, found.rolled(_ROLLS), model.tokenizer.piece, self.texts.language)
            )

    def _look(self, session: str, model: Model, choice: ModelChoice, contents: PromptContents) -> Look:
        """The logits after a prompt: those that are kept, or decoded."""
        kept = self._looked.get(session)
        if kept is None or (kept.choice, kept.contents) != (choice, contents):
            prompt = prompt_form.asked(model, contents, Settings())
            kept = _Looked(choice, contents, look(model, prompt))
            self._looked.put(session, kept)
        check_wanted()
        return kept.look

    def _drawn(self, model: Model, found: NextToken) -> str:
        texts, language, piece = self.texts, self.texts.language, model.tokenizer.piece
        seen = found.account(count=12)
        name = escape(charts.visible(piece(seen.token)))
        rolled = "" if seen.u is None else f"u({found.seed}, {found.step}) = <b>{seen.u:.4f}</b> → "
        how = escape(charts.how(seen, language))
        final = percent(seen.chosen.final or 0.0)
        idle = knob_board.greyed(_BOARD, found.settings, thinks=model.thinking is not None)
        return (
            f'{idle}<div class="next">'
            f'<p class="next-pick" title="{how}">{rolled}<button data-candidate="{seen.token}" translate="no" '
            f'title="{escape(texts("next.append"))}">{name}</button> {final} <small>{how}</small></p>'
            f"{charts.next_token_bars(seen, piece, language)}"
            f"{charts.roll_strip([charts.Line.of(seen)], seen.roll, piece, language)}"
            f"<h2>{escape(texts('next.stages'))}</h2>{charts.ledger_table(seen, piece, language)}</div>"
        )
