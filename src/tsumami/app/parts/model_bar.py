"""The model bar: which model, how a conversation becomes a prompt, and how much of it is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts import browser
from tsumami.app.parts.telling import tell
from tsumami.app.words.texts import Texts
from tsumami.app.work.replying import Sending
from tsumami.app.work.shelf import ModelChoice, Shelf
from tsumami.engine import EngineOptions
from tsumami.errors import TsumamiError
from tsumami.knobs import longest_reply
from tsumami.models import catalogue, is_name
from tsumami.web.callers import at_home, naming

_OWN_TEMPLATE: Final = "auto"
_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class ModelBar:
    """The components; `choice` holds what the session has loaded."""

    name: gr.Dropdown
    n_ctx: gr.Number
    fast: gr.Checkbox
    load: gr.Button
    state: gr.HTML
    choice: gr.State
    template: gr.Radio
    system: gr.Textbox
    memory: gr.Slider

    @property
    def inputs(self) -> list[Component]:
        """What makes a `BarContents`, in its order: all that changes the next prompt."""
        return [getattr(self, name) for name in BarContents._fields]

    @property
    def positions(self) -> dict[str, Component]:
        """What outlives the page whatever happens to the server; the model is taken up again by `reopened`."""
        return {"template": self.template, "system": self.system, "memory": self.memory}


class BarContents(NamedTuple):
    """What the bar holds: the session's model, and how a conversation becomes a prompt."""

    choice: ModelChoice | None
    template: str
    system: str | None
    memory: float


@dataclass(frozen=True, slots=True)
class Picked:
    """What the bar says: the model, and how to send."""

    choice: ModelChoice
    sending: Sending


class Reopened(NamedTuple):
    """Contents of choice, state, the knob max_tokens, and the form: name, n_ctx, fast."""

    choice: ModelChoice
    line: str
    reach: Any
    name: str
    n_ctx: int
    fast: bool


def build(texts: Texts, default: ModelChoice, choice: gr.State) -> ModelBar:
    """Lay out the bar; `choice` holds the session's model, at first the default."""
    with gr.Accordion(texts("model.title", name=default.name), open=False, elem_id="model-bar"):
        with gr.Row(elem_classes="tight"):
            name, n_ctx, fast = _loading_form(texts, default)
            load = gr.Button(texts("model.load"), size="sm", min_width=80, elem_id="model-load")
        state = gr.HTML(elem_id="model-state")
        with gr.Row(elem_classes="tight"):
            template, memory = _prompting_form(texts)
        system = gr.Textbox(
            label=texts("model.system"), placeholder=texts("model.system_info"), lines=1, max_lines=4, elem_id="system"
        )
    return ModelBar(name, n_ctx, fast, load, state, choice, template, system, memory)


def _loading_form(texts: Texts, default: ModelChoice) -> tuple[gr.Dropdown, gr.Number, gr.Checkbox]:
    """What to load, and how."""
    name = gr.Dropdown(
        _names(texts), value=default.name, label=texts("model.name"), info=texts("model.name_info"),
        allow_custom_value=True, scale=3, elem_id="model-name",
    )  # fmt: skip
    n_ctx = gr.Number(  # Gradio makes an empty box a 0, so that is what 0 means
        default.options.n_ctx or 0, label="n_ctx", info=texts("model.n_ctx_info"), precision=0, min_width=90, scale=1
    )
    fast = gr.Checkbox(not default.options.exact, label="fast", info=texts("model.fast_info"), min_width=90)
    return name, n_ctx, fast


def _prompting_form(texts: Texts) -> tuple[gr.Radio, gr.Slider]:
    """How a conversation becomes a prompt, and how much of it."""
    names = (_OWN_TEMPLATE, "model", "llama2", "raw")
    template = gr.Radio(
        [(texts(f"model.template_{name}"), name) for name in names],
        value=_OWN_TEMPLATE, label=texts("model.template"), elem_id="template", scale=3,
    )  # fmt: skip
    memory = gr.Slider(
        _ALL, 20, value=_ALL, step=1, label=texts("model.memory"), info=texts("model.memory_info"), scale=2,
        elem_id="memory",
    )  # fmt: skip
    return template, memory


def _names(texts: Texts) -> list[tuple[str, str]]:
    return [
        (f"{entry.name} — {texts.pick(entry.description_ja, entry.description_en)}", entry.name)
        for entry in catalogue()
    ]


def read(contents: BarContents) -> Picked:
    """What the bar says."""
    choice, template, system, memory = contents
    name = None if template == _OWN_TEMPLATE else str(template)
    remembered = None if name == "llama2" and memory == _ALL else int(memory)
    return Picked(choice or ModelChoice(), Sending(name, str(system or "").strip(), remembered))


def load_model(
    texts: Texts, shelf: Shelf, name: str, n_ctx: float | None, fast: bool, progress: gr.Progress
) -> tuple[ModelChoice, str, int]:
    """Load a model; returns the choice, a line on what was loaded, and its context.

    Raises:
        TsumamiError: it cannot be loaded; what was loaded before stays.
    """

    def report(share: float, stage: str) -> None:
        progress(share, desc=texts(f"model.{stage}ing"))

    choice = _choice(shelf, str(name).strip(), int(n_ctx) if n_ctx else None, fast=fast)
    with shelf.lend(choice, report) as model:
        return choice, describe(texts, model), model.n_ctx


def _choice(shelf: Shelf, name: str, n_ctx: int | None, *, fast: bool) -> ModelChoice:
    """A choice of the form; the server's own model keeps the adapters that the server was begun with."""
    lora = shelf.default.options.lora if name == shelf.default.name else ()
    return ModelChoice(name, EngineOptions(n_ctx=n_ctx, exact=not fast, lora=lora))


def to_keep(choice: ModelChoice) -> dict[str, Any]:
    """A choice as the browser keeps it."""
    return {"name": choice.name, "n_ctx": choice.options.n_ctx, "fast": not choice.options.exact}


def kept_choice(shelf: Shelf, kept: Any) -> ModelChoice | None:
    """The choice that the browser has kept; None if it has kept nothing that is one."""
    match kept:
        case {"name": str(name), "n_ctx": int() | None as n_ctx, "fast": bool(fast)} if name:
            return _choice(shelf, name, n_ctx, fast=fast)
    return None


def reopened(texts: Texts, shelf: Shelf, kept: Any, wanted: float | None, *, home: bool = True) -> Reopened:
    """What the bar shows when the page is opened: the model that the browser has kept, if it is still loaded. If not,
    it stands in the form and one press loads it: nobody waits for a model when opening a page. Who is not at home
    learns nothing of paths, not even which one is loaded.
    """
    before = kept_choice(shelf, kept)
    if before is not None and not home and not is_name(before.name):
        before = None
    choice = before if before is not None and shelf.has(before) else shelf.default
    with shelf.lend(choice) as model:
        line, most = describe(texts, model), longest_reply(model.n_ctx)
    if before is not None and before != choice:
        line = f"{_lines(texts('model.gone', name=before.name))}{line}"
    form = to_keep(before or shelf.default)
    reach = gr.skip() if choice == shelf.default else gr.update(maximum=max(most, wanted or 0))
    return Reopened(choice, line, reach, form["name"], form["n_ctx"] or 0, form["fast"])


def describe(texts: Texts, model: Any) -> str:
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


def _said(texts: Texts, model: Any) -> str:
    """The warnings of llama.cpp, a paragraph each."""
    notices = model.engine_card.notices
    return "".join(f'<p class="problem">⚠️ {escape(texts.pick(one.ja, one.en))}</p>' for one in notices)


def _lines(text: str) -> str:
    """A text as HTML: its paragraphs, as they are written."""
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.split("\n\n"))


class LoadNews(NamedTuple):
    """What loading a model changes; what is not given stays as it is. reach: the knob max_tokens."""

    choice: Any = gr.skip()
    line: Any = gr.skip()
    reach: Any = gr.skip()
    store: Any = gr.skip()


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """Loading a model changes the session's choice, the line about it, and how far max_tokens reaches. The browser
    keeps the choice.
    """

    texts: Texts
    shelf: Shelf

    def wire(self, bar: ModelBar, length: gr.Slider, restored: Any) -> None:
        """Connect the bar. length: the knob max_tokens; restored: the event after which the page's form stands."""
        store = browser.kept("model", {})
        bar.load.click(
            self.on_load_model,
            [bar.name, bar.n_ctx, bar.fast, length],
            [bar.choice, bar.state, length, store],
            api_visibility="private",
        )
        restored.then(
            self.on_open,
            [store, length],
            [bar.choice, bar.state, length, bar.name, bar.n_ctx, bar.fast],
            api_visibility="private", show_progress="hidden", queue=False,
        )  # fmt: skip

    def on_load_model(
        self,
        name: str,
        n_ctx: float | None,
        fast: bool,
        wanted: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (Gradio's way)
    ) -> Iterator[LoadNews]:
        """Load another model; if it cannot be loaded, the one before stays."""
        texts = self.texts
        try:
            with naming(name, at_home(request.request)):
                choice, line, reach = load_model(texts, self.shelf, name, n_ctx, fast, progress)
        except TsumamiError as error:
            tell(texts, error)
            yield LoadNews(line=_lines(texts("model.kept", why=texts.error(error))))
            return
        most = max(reach - 256, 1)
        yield LoadNews(choice, line, gr.update(maximum=most, value=min(wanted or 0, most)), to_keep(choice))

    def on_open(self, kept: Any, wanted: float | None, request: gr.Request) -> Reopened:
        """Take up the model that the browser has kept."""
        return reopened(self.texts, self.shelf, kept, wanted, home=at_home(request.request))
