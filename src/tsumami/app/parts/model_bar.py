"""The model bar: which model the session has, always in sight above the tabs, and what loads another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from tsumami.app.parts import browser, model_offer
from tsumami.app.parts.telling import tell
from tsumami.app.words.texts import LANGUAGES, Texts
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.app.work.tasks import Task, Tasks, session_of
from tsumami.engine import EngineOptions
from tsumami.errors import CancelledError, TsumamiError
from tsumami.model import Model
from tsumami.models import ModelEntry, catalogue, is_name
from tsumami.web.callers import at_home, naming
from tsumami.wording import size_text


@dataclass(frozen=True, slots=True)
class ModelBar:
    """The components; `head` says which model it is, `offer` which one knows the page's language, `choice` holds what
    the session has loaded.
    """

    head: gr.Accordion
    name: gr.Dropdown
    n_ctx: gr.Number
    fast: gr.Checkbox
    load: gr.Button
    state: gr.HTML
    offer: gr.HTML
    choice: gr.State


class Reopened(NamedTuple):
    """Contents of choice, head, state, the offer, and the form: name, n_ctx, fast."""

    choice: ModelChoice
    head: Any
    line: str
    offer: str
    name: Any
    n_ctx: int
    fast: bool


def build(texts: Texts, shelf: Shelf) -> ModelBar:
    """Lay out the bar; call above the tabs. `choice` is at first the default."""
    default, shown = shelf.default, shelf.shown_default
    with gr.Accordion(title(texts, shown), open=False, elem_id="model-bar") as head:
        with gr.Row(elem_classes="tight"):
            name, n_ctx, fast = _loading_form(texts, shown, default.options)
            load = gr.Button(texts("model.load"), size="sm", min_width=80, elem_id="model-load")
        state = gr.HTML(elem_id="model-state")
    offer = model_offer.build(texts, shown)
    return ModelBar(head, name, n_ctx, fast, load, state, offer, gr.State(default))


def title(texts: Texts, name: str, size: str = "") -> str:
    """Which model it is, in a line: its name, how large it is, the languages that it knows, and its licence."""
    entry = next((one for one in catalogue() if one.name == name), None)
    facts = [name, size]
    if entry is not None:
        facts += [_languages(texts, entry.languages), entry.license or ""]
    return texts("model.title", facts=" · ".join(filter(None, facts)))


def _loading_form(texts: Texts, shown: str, options: EngineOptions) -> tuple[gr.Dropdown, gr.Number, gr.Checkbox]:
    """What to load, and how."""
    name = gr.Dropdown(
        chooser(texts), value=shown, label=texts("model.name"), info=texts("model.name_info"),
        allow_custom_value=True, scale=3, elem_id="model-name",
    )  # fmt: skip
    n_ctx = gr.Number(  # Gradio makes an empty box a 0, so that is what 0 means
        options.n_ctx or 0, label="n_ctx", info=texts("model.n_ctx_info"), precision=0, min_width=90, scale=1
    )
    fast = gr.Checkbox(not options.exact, label="fast", info=texts("model.fast_info"), min_width=90)
    return name, n_ctx, fast


def chooser(texts: Texts) -> list[tuple[str, str]]:
    """What can be chosen now, with the names as values: those that have a name of their own, the files in the hub's
    cache, and those below the folders that the owner has given. The list is the same for everybody: paths are not in
    it.
    """
    return [(_label(texts, entry), entry.name) for entry in catalogue()]


def _label(texts: Texts, entry: ModelEntry) -> str:
    """`name — what it is · 98 MB · llama · Q4_1 · English · Apache-2.0`."""
    size = "" if entry.size is None else size_text(entry.size)
    absent = "" if entry.here else texts("model.absent")
    facts = (size, entry.architecture, entry.quantization, _languages(texts, entry.languages), entry.license, absent)
    about = texts.pick(entry.description_ja, entry.description_en)
    return f"{entry.name} — {' · '.join(filter(None, (about, *facts)))}"


def _languages(texts: Texts, codes: Sequence[str]) -> str:
    """Languages by their names; a code that has none here stays a code."""
    names: dict[str, str] = {code: texts(f"model.language_{code}") for code in LANGUAGES}
    return texts("model.and").join(names.get(code, code) for code in codes)


class ReadyModel(NamedTuple):
    """A model that was loaded: an update of the bar's head, a line on it, and its context."""

    choice: ModelChoice
    head: Any
    line: str
    n_ctx: int


def headed(texts: Texts, name: str, model: Model) -> Any:
    """An update of the bar's head for a loaded model of this name."""
    return gr.update(label=title(texts, name, f"{model.model_card.n_params / 1e6:.0f} M"))


def load_model(
    texts: Texts,
    shelf: Shelf,
    name: str,
    n_ctx: float | None,
    fast: bool,
    progress: gr.Progress,
    *,
    wanted: Callable[[], bool] | None = None,
) -> ReadyModel:
    """Load a model, as long as it is wanted.

    Raises:
        TsumamiError: it cannot be loaded, or a CancelledError; what was loaded before stays.
    """

    def report(share: float, stage: str) -> None:
        progress(share, desc=texts(f"model.{stage}ing"))

    choice = _choice(shelf, str(name).strip(), int(n_ctx) if n_ctx else None, fast=fast)
    with shelf.lend(choice, report, wanted=wanted) as model:
        return ReadyModel(choice, headed(texts, shelf.shown(choice), model), describe(texts, model), model.n_ctx)


def _choice(shelf: Shelf, name: str, n_ctx: int | None, *, fast: bool) -> ModelChoice:
    """A choice of the form; the server's own model keeps the adapters that the server was begun with."""
    own, named = shelf.default, shelf.named(name)
    if named != own.name:
        return ModelChoice(named, EngineOptions(n_ctx=n_ctx, exact=not fast))
    lora, n_probs, vocabulary = own.options.lora, own.options.n_probs, own.options.vocabulary
    return ModelChoice(named, EngineOptions(n_ctx, exact=not fast, n_probs=n_probs, lora=lora, vocabulary=vocabulary))


def to_keep(shelf: Shelf, choice: ModelChoice) -> dict[str, Any]:
    """A choice as the browser keeps it."""
    return {"name": shelf.shown(choice), "n_ctx": choice.options.n_ctx, "fast": not choice.options.exact}


def kept_choice(shelf: Shelf, kept: Any) -> ModelChoice | None:
    """The choice that the browser has kept; None if it has kept nothing that is one."""
    match kept:
        case {"name": str(name), "n_ctx": int() | None as n_ctx, "fast": bool(fast)} if name:
            return _choice(shelf, name, n_ctx, fast=fast)
    return None


def reopened(texts: Texts, shelf: Shelf, kept: Any, *, home: bool = True) -> Reopened:
    """What the bar shows when the page is opened: the model that the browser has kept, if it is still loaded. If not,
    it stands in the form and one press loads it: nobody waits for a model when opening a page. Who is not at home
    learns nothing of paths, not even which one is loaded.
    """
    before = kept_choice(shelf, kept)
    if before is not None and not home and not is_name(before.name) and before.name != shelf.default.name:
        before = None
    choice = before if before is not None and shelf.has(before) else shelf.default
    with shelf.lend(choice) as model:
        head, line = headed(texts, shelf.shown(choice), model), describe(texts, model)
    if before is not None and before != choice:
        line = f"{_lines(texts('model.gone', name=shelf.shown(before)))}{line}"
    form = to_keep(shelf, before or shelf.default)
    offered = model_offer.said(texts, choice.name)
    name = gr.update(choices=chooser(texts), value=form["name"])  # files may have come since the server began
    return Reopened(choice, head, line, offered, name, form["n_ctx"] or 0, form["fast"])


def describe(texts: Texts, model: Model) -> str:
    """On a loaded model, as HTML: size, quantisation, context, exact or not and why, what cannot be used with it, and
    what llama.cpp says of it.
    """
    card, verdict = model.model_card, model.exactness
    exact = texts("account.exact") if verdict.exact else texts("account.not_exact")
    why = texts.pick(verdict.why_ja, verdict.why_en)
    remedy = texts.pick(verdict.remedy_ja, verdict.remedy_en)
    facts = f" · {card.n_params / 1e6:.0f} M · {card.quantization} · n_ctx {model.n_ctx} · {exact}"
    name = f'<b translate="no">{escape(card.full_name)}</b>'
    return f"<p>{name}{escape(facts)}</p>{_lines(f'{why} {remedy}'.strip())}{_lacks(texts, model)}{_said(texts, model)}"


def _lacks(texts: Texts, model: Any) -> str:
    """The knobs that cannot be used with a model elsewhere, by their reasons."""
    names: dict[str, list[str]] = {}
    for name, why in model.lacks.items():
        names.setdefault(texts.pick(*why), []).append(name)
    found = (texts("model.lacks", names=", ".join(knobs), why=why) for why, knobs in names.items())
    return "".join(f"<p>{escape(one)}</p>" for one in found)


def _said(texts: Texts, model: Model) -> str:
    """The warnings of llama.cpp, a paragraph each."""
    notices = model.engine_card.notices
    return "".join(f'<p class="problem">⚠️ {escape(texts.pick(one.ja, one.en))}</p>' for one in notices)


def _lines(text: str) -> str:
    """A text as HTML: its paragraphs, as they are written."""
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.split("\n\n"))


class LoadNews(NamedTuple):
    """What loading a model changes; what is not given stays as it is."""

    choice: Any = gr.skip()
    head: Any = gr.skip()
    line: Any = gr.skip()
    store: Any = gr.skip()
    offer: Any = gr.skip()
    name: Any = gr.skip()


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """Loading a model changes the session's choice and the line about it. The browser keeps the choice. Who stops it
    keeps the model before.
    """

    texts: Texts
    shelf: Shelf
    _tasks: Tasks[Task] = field(default_factory=Tasks)

    def stop(self, session: str) -> None:
        """Load no further."""
        self._tasks.stop(session)

    def wire(self, bar: ModelBar, restored: Any) -> None:
        """Connect the bar. restored: the event after which the page's form stands."""
        store = browser.kept("model", {})
        news = [bar.choice, bar.head, bar.state, store, bar.offer, bar.name]
        form = [bar.name, bar.n_ctx, bar.fast]
        bar.load.click(self.on_load_model, form, news, api_visibility="private")
        bar.name.select(self.on_pick, form, news, api_visibility="private")
        bar.offer.select(self.on_offer, None, news, api_visibility="private")
        restored.then(
            self.on_open,
            [store],
            [bar.choice, bar.head, bar.state, bar.offer, bar.name, bar.n_ctx, bar.fast],
            api_visibility="private", show_progress="hidden", queue=False,
        )  # fmt: skip

    def on_load_model(
        self,
        name: str,
        n_ctx: float | None,
        fast: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ) -> Iterator[LoadNews]:
        """Load another model; if it cannot be loaded, the one before stays."""
        texts = self.texts
        try:
            with self._tasks.ask(session_of(request)) as asked, self._naming(name, request):
                loaded = load_model(texts, self.shelf, name, n_ctx, fast, progress, wanted=asked.wanted)
        except TsumamiError as error:
            tell(texts, error)
            why = texts("model.stopped") if isinstance(error, CancelledError) else texts.error(error)
            offered = model_offer.said(texts, self.shelf.shown_default)
            yield LoadNews(line=_lines(texts("model.kept", why=why)), offer=offered)
            return
        offered = model_offer.said(texts, loaded.choice.name)
        yield LoadNews(loaded.choice, loaded.head, loaded.line, to_keep(self.shelf, loaded.choice), offered, name)

    def _naming(self, name: str, request: gr.Request) -> AbstractContextManager[None]:
        """What watches over a name that somebody gives. By its alias anybody may have the server's own model."""
        own = name != self.shelf.default.name and self.shelf.named(name) == self.shelf.default.name
        return nullcontext() if own else naming(name, at_home(request.request))

    def on_pick(
        self,
        name: str,
        n_ctx: float | None,
        fast: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ) -> Iterator[LoadNews]:
        """Load what was picked from the list, if it is here; nobody fetches gigabytes by a slip of the finger."""
        if any(one.name == name and one.here for one in catalogue()):
            yield from self.on_load_model(name, n_ctx, fast, request, progress)
        else:
            yield LoadNews()

    def on_offer(
        self,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ) -> Iterator[LoadNews]:
        """Load the model that is offered."""
        yield from self.on_load_model(model_offer.OFFERED, None, False, request, progress)

    def on_open(self, kept: Any, request: gr.Request) -> Reopened:
        """Take up the model that the browser has kept."""
        return reopened(self.texts, self.shelf, kept, home=at_home(request.request))
