"""The app without a browser: values, texts, the shelf of models, replies, and what is shown of them."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import string
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.strategies import settings_strategy

import tsumami.app
from tsumami import errors
from tsumami.app.parts import chain_view, knob_panel
from tsumami.app.tabs.chat import view
from tsumami.app.words.texts import LANGUAGES, Texts, preferred
from tsumami.app.work import shelf
from tsumami.app.work.conversation import Conversation, ReplyFacts
from tsumami.app.work.knob_values import contents_of, read, settings_of, shown
from tsumami.app.work.replying import Growing, Sending, reply
from tsumami.app.work.shelf import Choice, Shelf
from tsumami.app.work.tasks import Tasks
from tsumami.errors import ModelNotFoundError, PromptTooLongError, SettingsError, TsumamiError
from tsumami.knobs import KNOBS, STAGES
from tsumami.presets import PRESETS
from tsumami.prompts import Exchange
from tsumami.runs import STOP_REASONS
from tsumami.settings import Settings
from tsumami.testing import ScriptedModel, saying

APP = Path(tsumami.app.__file__).parent
EN, JA = Texts("en"), Texts("ja")


def facts(**changes: Any) -> ReplyFacts:
    """The facts of a reply, as a run of a scripted model gives them."""
    run = ScriptedModel(saying("Yes.")).run("Is it?", seed=1)
    return dataclasses.replace(ReplyFacts.of(run), **changes)


patient = settings(deadline=None)  # for examples on a machine that is busy with other tests

# --- conversations

exchanges = st.builds(
    Exchange, st.text(), st.text(), st.sampled_from([None, facts(), facts(prompt="```\n````", seed=9)])
)
conversations = st.lists(exchanges, max_size=5).map(lambda made: Conversation(tuple(made)))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@patient
@given(conversations)
def test_a_conversation_comes_back_from_json(conversation: Conversation) -> None:
    assert Conversation.from_json(json.loads(json.dumps(conversation.to_json()))) == conversation


@patient
@given(json_values)
def test_garbage_in_the_storage_is_an_empty_conversation(garbage: Any) -> None:
    assert Conversation.from_json(garbage) == Conversation()
    wrapped = {"version": 1, "exchanges": garbage}
    assert Conversation.from_json(wrapped) == Conversation()


@patient
@given(st.sampled_from([field.name for field in dataclasses.fields(ReplyFacts)]), json_values)
def test_broken_facts_in_the_storage_never_break_the_page(name: str, garbage: Any) -> None:
    stored = Conversation((Exchange("a", "b", facts()),)).to_json()
    stored["exchanges"][0]["facts"][name] = garbage
    for texts in (EN, JA):
        assert view.chat_messages(texts, Conversation.from_json(stored)) is not None
    stored["exchanges"][0]["facts"].pop(name)
    assert Conversation.from_json(stored) == Conversation()


@patient
@given(conversations, st.text(), st.data())
def test_edits_make_new_conversations(conversation: Conversation, text: str, data: st.DataObject) -> None:
    before = conversation.to_json()
    asked = conversation.ask(text)
    assert asked.exchanges == (*conversation.exchanges, Exchange(text))
    assert asked.without_last() == conversation
    assert asked.answered("yes").reopened() == asked
    if len(conversation):
        index = data.draw(st.integers(0, len(conversation) - 1))
        edited = conversation.edited(index, text)
        assert edited.exchanges == (*conversation.exchanges[:index], Exchange(text))
    assert conversation.to_json() == before


def test_messages_alternate_and_only_an_open_question_ends_with_the_user() -> None:
    conversation = Conversation((Exchange("a", "b"), Exchange("c", ""), Exchange("d", "e")))
    roles = [message.role for message in conversation.messages("s")]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant"]
    assert conversation.ask("f").messages()[-1].content == "f"


# --- knobs between page and Settings


@pytest.mark.parametrize("n_ctx", [64, 512, 4096])
def test_no_slider_begins_beyond_its_end_however_small_the_context_is(n_ctx: int) -> None:
    parts = [knob_panel._component(EN, knob, n_ctx) for knob in KNOBS.values() if knob.name != "samplers"]
    sliders = [one for one in parts if isinstance(one, gr.Slider)]
    assert sliders
    assert all(one.minimum <= one.value <= one.maximum for one in sliders)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans().flatmap(lambda handy: settings_strategy(handy=handy, grammar=True, contrastive=not handy)))
def test_what_the_panel_shows_reads_back_to_the_same_settings(made: Settings) -> None:
    contents = json.loads(
        json.dumps(contents_of(made) | {"samplers": chain_view.shown(made)})
    )  # as through the browser
    assert knob_panel.read_panel([contents[name] for name in KNOBS]) == made


@patient
@given(st.lists(st.text(min_size=1)))
def test_typed_lists_read_back(values: list[str]) -> None:
    assert read(KNOBS["stop"], shown(KNOBS["stop"], values)) == values


@pytest.mark.parametrize("name", sorted(KNOBS))
def test_an_emptied_box_is_a_message_or_means_none(name: str) -> None:
    contents = contents_of(Settings())
    contents[name] = None
    if KNOBS[name].kind in ("texts", "bias", "grammar", "schema"):
        assert settings_of(contents) == Settings.from_mapping({name: read(KNOBS[name], "")})
    elif name != "samplers":
        with pytest.raises(SettingsError, match=name):
            settings_of(contents)


@pytest.mark.parametrize("line", ["nonsense", "=", "1=", "=1", "a=1", "1=b", "1.5=2"])
def test_a_bias_that_means_nothing_is_named(line: str) -> None:
    with pytest.raises(SettingsError, match="logit_bias"):
        read(KNOBS["logit_bias"], line)


@pytest.mark.parametrize("texts", [EN, JA])
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_fills_greys_and_reads_back(texts: Texts, name: str) -> None:
    made = PRESETS[name].apply(Settings())
    values = [contents_of(made)[knob] if knob != "samplers" else chain_view.shown(made) for knob in KNOBS]
    assert knob_panel.preset_applied(name, values) == made
    updates = knob_panel.grey(texts, values)
    assert len(updates) == len(KNOBS) + 1
    idle = {knob for knob, update in zip(KNOBS, updates, strict=False) if "idle" in update.get("elem_classes", ())}
    assert idle == set(made.idle_knobs()) - {"samplers"}


@patient
@given(st.lists(st.sampled_from(STAGES), unique=True).map(tuple) | st.sampled_from([("classic"), ("llama.cpp")]))
def test_the_chain_reads_back(order: str | tuple[str, ...]) -> None:
    made = Settings.from_mapping({"samplers": order})
    again = Settings.from_mapping({"samplers": chain_view.read(chain_view.shown(made))})
    assert again.chain_order == made.chain_order


# --- texts


def table(language: str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads((APP / "words" / "locales" / f"{language}.json").read_text("utf-8"))
    return loaded


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_places() -> None:
    ja, en = table("ja"), table("en")
    assert list(ja) == list(en)
    assert {key: places(text) for key, text in ja.items()} == {key: places(text) for key, text in en.items()}
    assert all(text.strip() for text in (*ja.values(), *en.values()))


def test_japanese_is_japanese() -> None:
    names = {"model.template_llama2", "next.example", "compare.example"}  # the bundled model writes English
    plain = [key for key, text in table("ja").items() if key not in names and not re.search(r"[ぁ-んァ-ヶ一-龥]", text)]
    assert plain == []


def test_no_key_is_missing_and_none_is_unused() -> None:
    code = "\n".join(path.read_text("utf-8") for path in APP.rglob("*.py")).replace('texts("key"', "")
    quoted = set(re.findall(r"""["']([a-z0-9_]+\.[A-Za-z0-9_.]+)["']""", code))
    made = tuple(re.findall(r"""f["']([a-z0-9_]+\.[a-z0-9_.]*)\{""", code))  # keys that are put together
    keys = set(table("en"))
    assert {key for key in re.findall(r'texts\(\s*"([^"]+)"', code) if key not in keys} == set()
    assert {key for key in keys if key not in quoted and not key.startswith(made)} == set()


def all_errors(kind: type[TsumamiError] = TsumamiError) -> Iterator[type[TsumamiError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("texts", [EN, JA])
def test_every_error_has_words_and_keeps_its_details(texts: Texts) -> None:
    for kind in all_errors():
        if kind.__module__ == errors.__name__ and kind.__name__ != "EmptyPromptError":
            error = kind.__new__(kind)
            Exception.__init__(error, "the {details}")
            assert "the {details}" in texts.error(error), kind


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"temperature": -1}, "つまみの値が使えません。temperature は -1.0 ですが、使えるのは 0、または"),
        ({"top_p": 1.5}, "top_p は 1.5 ですが、使えるのは 0 以上 1 以下です。"),
        ({"top_k": 2.5}, "top_k は 2.5 ですが、"),
        ({"mirostat_mode": 7}, "mirostat_mode は 7 ですが、使えるのは 0, 1, 2 のどれかです。"),
        ({"seed": ""}, "seed に値がありません。"),
        ({"logit_bias": "3=nan"}, "logit_bias[3] = nan"),
        ({"logit_bias": "nonsense"}, "logit_bias は 'nonsense' ですが、"),
    ],
)
def test_a_value_that_cannot_work_is_named_in_the_pages_language(contents: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(contents)
    assert said in JA.error(caught.value)
    assert str(caught.value) in EN.error(caught.value)
    assert said in JA.error(pickle.loads(pickle.dumps(caught.value))), "also when it comes from another process"  # noqa: S301


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr,ja;q=0.3,en;q=0.2", "ja"),
        ("en;q=0.2,ja;q=0.9", "ja"),
        ("de-DE,de", "en"),
        ("JA-jp", "ja"),
        ("jav,en;q=0.1", "en"),
        ("*", "en"),
        ("ja;q=0,en", "en"),
        ("ja;q=0", "en"),
        ("ja; q=0.9, en; q=0.1", "ja"),
        (";;;q=,,", "en"),
    ],
)
def test_the_browsers_language_is_taken(header: str, language: str) -> None:
    assert preferred(header) == language


@patient
@given(st.text())
def test_no_language_header_breaks(header: str) -> None:
    assert preferred(header) in LANGUAGES


# --- the shelf


class Loader:
    """Loads scripted models, slowly if asked to, and notes which were loaded and which were closed."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.closed: list[str] = []
        self.slow = threading.Event()
        self.slow.set()

    def __call__(self, choice: Choice, report: object) -> Any:
        self.loaded.append(choice.name)
        assert self.slow.wait(10)
        if choice.name.startswith("no"):
            raise ModelNotFoundError(choice.name)
        model = ScriptedModel(saying("Yes."), name=choice.name)
        model.close = lambda: self.closed.append(choice.name)  # type: ignore[method-assign]  # to see it
        return model


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    made = Loader()
    monkeypatch.setattr(shelf, "_load", made)
    return made


def name_of(lent: Any) -> str:
    return str(lent.model_card.name)


def test_a_failing_load_keeps_all(loader: Loader) -> None:
    models = Shelf(Choice("a"))
    with models.lend(), models.lend(Choice("b")):
        pass
    for _ in range(2):
        with pytest.raises(ModelNotFoundError), models.lend(Choice("no")):
            pass
    with models.lend() as first, models.lend(Choice("b")) as second:
        assert (name_of(first), name_of(second)) == ("a", "b")
    assert loader.loaded == ["a", "b", "no", "no"]
    assert loader.closed == []


def test_room_is_kept_and_the_longest_unused_goes_but_never_the_default(loader: Loader) -> None:
    models = Shelf(Choice("a"), room=2)
    for name in "abcb":
        with models.lend(Choice(name)):
            pass
    assert loader.loaded == ["a", "b", "c", "b"]
    assert loader.closed == ["b", "c"]
    models.close()
    assert sorted(loader.closed) == ["a", "b", "b", "c"]


def test_a_lent_model_is_never_closed(loader: Loader) -> None:
    models = Shelf(Choice("a"), room=1)
    with models.lend(), models.lend(Choice("b")):
        for name in "cde":
            with models.lend(Choice(name)):
                pass
        assert "b" not in loader.closed
    assert "b" in loader.closed


def test_whoever_asks_second_waits_for_the_first_load_and_nobody_else_does(loader: Loader) -> None:
    models = Shelf(Choice("a"))
    with models.lend():
        pass
    loader.slow.clear()
    got: list[str] = []

    def ask() -> None:
        with models.lend(Choice("b")) as model:
            got.append(name_of(model))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while "b" not in loader.loaded:
        time.sleep(0.01)
    with models.lend() as model:  # does not wait
        assert name_of(model) == "a"
    loader.slow.set()
    for thread in threads:
        thread.join(10)
    assert got == ["b"] * 4
    assert loader.loaded == ["a", "b"]


def test_many_askers_at_once_all_get_a_model_that_is_open(loader: Loader) -> None:
    models = Shelf(Choice("a"), room=1)
    wrong: list[object] = []

    def ask(seed: int) -> None:
        for turn in range(60):
            name = "abcd"[(seed + turn) % 4]
            try:
                with models.lend(Choice(name)) as model:
                    closed = loader.closed.count(name)
                    if name_of(model) != name or closed >= loader.loaded.count(name):
                        wrong.append((name, closed))
            except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


def test_a_model_is_not_tidied_away_between_its_loading_and_its_lending(loader: Loader) -> None:
    models = Shelf(Choice("a"), room=1)
    with models.lend():
        pass
    find = models._find

    def late(choice: Choice) -> Any:
        models._tidy()  # another session that has just ended
        return find(choice)

    models._find = late  # type: ignore[method-assign]  # to be in the moment in between
    with models.lend(Choice("b")) as model:
        assert name_of(model) == "b"
    assert loader.loaded == ["a", "b"]


# --- replying


def asking(
    model: Any, conversation: Conversation, tasks: Tasks[Any], made: Settings | None = None, *, session: str = "s"
) -> Iterator[Growing]:
    """A session's next reply."""
    with tasks.ask(session) as asked:
        yield from reply(model, conversation, made or Settings(), Sending(), asked=asked)


def talk(model: Any, conversation: Conversation, tasks: Tasks[Any] | None = None) -> list[Growing]:
    return list(asking(model, conversation, tasks or Tasks()))


class Formatted(ScriptedModel):
    """A scripted model that a conversation can be put to: one line a message."""

    def format(self, template: object = None) -> Any:
        return tsumami.prompts.format_named("raw", template=None, bos_token="", eos_token="")

    def as_prompt(self, prompt: Any) -> Any:
        return tsumami.runs.Prompt(prompt.text, tuple(self.tokenize(prompt.text)), prompt.format)


def test_a_reply_grows_and_ends_with_its_facts() -> None:
    updates = talk(Formatted(saying("はい、そうです。")), Conversation().ask("本当ですか"))
    assert [update.done for update in updates] == [False] * (len(updates) - 1) + [True]
    last = updates[-1].conversation.exchanges[-1]
    assert (last.user, last.reply) == ("本当ですか", "はい、そうです。")
    assert last.facts is not None
    assert last.facts.stop_reason in STOP_REASONS
    assert "".join(update.new_text for update in updates) == "はい、そうです。"
    assert all(update.conversation.exchanges[-1].facts is None for update in updates[:-1])


def test_going_on_keeps_what_was_written() -> None:
    begun = Conversation((Exchange("count", "one"),))
    updates = talk(Formatted(saying(", two")), begun)
    assert updates[-1].conversation.exchanges[-1].reply == "one, two"
    assert "".join(update.new_text for update in updates) == ", two"


def test_a_prompt_that_is_too_long_fails_before_anything_is_said() -> None:
    model, sessions = Formatted(saying("x"), n_ctx=16), Tasks[Any]()
    with pytest.raises(PromptTooLongError):
        talk(model, Conversation().ask("y" * 50), sessions)
    assert (sessions.active, model.engine.open) == (0, 0)


def test_stop_keeps_what_was_written_and_frees_the_place() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()
    growing = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0))
    next(growing)
    assert sessions.stop("s")
    assert not sessions.stop("another")
    last = list(growing)[-1]
    assert last.done
    assert last.conversation.exchanges[-1].facts is not None
    assert (sessions.active, model.engine.open) == (0, 0)


def test_a_reader_that_goes_away_frees_the_place() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()
    growing = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0))
    next(growing)
    growing.close()
    until = time.monotonic() + 5
    while model.engine.open and time.monotonic() < until:
        time.sleep(0.01)
    assert (sessions.active, model.engine.open) == (0, 0)


def test_a_second_reply_of_a_session_ends_the_first_and_no_other() -> None:
    model, sessions = Formatted(saying("ab" * 5000), n_ctx=20_000), Tasks[Any]()

    def begin(session: str) -> Any:
        made = asking(model, Conversation().ask("q"), sessions, Settings(max_tokens=0), session=session)
        next(made)
        return made

    first, other = begin("s"), begin("t")
    second = begin("s")
    assert list(first)[-1].done
    assert sessions.active == 2
    for growing in (second, other):
        growing.close()
    assert sessions.active == 0


# --- what is shown


@patient
@given(st.text() | st.sampled_from(["```", "\n```\n", "````\n```", "~~~", "``` ", "\r```"]))
def test_no_prompt_ends_its_code_block(prompt: str) -> None:
    shown_text = view.account(EN, facts(prompt=prompt, receipt={"prompt": prompt}))
    lines = re.split(r"\r\n|\r|\n", shown_text)
    fences = [line for line in lines if re.match(r"^`{3,}(text|json)$", line)]
    assert len(fences) >= 3
    fence = fences[0].removesuffix("text")
    inside = re.split(r"\r\n|\r|\n", prompt)
    assert not any(re.match(rf"^ {{0,3}}{fence}`*\s*$", line) for line in inside)


@patient
@given(
    st.lists(st.sampled_from(["<b>", "&lt;", "&amp;", "`", "``", "```", "\n", "~~~", " ", "x", "<", "&", "</p>"])).map(
        "".join
    )
)
def test_what_is_shown_as_text_reads_back(said: str) -> None:
    assert view.as_said(view.as_text(said)) == said


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("<b>hi</b> & <3", "&lt;b>hi&lt;/b> & <3"),
        ("&lt; is <", "&amp;lt; is <"),
        ("`<b>` <b>", "`<b>` &lt;b>"),
        ("```\n<b>\n```\n<b>", "```\n<b>\n```\n&lt;b>"),
        ("so:\n```html\n<b>\n", "so:\n```html\n<b>\n"),
        ("<!-- x --><?php", "&lt;!-- x -->&lt;?php"),
    ],
)
def test_tags_are_shown_and_code_is_left_alone(said: str, text: str) -> None:
    assert view.as_text(said) == text


def test_the_context_line_holds_no_words_but_ours() -> None:
    class Ahead:
        prompt = tsumami.runs.Prompt("<script>", tuple(range(10)))
        dropped = 3

    for texts in (EN, JA):
        line = view.context_line(texts, Ahead(), 100)  # type: ignore[arg-type]  # as Outlook
        assert "<script>" not in line
        assert "10" in line


@pytest.mark.parametrize("texts", [EN, JA])
def test_each_reply_is_followed_by_its_account(texts: Texts) -> None:
    conversation = Conversation((Exchange("a", "b", facts()), Exchange("c", "d"), Exchange("e")))
    roles = [(m["role"], "metadata" in m) for m in view.chat_messages(texts, conversation)]
    assert roles == [
        ("user", False),
        ("assistant", False),
        ("assistant", True),
        ("user", False),
        ("assistant", False),
        ("user", False),
    ]
    growing = view.chat_messages(texts, conversation, growing=True)
    assert growing[-1]["role"] == "assistant"
