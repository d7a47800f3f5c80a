"""The tab "Learn": the course on next-token prediction, with the session's model.

Guarantee: the words and the functions are the course's, as in the notebook; nothing is computed before its part is
opened, and what is opened again is computed with the model that is loaded then. What fails is a message in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any, ClassVar, Final

import gradio as gr

from tsumami import course
from tsumami.app.parts.desk import Desk
from tsumami.app.tabs.learn import view
from tsumami.app.words.texts import Texts
from tsumami.app.work.kept import Kept
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Asked, Task, Tasks, session_of
from tsumami.course import Words
from tsumami.errors import CancelledError, TsumamiError
from tsumami.model import Model
from tsumami.runs import Run, Stream
from tsumami.runs.making import Pace
from tsumami.settings import Settings

_STEPS: Final = 20
_REPEATS: Final = 2
_LEAST_SECONDS: Final = 0.2  # between two looks at a reply that is being written
_SUMMARY: Final = "summary"
_TO_THE_TOP: Final = "() => { document.getElementById('learn').scrollIntoView(); return []; }"
_QUICK: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
_LONG: Final[dict[str, Any]] = {
    "api_visibility": "private", "show_progress": "minimal", "trigger_mode": "multiple",
    "concurrency_limit": None, "concurrency_id": "talk",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _KeptRun:
    """A run that a session looks at, and what it was made from."""

    choice: ModelChoice
    prompt: str
    run: Run


@dataclass(slots=True)
class LearnTab:
    """The tab. What a session looks at stays in the server: the run of the loop, and that of a strategy."""

    name: ClassVar[str] = "learn"
    texts: Texts
    shelf: Shelf
    _loops: Kept[_KeptRun] = field(default_factory=Kept)
    _searches: Kept[_KeptRun] = field(default_factory=Kept)
    _measuring: Tasks[Task] = field(default_factory=Tasks)
    _replies: Tasks[Stream] = field(default_factory=Tasks)
    _looks: Tasks[Task] = field(default_factory=lambda: Tasks(several=True))

    @property
    def _words(self) -> Words:
        """The course's words in the page's language."""
        return Words(self.texts.language)

    # --- layout ---

    def build(self, desk: Desk, place: gr.Tab) -> None:
        """Lay out the tab and connect it; call inside the `gr.Tab`."""
        words = self._words
        lay_out: dict[str, Callable[[gr.Tab, gr.State], None]] = {
            "loop": partial(self._loop, place),
            "tokens": self._tokens,
            "lengths": self._lengths,
            "strategies": self._strategies,
            "prompts": self._prompts,
            "time": self._time,
            "inside": self._inside,
        }
        with gr.Tabs(elem_id="learn") as parts:
            for part, following in zip(course.PARTS, (*course.PARTS[1:], _SUMMARY), strict=True):
                with (
                    gr.Tab(words(f"{part}.title"), id=part, elem_id=f"learn-{part}") as opened,
                    gr.Column(elem_classes="lesson"),
                ):
                    if part == course.PARTS[0]:
                        gr.HTML(view.intro(words))
                    gr.HTML(_titled(words, part) + view.opening(words, part))
                    lay_out[part](opened, desk.choice)
                    gr.HTML(view.closing(words, part))
                    on = gr.Button(f"{words(f'{following}.title')} →", size="sm", elem_classes="on")
                    on.click(partial(gr.Tabs, selected=following), None, [parts], js=_TO_THE_TOP, **_QUICK)
            with gr.Tab(words("summary.title"), id=_SUMMARY), gr.Column(elem_classes="lesson"):
                gr.HTML(_titled(words, _SUMMARY) + view.summary(words))
        desk.blocks.unload(self.on_unload)

    def _prompt(self, part: str) -> tuple[gr.Textbox, gr.Button]:
        """A line for a prompt, and a button beside it."""
        words = self._words
        with gr.Row(elem_classes="tight prompt-row"):
            prompt = gr.Textbox(course.PROMPT, label=words("prompt"), lines=1, max_lines=4, scale=6,
                                elem_id=f"learn-{part}-prompt")  # fmt: skip
            go = gr.Button(words("go"), size="sm", scale=0, min_width=90, elem_id=f"learn-{part}-go")
        return prompt, go

    def _loop(self, tab: gr.Tab, part: gr.Tab, choice: gr.State) -> None:
        words = self._words
        prompt, go = self._prompt("loop")
        with gr.Row(elem_classes="tight prompt-row"):
            step = gr.Slider(1, _STEPS, 1, step=1, label=words("loop.step"), scale=6, elem_id="learn-step")
            onward = gr.Button(words("loop.next"), size="sm", scale=0, min_width=150, elem_id="learn-onward")
        shown = gr.HTML(elem_id="learn-loop-view")
        gr.on([tab.select, part.select, prompt.submit, go.click], self.on_loop, [choice, prompt, step],
              [shown, step], **_LONG)  # fmt: skip
        step.change(self.on_step, [choice, prompt, step], [shown], trigger_mode="always_last", **_QUICK)
        onward.click(self.on_onward, [step], [step], **_QUICK)

    def _tokens(self, part: gr.Tab, choice: gr.State) -> None:
        words = self._words
        text = gr.Textbox(f"{course.PROMPT} 夢を見る🎈", label=words("prompt"), lines=2, max_lines=6,
                          elem_id="learn-tokens-text")  # fmt: skip
        models = gr.CheckboxGroup([], label=words("model"), elem_id="learn-tokens-models")
        shown = gr.HTML(elem_id="learn-tokens-view")
        part.select(self.on_models, [choice, models], [models], **_QUICK)
        gr.on([text.change, models.change], self.on_tokens, [choice, models, text], [shown],
              trigger_mode="always_last", **_QUICK)  # fmt: skip

    def _lengths(self, part: gr.Tab, choice: gr.State) -> None:
        texts = gr.Textbox("\n".join(course.PROMPTS), label=self._words("lengths.add"), lines=5, max_lines=12,
                           elem_id="learn-lengths-texts")  # fmt: skip
        shown = gr.HTML(elem_id="learn-lengths-view")
        gr.on([part.select, texts.change], self.on_lengths, [choice, texts], [shown],
              trigger_mode="always_last", **_QUICK)  # fmt: skip

    def _strategies(self, part: gr.Tab, choice: gr.State) -> None:
        words = self._words
        prompt, go = self._prompt("strategies")
        with gr.Row(elem_classes="tight"):
            names = [(words(f"strategies.name.{name}"), name) for name in course.STRATEGIES]
            name = gr.Radio(names, value="greedy", show_label=False, container=False, scale=6, elem_id="learn-strategy")
            seed = gr.Number(0, label="seed", precision=0, minimum=0, min_width=90, scale=0, elem_id="learn-seed")
        shown = gr.HTML(elem_id="learn-strategies-view")
        with gr.Column(visible=False) as search:
            token = gr.Slider(1, course.N_TOKENS, 1, step=1, label=words("strategies.token"), elem_id="learn-token")
            terms = gr.HTML(elem_id="learn-terms")
        gr.on([part.select, prompt.submit, go.click, name.input, seed.submit], self.on_strategy,
              [choice, name, prompt, seed], [shown, search, token, terms], **_LONG)  # fmt: skip
        token.input(self.on_token, [token], [terms], trigger_mode="always_last", **_QUICK)

    def _prompts(self, part: gr.Tab, choice: gr.State) -> None:
        prompt, go = self._prompt("prompts")
        shown = gr.HTML(elem_id="learn-prompts-view")
        gr.on([part.select, prompt.submit, go.click], self.on_variants, [choice, prompt], [shown], **_LONG)

    def _time(self, part: gr.Tab, choice: gr.State) -> None:  # noqa: ARG002  (nothing is measured before it is asked for)
        words = self._words
        with gr.Row(elem_classes="tight prompt-row"):
            counts = gr.Textbox(", ".join(map(str, course.NEW_TOKENS)), label=words("time.new_tokens"), scale=3,
                                min_width=160, elem_id="learn-time-counts")  # fmt: skip
            repeats = gr.Slider(1, 5, _REPEATS, step=1, label=words("time.repeats"), scale=2, min_width=160)
            go = gr.Button(words("time.measure"), variant="primary", size="sm", scale=0, min_width=90,
                           elem_id="learn-time-go")  # fmt: skip
            stop = gr.Button(words("time.stop"), variant="stop", size="sm", scale=0, min_width=90,
                             elem_id="learn-time-stop")  # fmt: skip
        shown = gr.HTML(f"<p><small>{words('time.none')}</small></p>", elem_id="learn-time-view")
        gr.on([go.click, counts.submit], self.on_measure, [choice, counts, repeats], [shown], **_LONG)
        stop.click(self.on_stop, None, None, **_QUICK)

    def _inside(self, part: gr.Tab, choice: gr.State) -> None:
        prompt, go = self._prompt("inside")
        shown = gr.HTML(elem_id="learn-inside-view")
        gr.on([part.select, prompt.submit, go.click], self.on_inside, [choice, prompt], [shown], **_LONG)

    # --- handlers ---

    def on_loop(self, request: gr.Request, choice: ModelChoice, prompt: str | None, step: float) -> tuple[str, Any]:
        """Twenty tokens from a prompt, and the boxes of one of them: the first one of a new prompt."""
        known = self._loops.get(session_of(request))
        same = known is not None and (known.choice, known.prompt) == (choice, prompt)
        at = int(step) if same else 1
        html = self.on_step(request, choice, prompt, at)
        known = self._loops.get(session_of(request))
        most = len(known.run.steps) if known is not None else _STEPS
        return html, gr.update(maximum=max(most, 1), value=min(at, most))

    def on_step(self, request: gr.Request, choice: ModelChoice, prompt: str | None, step: float) -> str:
        """The boxes of a step."""
        session = session_of(request)
        stepped = partial(self._stepped, session, choice, prompt or "", int(step or 1) - 1)
        return self._shown(session, choice, prompt, stepped)

    def _stepped(self, session: str, choice: ModelChoice, prompt: str, step: int, model: Model) -> str:
        known = self._loops.get(session)
        if known is None or (known.choice, known.prompt) != (choice, prompt):
            known = _KeptRun(choice, prompt, model.run(prompt, seed=0, max_tokens=_STEPS))
            self._loops.put(session, known)
        run = known.run.attach(model)
        if not run.steps:
            return view.problem(self._words("loop.no_steps"))
        return view.loop(run, min(step, len(run.steps) - 1), self._words)

    def on_onward(self, step: float) -> float:
        """One step further."""
        return step + 1

    def on_models(self, choice: ModelChoice, chosen: Sequence[str]) -> Any:
        """The models that are on this machine; the session's own is looked at first."""
        own = self.shelf.shown(choice)
        names = list(dict.fromkeys([own, *course.models_here()]))
        return gr.update(choices=names, value=[name for name in names if name in chosen] or [own])

    def on_tokens(self, request: gr.Request, choice: ModelChoice, chosen: Sequence[str], text: str | None) -> str:
        """A text as each of the models reads it."""
        return "".join(
            self._shown(
                session_of(request),
                choice if name == self.shelf.shown(choice) else ModelChoice(name),
                text,
                partial(view.tokens, name=name, text=text or "", words=self._words),
            )
            for name in chosen
        )

    def on_lengths(self, request: gr.Request, choice: ModelChoice, texts: str | None) -> str:
        """How long some texts are."""
        show = partial(view.lengths, text=texts or "", words=self._words)
        return self._shown(session_of(request), choice, (texts or "").strip(), show)

    def on_strategy(
        self, request: gr.Request, choice: ModelChoice, name: str, prompt: str | None, seed: float | None
    ) -> Iterator[tuple[Any, ...]]:
        """Forty tokens with one strategy, as they come; a new wish ends the one before it."""
        self._replies.drop(session_of(request))
        if not prompt:
            yield view.problem(self._words("tokens.empty")), *self._no_search()
            return
        try:
            with self._replies.ask(session_of(request)) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
                for growing in self._reply(asked, model, prompt, course.strategy_settings(name, seed=int(seed or 0))):
                    if isinstance(growing, str):
                        yield growing, *self._no_search()
                        continue
                    yield view.strategy(name, growing, self._words), *self._no_search()
                    if name == "contrastive" and growing.steps:
                        self._searches.put(asked.session, _KeptRun(choice, prompt, growing))
                        found = view.terms(model, growing, 0, self._words)
                        most = gr.update(value=1, maximum=len(growing.steps))
                        yield gr.skip(), gr.update(visible=True), most, found
        except CancelledError:
            return
        except TsumamiError as error:
            yield view.problem(self.texts.error(error)), *self._no_search()

    def _reply(self, asked: Asked[Stream], model: Model, prompt: str, settings: Settings) -> Iterator[str | Run]:
        """How far a reply is, and then the run; nothing more once nobody wants to see it."""
        if asked.stopped:
            return
        text, pace = "", Pace(_LEAST_SECONDS)
        with model.stream(prompt, settings) as stream:
            asked.begin(stream)
            for done, step in enumerate(stream, 1):
                text += step.text
                if asked.dropped:
                    return
                if pace.due():
                    yield view.progress(done, settings.max_tokens, text)
            if not asked.dropped:
                yield stream.run

    def _no_search(self) -> tuple[Any, ...]:
        return gr.update(visible=False), gr.skip(), ""

    def on_token(self, request: gr.Request, token: float) -> str:
        """The two terms at another token of the search."""
        known = self._searches.get(session_of(request))
        if known is None:
            return view.problem(self.texts("microscope.gone"))
        step = min(int(token), len(known.run.steps)) - 1
        show = partial(view.terms, run=known.run, step=step, words=self._words)
        return self._shown(session_of(request), known.choice, known.prompt, show)

    def on_variants(self, request: gr.Request, choice: ModelChoice, prompt: str | None) -> str:
        """Three ways to begin, continued with the same rolls."""
        show = partial(view.variants, prompt=prompt or "", words=self._words)
        return self._shown(session_of(request), choice, prompt, show)

    def on_measure(self, request: gr.Request, choice: ModelChoice, counts: str | None, repeats: float) -> Iterator[str]:
        """Measure until it is done or stopped; a new measurement ends the one before it."""
        self._measuring.drop(session_of(request))
        try:
            numbers = course.read_counts(counts or "")
            session = session_of(request)
            with self._measuring.ask(session) as asked, self.shelf.lend(choice, wanted=asked.wanted) as model:
                if asked.stopped:
                    return
                for measured in view.measuring(model, numbers, int(repeats), lambda: asked.stopped, self._words):
                    if asked.dropped:
                        return
                    yield measured
        except CancelledError:
            return
        except TsumamiError as error:
            yield view.problem(self.texts.error(error))

    def on_stop(self, request: gr.Request) -> None:
        """Measure no more; what has been measured stays."""
        self._measuring.stop(session_of(request))

    def on_inside(self, request: gr.Request, choice: ModelChoice, prompt: str | None) -> str:
        """The way of a text through the model."""
        show = partial(view.inside, text=prompt or "", words=self._words)
        return self._shown(session_of(request), choice, prompt, show)

    def stop(self, session: str) -> None:
        """End what is measured, written and looked at; what there is stays."""
        for tasks in (self._measuring, self._replies, self._looks):
            tasks.stop(session)

    def on_unload(self, request: gr.Request) -> None:
        """The page was closed: nobody waits for anything any more."""
        session = session_of(request)
        self.stop(session)
        for kept in (self._loops, self._searches):
            kept.forget(session)

    def _shown(self, session: str, choice: ModelChoice, text: str | None, show: Callable[[Model], str]) -> str:
        """What `show` makes of the session's model, or why it cannot; nothing for a session that has gone."""
        if not text:
            return view.problem(self._words("tokens.empty"))
        try:
            with self._looks.ask(session) as asked, asked.working(), self.shelf.lend(choice) as model:
                return show(model) if asked.wanted() else ""
        except CancelledError:
            return ""
        except TsumamiError as error:
            return view.problem(self.texts.error(error))


def _titled(words: Words, part: str) -> str:
    """The heading of a part for screen readers; for the eye its tab is it."""
    return f'<h2 class="told">{escape(words(f"{part}.title"))}</h2>'
