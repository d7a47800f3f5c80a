"""`tsumami chat`: from a pipe, and the session behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tsumami
from tsumami.cli.session import COMMANDS, Session, completions, help_text
from tsumami.errors import PromptTooLongError, TsumamiError
from tsumami.knobs import KNOBS
from tsumami.prompts import Message

SHORT = ("--max-tokens", "6", "--seed", "1", "--threads", "1")


@pytest.fixture
def session(model: tsumami.Model) -> Session:
    return Session(model, tsumami.Settings(max_tokens=4, seed=1))


def say(session: Session, text: str) -> str:
    with session.ask(text) as stream:
        session.keep(stream.run)
    return session.said[-1].content


def test_every_line_is_a_message_and_stdout_holds_the_replies(invoke: Any, model: tsumami.Model) -> None:
    called = invoke("chat", *SHORT, stdin="Hello!\n\nAnd you?\n")
    first = model.chat("Hello!", max_tokens=6, seed=1)
    talk = [Message("user", "Hello!"), Message("assistant", first.text), Message("user", "And you?")]
    second = model.chat(talk, max_tokens=6, seed=1)
    assert called.code == 0
    assert called.out == f"{first.text}\n{second.text}\n"
    assert called.err.count("seed 1 · exact · max_tokens=6 seed=1") == 2


def test_japanese_goes_in_and_comes_out(invoke: Any) -> None:
    called = invoke("chat", *SHORT, "--grammar", 'root ::= "こんにちは🙂"', "--max-tokens", "40", stdin="やあ\n")
    assert called.out == "こんにちは🙂\n"


def test_a_pipe_that_ends_in_the_middle_of_a_line_is_answered_too(invoke: Any) -> None:
    assert invoke("chat", *SHORT, stdin="Hello!").out.count("\n") == 1


def test_wrong_lines_are_named_and_the_rest_goes_on(invoke: Any) -> None:
    called = invoke("chat", *SHORT, stdin="/sed 4\n/set temprature=1\n/set top_p=2\n/undo\n/retry\n/preset x\nHi\n")
    assert called.code == 2
    assert called.err.count("Error: ") == 6
    assert "nearest: /seed, /set" in called.err
    assert "nearest: temperature" in called.err
    assert called.out.count("\n") == 1


def test_exit_leaves_at_once(invoke: Any) -> None:
    called = invoke("chat", *SHORT, stdin="/exit\nHello!\n")
    assert (called.code, called.out) == (0, "")


def test_invalid_utf8_names_line_and_byte(refused: Callable[..., str]) -> None:
    assert "stdin line 1 is not valid UTF-8 at byte 2" in refused("chat", *SHORT, stdin=b"ab\xff\n")


def test_an_unknown_template_is_refused_before_the_first_message(refused: Callable[..., str]) -> None:
    assert "llama2" in refused("chat", "--template", "lama2", stdin="Hello!\n")


def test_llama2_remembers_two_exchanges(model: tsumami.Model) -> None:
    session = Session(model, tsumami.Settings(max_tokens=2, seed=1), template="llama2")
    for word in ("one", "two", "three", "four"):
        say(session, word)
    prompt = session.runs[-1].receipt.prompt
    assert "one [/INST]" not in prompt
    assert prompt.count("[/INST]") == 3
    session.memory = 0
    say(session, "five")
    assert session.runs[-1].receipt.prompt.count("[/INST]") == 1


def test_help_names_every_command() -> None:
    assert all(name in help_text() for name in COMMANDS)


def test_set_changes_shows_and_resets(session: Session) -> None:
    assert session.set("temperature=0.3") == "temperature = 0.3"
    assert session.settings.temperature == 0.3
    assert session.set("--top-k = 5") == "top_k = 5"
    assert session.set("") == "max_tokens=4 temperature=0.3 top_k=5 seed=1"
    assert session.set("temperature=default") == "temperature = 0.8"
    assert session.set("top_p").startswith("top_p = 0.95  (Keeps")
    assert "mirostat" in session.set("mirostat_tau=3")  # it does nothing now, and the line says why


def test_set_that_cannot_work_changes_nothing(session: Session) -> None:
    before = session.settings
    for text in ("top_p=2", "topp=1", "penalty_alpha=2", "grammar=@nowhere", "json_schema={"):
        with pytest.raises(TsumamiError):
            session.set(text)
    assert session.settings == before


def test_knobs_shows_all_and_marks_what_differs(session: Session) -> None:
    session.set("top_k=5")
    shown = session.show_knobs("").splitlines()
    assert {line.split(" = ")[0].strip(" *") for line in shown if " = " in line} == set(KNOBS)
    assert [line for line in shown if line.startswith(" *")] == [" * max_tokens = 4", " * top_k = 5", " * seed = 1"]


def test_a_preset_keeps_length_and_seed(session: Session) -> None:
    assert "precise" in session.preset("")
    session.preset("precise")
    assert (session.settings.top_k, session.settings.max_tokens, session.settings.seed) == (20, 4, 1)


def test_retry_with_the_same_seed_is_the_same_and_with_another_replaces(session: Session) -> None:
    first = say(session, "Tell me something.")
    for seed in (1, 2):
        session.seed(str(seed))
        with session.ask_again() as stream:
            session.keep(stream.run)
        assert len(session.said) == 2
        assert (session.said[-1].content == first) == (seed == 1)


def test_undo_and_clear_forget(session: Session) -> None:
    say(session, "one")
    say(session, "two")
    session.undo("")
    assert [message.content for message in session.said][::2] == ["one"]
    session.clear("")
    assert (session.said, session.runs) == ([], [])
    with pytest.raises(TsumamiError, match="nothing to take back"):
        session.undo("")


def test_the_system_prompt_is_heard(session: Session) -> None:
    session.set_system("Answer in rhymes.")
    say(session, "Hello")
    assert "Answer in rhymes." in session.runs[-1].receipt.prompt
    session.set_system("none")
    assert session.system is None


def test_a_message_that_does_not_fit_is_not_kept(session: Session) -> None:
    say(session, "Hello")
    with pytest.raises(PromptTooLongError):
        session.ask("word " * 5000)
    assert len(session.said) == 2


def test_a_reply_that_was_not_kept_leaves_no_question_behind(session: Session) -> None:
    first = say(session, "Hello")
    with session.ask("And you?"):
        pass  # broken off by an error, say
    assert [message.content for message in session.said] == ["Hello", first]
    with session.ask_again():
        pass
    assert [message.content for message in session.said] == ["Hello", first]
    session.undo("")
    assert session.said == []


def test_a_saved_chat_holds_messages_settings_and_runs(session: Session, tmp_path: Path) -> None:
    say(session, "こんにちは")
    session.save(str(tmp_path / "talk.json"))
    form = json.loads((tmp_path / "talk.json").read_text("utf-8"))
    assert [message["role"] for message in form["messages"]] == ["user", "assistant"]
    assert tsumami.Settings.from_mapping(form["settings"]) == session.settings
    assert tsumami.Run.from_json(json.dumps(form["runs"][0])) == session.runs[0]
    with pytest.raises(TsumamiError, match="cannot be written"):
        session.save(str(tmp_path / "no" / "talk.json"))


def test_more_goes_on_with_the_last_reply_as_if_it_had_not_stopped(session: Session, model: tsumami.Model) -> None:
    say(session, "Tell me a story.")
    with session.go_on() as stream:
        session.keep(stream.run)
    whole = model.chat("Tell me a story.", max_tokens=8, seed=1)
    assert session.runs[-1].steps == whole.steps
    assert session.said[-1].content == whole.text
    again = say(session, "And then?")
    prompt = session.runs[-1].receipt.prompt_tokens
    assert prompt[: len(whole.receipt.prompt_tokens) + 8] == (*whole.receipt.prompt_tokens, *whole.tokens)
    assert again


def test_more_writes_only_what_is_new(invoke: Any, model: tsumami.Model) -> None:
    called = invoke("chat", *SHORT, stdin="Tell me a story.\n/more\n")
    whole = model.chat("Tell me a story.", max_tokens=12, seed=1)
    assert called.out.replace("\n", "") == whole.text.replace("\n", "")
    assert invoke("chat", *SHORT, stdin="/more\n").code == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("/re", ["/retry"]),
        ("/set mirostat_", ["/set mirostat_mode=", "/set mirostat_tau=", "/set mirostat_eta="]),
        ("/preset b", ["/preset balanced"]),
        ("/s", ["/set ", "/seed ", "/system ", "/save "]),
        ("hello", []),
    ],
)
def test_tab_completes(line: str, found: list[str]) -> None:
    assert completions(line) == found
