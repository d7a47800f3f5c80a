"""The chat page against the real model: what a user does, and what the page must hold to while it is done."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Route
from tests.support.gguf_writer import FLOAT32, INT32, pair, text, u32, u64

import tsumami
from tsumami.app.parts.knob_rows import FIRST
from tsumami.knobs import KNOBS
from tsumami.models import resolve

from .conftest import IDLE, Pages, Server, busy, ready
from .desk import Desk

TOKENS = 12
STORY = "Tell me a short story about a cat."


@pytest.fixture
def desk(page_of: Pages) -> Desk:
    """The English page, with short replies and a fixed seed."""
    return Desk(page_of("en-US")).turn(max_tokens=TOKENS, seed=7)


# --- a reply, and getting it again


def test_a_reply_streams_and_nothing_jumps(page_of: Pages) -> None:
    desk = Desk(page_of("en-US")).turn(max_tokens=90, seed=7)
    desk.page.evaluate(
        """() => { window.seen = []; const look = () => {
          const reply = document.querySelector('#chat .said.bot');
          const box = document.querySelector('#message textarea').getBoundingClientRect();
          const chat = document.querySelector('#chat').getBoundingClientRect();
          window.seen.push([reply ? reply.textContent.length : 0, box.top, box.height, chat.top, chat.height, scrollY]);
        };
        new MutationObserver(look).observe(document.querySelector('#chat'),
          {childList: true, characterData: true, subtree: true});  // each update, however slow or quick they come
        (function frame() { look(); requestAnimationFrame(frame); })(); }"""
    )
    desk.say(STORY)
    seen = desk.page.evaluate("window.seen")
    lengths = [look[0] for look in seen]
    assert lengths == sorted(lengths), "the reply only ever grows"
    assert len(set(lengths)) > 5, "it came in several updates"
    assert len({tuple(look[1:]) for look in seen}) == 1, "box and chat stay where they are, and the page unscrolled"


def test_the_same_seed_gives_the_same_text_and_a_knob_another(desk: Desk) -> None:
    first = desk.say(STORY)
    desk.press("clear")
    assert desk.say(STORY) == first
    desk.press("again")
    assert (desk.replies(), desk.sent()["seed"]) == ([first], 7)
    desk.press("new-seed")
    other = desk.account()["seed"]
    assert other != 7
    again = desk.replies()
    desk.press("again")
    assert (desk.replies(), desk.account()["seed"]) == (again, other), "again means the seed of the reply that is shown"
    assert desk.knob("seed") == 7
    desk.press("clear").turn(temperature=2)
    assert desk.say(STORY) != first


def test_stop_and_escape_stop_and_free_the_place(desk: Desk, server: Server) -> None:
    desk.endless()
    for stop in (lambda: desk.page.locator("#stop").click(), lambda: desk.page.keyboard.press("Escape")):
        desk.begin("Count from one to ten thousand.")
        desk.until(lambda: any(len(reply) > 20 for reply in desk.replies()))
        stop()
        desk.until(desk.ended)
        text = desk.replies()
        assert "cancelled" in desk.accounts()[0] or "stopped" in desk.accounts()[0]
        assert busy(server, 0.5) < IDLE, "nothing is computed any more"
        assert desk.quiet().replies() == text
        desk.press("clear")
    assert desk.turn(max_tokens=8).say("Hello.")


def test_closing_the_page_in_mid_reply_frees_its_place(desk: Desk, server: Server) -> None:
    desk.endless()
    desk.begin("Count from one to ten thousand.")
    desk.until(lambda: any(len(reply) > 20 for reply in desk.replies()))
    desk.page.close()
    until = time.monotonic() + 5
    while busy(server, 0.5) > IDLE:
        assert time.monotonic() < until, "the server goes on for a page that is gone"


def test_clearing_or_taking_back_in_mid_reply_ends_it_for_good(desk: Desk) -> None:
    desk.endless()
    for button in ("clear", "undo"):
        desk.begin("Count from one to ten thousand.")
        desk.until(lambda: any(len(reply) > 20 for reply in desk.replies()))
        desk.press(button)
        assert (desk.said(), desk.replies()) == ([], []), "the reply does not come back"
        desk.reload()
        assert desk.said() == []
        desk.endless()


def test_a_draft_outlives_everything_but_sending(desk: Desk) -> None:
    desk.say("Hello.")
    desk.message.fill("a draft")
    for button in ("again", "new-seed", "go-on", "clear"):
        desk.press(button)
        assert desk.message.input_value() == "a draft", button


def test_a_knob_is_turned_asked_again_and_the_replies_stand_side_by_side_and_are_explained(page_of: Pages) -> None:
    desk = Desk(page_of("ja")).turn(max_tokens=TOKENS, seed=7)
    first = desk.say(STORY)
    assert not desk.page.locator("#chat .variants").is_visible()
    assert not desk.page.locator("#chat .ways").is_visible()
    second = desk.turn(temperature=3).press("again").replies()[-1]
    assert (desk.said(), desk.replies()) == ([STORY], [second])
    assert second != first
    assert desk.variant() == "2 つのうち 2 つめ temperature=3"
    desk.page.locator("#chat .log-why").click()
    said = desk.page.locator("#chat .explained .why")
    said.wait_for()
    assert "確かめました" in said.inner_text()
    assert desk.page.locator("#chat .explained .tsu-mark").count() == 1
    desk.quiet().press("again")
    assert desk.notice(), "the same settings give the same text, which stands there once"
    assert desk.variant() == "2 つのうち 2 つめ temperature=3"
    desk.page.locator("#chat .log-earlier").click()
    assert (desk.quiet().replies(), desk.variant()) == ([first], "2 つのうち 1 つめ temperature=0.8")
    assert desk.sent()["temperature"] == 0.8
    desk.reload()
    assert (desk.replies(), desk.variant()) == ([first], "2 つのうち 1 つめ temperature=0.8")


# --- changing what was said


def test_a_message_that_is_edited_is_answered_beside_what_followed_the_old_one(desk: Desk) -> None:
    desk.say("Name a colour.")
    desk.say("Name an animal.")
    before = desk.replies()
    desk.edit(0, "Name a fruit.")
    assert desk.said() == ["Name a fruit."]
    assert len(desk.replies()) == 1
    assert "Name a fruit." in desk.account()["prompt"]
    assert "colour" not in desk.account()["prompt"]
    desk.page.locator("#chat .log-sooner").click()
    assert (desk.quiet().said(), desk.replies()) == (["Name a colour.", "Name an animal."], before)
    assert "1 of 2" in desk.page.locator("#chat .ways").first.inner_text()


def test_a_reply_is_put_into_own_words_and_gone_on_with(desk: Desk) -> None:
    first = desk.say(STORY)
    desk.page.locator("#chat .log-rewrite").click()
    desk.page.locator("#chat textarea.log-editing").fill("Once there was a very small cat who")
    desk.page.locator("#chat .log-keep").click()
    assert desk.quiet().replies() == ["Once there was a very small cat who"]
    assert "Your own text" in desk.page.locator("#chat .log-mark").inner_text()
    assert desk.ended() == 0, "nothing is said of how it was computed"
    longer = desk.press("go-on").replies()[0]
    assert longer.startswith("Once there was a very small cat who")
    assert len(longer) > 40
    assert "begins is your own" in desk.page.locator("#chat .log-mark").inner_text()
    desk.page.locator("#chat .log-earlier").click()
    assert desk.quiet().replies() == [first]
    assert not desk.page.locator("#chat .log-mark").is_visible()


def test_an_exchange_is_taken_out_of_the_middle_and_brought_back(desk: Desk) -> None:
    said = ["Name a colour.", "Name an animal.", "Name a fruit."]
    for message in said:
        desk.say(message)
    replies = desk.replies()
    desk.page.locator("#chat .log-delete").nth(1).click()
    assert (desk.quiet().said(), desk.replies()) == ([said[0], said[2]], [replies[0], replies[2]])
    desk.page.locator("#chat .log-undelete").click()
    assert (desk.quiet().said(), desk.replies()) == (said, replies)
    assert not desk.page.locator("#chat .log-gone").is_visible()
    assert desk.page.evaluate("document.activeElement.className") == "log"
    assert not desk.page.locator("#chat .log-branch").first.is_visible(), "where no list is kept there is no branch"
    desk.press("undo")
    desk.page.locator("#chat .log-undelete").click()
    assert (desk.quiet().said(), desk.replies()) == (said, replies), "what was taken back comes back as well"


def test_an_alternative_of_a_token_goes_on_beside_the_reply(desk: Desk) -> None:
    first = desk.say(STORY)
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.page.wait_for_timeout(300)
    assert not [url for url in asked if "queue/join" in url], "no probability is sent before it is asked for"
    desk.page.locator("#chat .log-tokens").click()
    tokens = desk.page.locator("#chat .token")
    tokens.first.wait_for()
    assert "".join(tokens.all_text_contents()) == first
    assert "%" in (tokens.nth(2).get_attribute("title") or "")
    tokens.nth(2).focus()
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    choice = desk.page.locator("#chat .choice").first
    name = (choice.get_attribute("data-id"), choice.inner_text())
    choice.click()
    other = desk.quiet().replies()[0]
    assert other != first, name
    assert other.startswith("".join(tokens.all_text_contents())[:1] or first[:1])
    assert desk.variant().startswith("2 of 2")
    assert "Token 4" in desk.page.locator("#chat .log-mark").inner_text()
    assert desk.account()["begun"][-1] == int(name[0] or -1)
    assert not desk.page.locator("#chat .log-why").is_visible(), "the reader is why"


def test_a_reply_is_continued_and_an_exchange_taken_back(desk: Desk) -> None:
    first = desk.say(STORY)
    desk.press("go-on")
    longer = desk.replies()[-1]
    assert longer.startswith(first)
    assert len(longer) > len(first)
    desk.say("Why?")
    assert len(desk.said()) == 2
    desk.press("undo")
    assert (desk.said(), desk.replies(), desk.message.input_value()) == ([STORY], [longer], "Why?")
    desk.press("undo").press("undo")
    assert desk.said() == []


def test_clear_clears_and_stays_cleared(desk: Desk) -> None:
    desk.say("Hello.")
    desk.press("clear")
    assert (desk.said(), desk.replies(), desk.context()) == ([], [], "")
    desk.reload()
    assert desk.said() == []


def test_what_was_cleared_can_be_brought_back_also_after_a_reload(desk: Desk) -> None:
    reply = desk.say("Hello.")
    desk.press("clear")
    assert desk.said() == []
    desk.reload()
    desk.page.locator("#chat .log-bring_back").click()
    assert (desk.quiet().said(), desk.replies()) == (["Hello."], [reply])
    assert desk.reload().replies() == [reply]


def test_a_reply_that_nobody_saw_the_end_of_says_so(desk: Desk) -> None:
    desk.endless()
    desk.begin("Count from one to ten thousand.")
    desk.until(lambda: any(len(reply) > 60 for reply in desk.replies()))
    desk.page.wait_for_timeout(1500)  # until it was kept
    desk.page.reload()
    ready(desk.page)
    desk.quiet()
    assert desk.replies()
    assert "Cut off" in desk.page.locator("#chat .log-half").inner_text()


def test_buttons_say_that_there_is_nothing_to_do(desk: Desk) -> None:
    for button in ("again", "new-seed", "go-on", "receipt"):
        desk.page.locator(f"#{button}").click()
        assert desk.notice(), button
    desk.press("stop").press("undo").press("clear")
    desk.message.fill("   \n ")
    desk.message.press("Enter")
    assert "empty" in desk.notice()
    assert desk.quiet().said() == []


# --- what outlives the page


def test_reload_and_language_switch_keep_the_conversation(desk: Desk) -> None:
    reply = desk.say("Hello.")
    desk.reload()
    assert (desk.said(), desk.replies()) == (["Hello."], [reply])
    desk.page.locator("#language").click()
    desk.page.wait_for_url("**/ja/")
    ready(desk.page)
    assert (desk.quiet().said(), desk.replies()) == (["Hello."], [reply])
    assert desk.page.evaluate("document.documentElement.lang") == "ja", "whatever the browser's language is"
    assert "シード 7" in desk.page.locator("#chat .account summary").inner_text()
    desk.turn(max_tokens=TOKENS).press("again")
    assert desk.replies() == [reply], "the Japanese page goes on with it"


def test_reload_and_language_switch_keep_all_positions(desk: Desk) -> None:
    desk.preset("Mirostat").turn(temperature=1.3)
    desk.unfold("Length and stopping").turn(stop="END\n\\n\\n")
    desk.unfold("Order of the stages").page.locator("#chain [data-name=min_p]").press("ArrowRight")
    desk.unfold("Conversation settings").page.locator("#template label", has_text="Llama-2").click()
    desk.page.locator("#system textarea").fill("Be brief.")
    desk.page.locator("#memory input[type=number]").fill("3")
    desk.page.keyboard.press("Tab")
    desk.page.locator("#voice-speak input").check()
    order = desk.quiet().chain()
    for leave in (desk.reload, lambda: switch_language(desk)):
        leave()
        assert (desk.knob("temperature"), desk.knob("mirostat_mode")) == (1.3, 2)
        assert (desk.knob("seed"), desk.knob("max_tokens")) == (7, TOKENS)
        assert desk.idle("top_k"), "what does nothing is greyed again"
        assert desk.page.locator("#voice-speak input").is_checked()
    desk.say("Hello.")
    sent, prompt = desk.sent(), desk.account()["prompt"]
    assert (sent["stop"], sent["samplers"]) == (["END", "\n\n"], order)
    assert "<<SYS>>\nBe brief." in prompt
    desk.press("defaults").reload()
    assert (desk.knob("temperature"), desk.knob("mirostat_mode")) == (0.8, 0)


def test_nothing_can_be_turned_before_it_is_restored(desk: Desk) -> None:
    desk.turn(temperature=1.3)
    held: list[Route] = []
    free = threading.Event()

    def hold(route: Route) -> None:
        if free.is_set():
            route.continue_()
        else:
            held.append(route)

    desk.page.route("**/run/predict*", hold)
    desk.page.reload()
    ready(desk.page)
    desk.until(lambda: held)
    desk.page.wait_for_timeout(300)
    knob = desk.page.locator("#knob-temperature input[type=number]")
    assert knob.count()
    assert not knob.is_visible(), "it would be turned back by what was kept"
    free.set()
    for route in held:
        route.continue_()
    knob.wait_for()
    assert desk.quiet().knob("temperature") == 1.3


def test_a_restart_in_mid_reply_is_said_and_the_page_comes_back_by_itself(
    page_of: Pages, another_server: Callable[..., Server]
) -> None:
    page_of.expected += [r"ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to fetch|NetworkError|Connection"]
    first = another_server()
    desk = Desk(page_of("en-US", url=first.url)).turn(max_tokens=12, seed=7)
    reply = desk.say("Hello.")
    desk.endless().begin("Count.")
    desk.until(lambda: len("".join(desk.replies()[1:])) > 40)
    desk.page.wait_for_timeout(1500)  # the browser keeps what there is every second
    first.stop()
    line = desk.page.locator("#comeback")
    line.wait_for()
    assert "does not answer" in line.inner_text()
    desk.message.fill("a draft")
    another_server(port=first.port)
    desk.until(lambda: "started anew" in line.inner_text())
    ready(desk.page)
    desk.until(lambda: desk.message.input_value() == "a draft")
    desk.until(lambda: desk.said() == ["Hello.", "Count."])
    assert desk.replies()[0] == reply
    assert len(desk.replies()[1]) > 10, "at most a second of it is lost"
    desk.turn(max_tokens=4).press("go-on")
    assert len(desk.replies()) == 2


def test_two_tabs_keep_out_of_each_others_way(desk: Desk, page_of: Pages) -> None:
    other = Desk(page_of.tab(page_of.contexts[0])).quiet()
    assert other.said() == []
    reply = desk.say("Hello.")
    assert other.quiet().said() in ([], ["Hello."])
    mine = other.turn(max_tokens=8).say("Name a colour.")
    assert (desk.said(), desk.replies()) == (["Hello."], [reply])
    assert desk.say("Name an animal.")
    assert desk.said() == ["Hello.", "Name an animal."], "the other tab's message does not appear in this one"
    assert other.replies()[-1] == mine


# --- knobs


def test_presets_turn_the_knobs_and_leave_the_task_alone(desk: Desk) -> None:
    desk.preset("Greedy")
    assert (desk.knob("temperature"), desk.knob("repeat_penalty")) == (0, 1)
    assert (desk.knob("max_tokens"), desk.knob("seed")) == (TOKENS, 7)
    desk.preset("Mirostat")
    assert (desk.knob("temperature"), desk.knob("mirostat_mode")) == (1, 2)
    desk.page.locator("#neutral").click()
    desk.until(lambda: desk.knob("top_k") == 0)
    assert (desk.knob("mirostat_mode"), desk.knob("top_p"), desk.knob("repeat_penalty")) == (0, 1, 1)
    desk.press("defaults")
    for name in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "mirostat_mode"):
        assert desk.knob(name) == KNOBS[name].default, name


def test_settings_are_saved_and_loaded(desk: Desk, tmp_path: Path) -> None:
    desk.turn(temperature=1.3, mirostat_mode=1).unfold("Length and stopping").turn(stop="END\n\\n\\n")
    with desk.page.expect_download() as download:
        desk.page.locator("#save-settings").click()
    path = tmp_path / "mine.json"
    download.value.save_as(path)
    saved = json.loads(path.read_text("utf-8"))
    assert (saved["temperature"], saved["mirostat_mode"], saved["stop"]) == (1.3, 1, ["END", "\n\n"])
    desk.turn(temperature=0.2, mirostat_mode=0, stop="")
    load(desk, path)
    assert (desk.knob("temperature"), desk.knob("mirostat_mode")) == (1.3, 1)
    desk.say("Hello.")
    assert desk.sent() == saved


def test_values_beyond_the_sliders_are_loaded_and_work(desk: Desk, tmp_path: Path) -> None:
    beyond = {"temperature": 5.0, "top_k": 500, "frequency_penalty": 3.0, "max_tokens": 9000, "seed": -7}
    path = tmp_path / "beyond.json"
    path.write_text(json.dumps(beyond | {"stop": ["e", " ", "\n"]}), "utf-8")
    load(desk, path)
    assert {name: desk.knob(name) for name in beyond} == beyond
    assert desk.say("Hello.") is not None
    assert {name: desk.sent()[name] for name in beyond} == beyond
    assert desk.notices() == ""
    desk.press("defaults").turn(max_tokens=8)
    assert desk.say("Hello.")


def test_a_bad_settings_file_is_a_message_and_turns_nothing(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    desk.turn(temperature=1.3)
    for content in ("{", "[]", '{"temperature": -1}', '{"no_such_knob": 1}', '{"temperature": null}'):
        path.write_text(content, "utf-8")
        load(desk, path)
        assert desk.notice(), content
        assert desk.knob("temperature") == 1.3, content


def test_another_programs_file_that_is_dropped_is_loaded_and_its_report_stays_in_sight(desk: Desk) -> None:
    preset = "FROM x\nPARAMETER temperature 0.3\nPARAMETER tfs_z 0.5\n"
    files = desk.page.evaluate_handle(
        "text => { const data = new DataTransfer(); data.items.add(new File([text], 'Modelfile')); return data; }",
        preset,
    )
    for event in ("dragover", "drop"):
        desk.page.dispatch_event("#chat", event, {"dataTransfer": files})
    desk.quiet()
    assert desk.knob("temperature") == 0.3
    report = desk.page.locator("#settings-report")
    assert "tfs_z" in report.inner_text()
    assert "Ollama" in report.inner_text()
    report.locator("[data-do=hide]").click()
    report.wait_for(state="hidden")


def test_what_a_models_file_recommends_is_one_press_away(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "advised.gguf"
    pairs = pair("general.sampling.temp", FLOAT32, struct.pack("<f", 0.5)) + pair(
        "general.sampling.top_k", INT32, u32(20)
    )
    filler = text("x", "")
    filler = text("x", "." * (-(len(pairs) + len(filler)) % 32))  # the weights stay where they are aligned
    data = resolve("smollm2").path.read_bytes()
    path.write_bytes(data[:16] + u64(int.from_bytes(data[16:24], "little") + 3) + pairs + filler + data[24:])
    desk.turn(top_p=0.7)
    load_model(desk, str(path))
    offer = desk.page.locator("#recommended")
    assert "temperature 0.5, top_k 20" in offer.inner_text()
    offer.locator("[data-do=use]").click()
    offer.wait_for(state="hidden")
    desk.quiet()
    assert (desk.knob("temperature"), desk.knob("top_k"), desk.knob("top_p")) == (0.5, 20, 0.7)


def test_a_knob_that_does_nothing_is_greyed_and_says_why(desk: Desk) -> None:
    line = desk.info("top_p")
    assert not desk.idle("top_p")
    desk.turn(temperature=0)
    assert desk.idle("top_p")
    assert "‖" in desk.info("top_p")
    assert "temperature" in desk.info("top_p")
    desk.turn(temperature=0.8)
    assert (desk.idle("top_p"), desk.info("top_p")) == (False, line)
    assert desk.idle("mirostat_tau")
    desk.turn(mirostat_mode=2)
    assert (desk.idle("top_p"), desk.idle("top_k"), desk.idle("mirostat_tau")) == (True, True, False)
    assert "mirostat" in desk.info("top_k")
    desk.turn(mirostat_mode=0)
    assert (desk.idle("top_p"), desk.idle("mirostat_tau")) == (False, True)
    desk.unfold("Thinking")
    for name in ("thinking", "thinking_budget", "thinking_settings"):
        assert desk.idle(name), "this model does not think"


def test_a_value_that_cannot_work_is_named_and_keeps_the_message(desk: Desk) -> None:
    desk.unfold("Constraints").turn(grammar="root ::= (")
    desk.begin("Hello.")
    assert desk.notice()
    assert (desk.quiet().said(), desk.message.input_value()) == ([], "Hello.")
    desk.turn(grammar="", logit_bias="nonsense")
    assert "nonsense" in desk.page.locator("#settings-problem").inner_text()
    desk.turn(logit_bias="")
    assert not desk.page.locator("#settings-problem").is_visible()
    assert desk.say("Hello.")


def test_the_chain_is_reordered_by_keyboard(desk: Desk) -> None:
    desk.turn(temperature=1.2)  # an update before the accordion is opened for the first time
    desk.unfold("Order of the stages")
    before = desk.chain()
    chip = desk.page.locator("#chain [data-name=min_p]")
    chip.focus()
    for _ in range(2):
        desk.page.keyboard.press("ArrowLeft")
    assert chip.evaluate("chip => document.activeElement === chip")
    at = before.index("min_p")
    expected = [*before[: at - 2], "min_p", before[at - 2], before[at - 1], *before[at + 1 :]]
    assert desk.quiet().chain() == expected
    desk.say("Hello.")
    assert desk.sent()["samplers"] == expected
    while "min_p" in desk.chain():
        desk.page.locator("#chain [data-name=min_p]").press("ArrowRight")
    desk.quiet()
    desk.say("Hello again.")
    assert desk.sent()["samplers"] == [name for name in before if name != "min_p"]
    desk.press("defaults")
    assert desk.chain() == before


def test_no_quick_press_on_a_chip_is_lost(desk: Desk) -> None:
    desk.unfold("Order of the stages")
    before = desk.chain()
    at = before.index("min_p")
    desk.page.locator("#chain [data-name=min_p]").focus()
    desk.page.evaluate(  # quicker than anything can be drawn
        """() => { for (let press = 0; press < 4; press++) document.activeElement.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true})) }"""
    )
    for _ in range(3):
        desk.page.keyboard.press("ArrowRight")
    for _ in range(2):
        desk.page.keyboard.press("ArrowLeft")
    expected = [name for name in before if name != "min_p"]
    expected.insert(at - 3, "min_p")
    assert desk.quiet().chain() == expected
    desk.say("Hello.")
    assert desk.sent()["samplers"] == expected


def test_max_tokens_reaches_to_256_tokens_below_the_context_and_a_reload_keeps_the_model(desk: Desk) -> None:
    slider = desk.page.locator("#knob-max_tokens input[type=range]")
    assert int(slider.get_attribute("max") or 0) == n_ctx(desk) - 256
    load_model(desk, n_ctx=1024)
    assert int(slider.get_attribute("max") or 0) == 768
    assert desk.say("Hello.")
    assert "of 1024)" in desk.accounts()[-1]
    desk.press("clear").reload()
    assert int(slider.get_attribute("max") or 0) == 768, "the page goes on with the model that it had"
    assert desk.say("Hello.")
    assert "of 1024)" in desk.accounts()[-1]


# --- the panel: what is in sight, what is found, what is said


def test_five_knobs_are_in_sight_the_seed_is_fixed_and_dice_and_lock_change_it(page_of: Pages) -> None:
    desk = Desk(page_of("ja"))
    for name in FIRST:
        box = desk.page.locator(f"#knob-{name}").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, name
    assert desk.knob("seed") == 0
    lock = desk.page.locator("#seed-lock input")
    assert lock.is_checked()
    first = desk.turn(max_tokens=TOKENS).say(STORY)
    desk.press("clear")
    assert desk.say(STORY) == first, "a first reader, too, gets the same text for the same words"
    desk.press("seed-dice")
    rolled = desk.knob("seed")
    assert rolled >= 0
    lock.uncheck()
    assert desk.quiet().knob("seed") == -1
    lock.check()
    assert desk.quiet().knob("seed") >= 0
    desk.press("defaults")
    assert (desk.knob("seed"), desk.preset_shown()) == (0, "既定値")


def test_settings_are_named_kept_by_the_browser_and_forgotten(page_of: Pages) -> None:
    desk = Desk(page_of("ja")).turn(max_tokens=4, temperature=0.3, top_k=7)
    desk.press("preset-keep")
    desk.page.keyboard.type("詩 <b>")
    desk.page.keyboard.press("Enter")
    assert desk.quiet().preset_shown() == "詩 <b>"
    desk.press("defaults").turn(max_tokens=9)
    assert (desk.knob("temperature"), desk.preset_shown()) == (0.8, "既定値")
    desk.reload()
    desk.preset("詩 <b>")
    assert (desk.knob("temperature"), desk.knob("top_k")) == (0.3, 7)
    assert desk.knob("max_tokens") == 9, "as with every preset, what belongs to the task stays"
    desk.say("Hello.")
    assert desk.sent()["top_k"] == 7
    desk.press("preset-forget")
    assert (desk.preset_shown(), desk.knob("top_k")) == ("自分の設定", 7)


def test_a_knob_is_found_by_any_of_its_names(page_of: Pages) -> None:
    desk = Desk(page_of("ja"))
    search = desk.page.locator("#knob-search input")
    search.fill("num_predict")
    desk.page.locator("#knob-max_tokens").wait_for(state="visible")
    assert not desk.page.locator("#knob-temperature").is_visible()
    search.fill("")
    desk.page.locator("#knob-temperature").wait_for(state="visible")


def test_boxes_take_all_that_is_valid_and_what_is_corrected_or_refused_is_said_beside_them(page_of: Pages) -> None:
    desk = Desk(page_of("ja")).turn(max_tokens=4, top_k=500)
    assert (desk.knob("top_k"), desk.preset_shown()) == (500, "自分の設定")
    assert desk.page.locator("#knob-top_k input[type=range]").get_attribute("max") == "100", "its slider stays handy"
    desk.say("Hello.")
    assert desk.sent()["top_k"] == 500
    desk.turn(top_p=5)
    assert desk.knob("top_p") == 5
    assert desk.info("top_p").endswith("top_p は 5.0 ですが、使えるのは 0 以上 1 以下です。")
    desk.begin("Refused.")
    assert "top_p" in desk.notice()
    desk.turn(top_p="")
    assert desk.knob("top_p") == 0.95
    assert "既定値の 0.95 に戻しました" in desk.page.locator("#knob-top_p .knob-said").inner_text()
    assert "⚠️" not in desk.info("top_p")


# --- what was sent and rolled


def test_the_account_is_folded_and_holds_what_was_sent(desk: Desk) -> None:
    desk.say("Hello.")
    assert desk.page.locator("#chat .account pre").count() == 0, "it is not even there before it is unfolded"
    width = desk.page.locator("#chat").bounding_box()["width"]
    desk.unfolded().locator("pre").first.wait_for(state="visible")
    assert desk.page.locator("#chat").bounding_box()["width"] == width, "long lines push nothing aside"
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 1280
    shown = desk.page.locator("#chat .account").inner_text()
    assert "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n" in shown
    assert "(seed that was used: 7)" in shown
    assert "Why it stopped:" in shown
    assert f"of a context of {n_ctx(desk)}" in shown
    assert f'"max_tokens": {TOKENS}' in shown


def test_the_receipt_gives_the_same_text_again(desk: Desk, tmp_path: Path, model: tsumami.Model) -> None:
    reply = desk.say(STORY)
    with desk.page.expect_download() as download:
        desk.page.locator("#receipt").click()
    path = tmp_path / "receipt.json"
    download.value.save_as(path)
    receipt = json.loads(path.read_text("utf-8"))
    settings = tsumami.Settings.from_mapping(receipt["settings"]).replace(seed=receipt["seed"])
    run = model.run(receipt["prompt_tokens"], settings)
    assert (run.text, list(run.tokens)) == (reply, receipt["reply_tokens"])
    assert receipt["model"]["fingerprint"] == model.model_card.fingerprint


def test_the_context_is_counted_before_sending_and_what_is_dropped_is_marked(desk: Desk) -> None:
    assert desk.context() == ""
    desk.message.fill("Hello.")
    desk.quiet()
    before = desk.context()
    assert f"of {n_ctx(desk)} tokens" in before
    desk.message.press("Enter")
    desk.quiet()
    desk.say("Name a colour.")
    desk.unfold("Conversation settings")
    for memory, dropped in ((1, 1), (0, 2)):
        desk.page.locator("#memory input[type=number]").fill(str(memory))
        desk.page.keyboard.press("Tab")
        desk.message.fill("And an animal.")
        desk.quiet()
        assert ("the first exchange," if dropped == 1 else f"the first {dropped} exchanges,") in desk.context()
        faint = desk.page.locator("#chat .exchange").evaluate_all(
            "exchanges => exchanges.map(one => getComputedStyle(one).opacity < 1)"
        )
        assert faint == [True] * dropped + [False] * (2 - dropped)
    desk.message.press("Enter")
    desk.quiet()
    assert "colour" not in desk.account()["prompt"]
    assert "And an animal." in desk.account()["prompt"]


# --- bad input


def test_a_model_that_fails_to_load_leaves_the_old_one(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    reply = desk.say("Hello.")
    for name in ("/no/such/file.gguf", str(broken), "no such model", ""):
        load_model(desk, name)
        assert desk.notice(), name
        assert "The model from before stays." in desk.page.locator("#model-state").inner_text()
        assert desk.replies() == [reply]
    desk.press("again")
    assert desk.replies() == [reply]


def test_a_message_longer_than_the_context_is_refused_and_kept(desk: Desk) -> None:
    reply = desk.say("Hello.")
    long = "cat " * (n_ctx(desk) + 100)
    desk.message.fill(long)
    desk.quiet()
    assert "does not fit" in desk.context()
    desk.message.press("Enter")
    assert "does not fit" in desk.notice()
    desk.quiet()
    assert (desk.said(), desk.replies(), desk.message.input_value()) == (["Hello."], [reply], long.strip())
    desk.reload()
    assert desk.said() == ["Hello."]


# --- keys


def test_enter_sends_and_shift_enter_breaks_the_line(desk: Desk) -> None:
    desk.message.press_sequentially("one")
    desk.message.press("Shift+Enter")
    desk.message.press_sequentially("two")
    assert (desk.message.input_value(), desk.said()) == ("one\ntwo", [])
    desk.message.press("Enter")
    desk.quiet()
    assert (desk.said(), desk.message.input_value()) == (["one\ntwo"], "")


def test_the_enter_that_ends_a_composition_does_not_send(desk: Desk) -> None:
    desk.message.click()
    protocol = desk.page.context.new_cdp_session(desk.page)
    protocol.send("Input.imeSetComposition", {"text": "こんにち", "selectionStart": 4, "selectionEnd": 4})
    for event in ({"isComposing": True}, {"keyCode": 229}):
        desk.message.evaluate(
            """(box, more) => box.dispatchEvent(new KeyboardEvent('keydown',
            {key: 'Enter', code: 'Enter', bubbles: true, cancelable: true, ...more}))""",
            event,
        )
    # what Chromium really sends: the key that ends a composition has the code 229
    protocol.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "windowsVirtualKeyCode": 229, "key": "Process"})
    protocol.send("Input.insertText", {"text": "こんにちは"})
    protocol.send("Input.dispatchKeyEvent", {"type": "keyUp", "windowsVirtualKeyCode": 13, "key": "Enter"})
    desk.quiet()
    assert (desk.said(), desk.message.input_value()) == ([], "こんにちは")
    desk.message.press("Enter")
    desk.quiet()
    assert desk.said() == ["こんにちは"]


# --- looks


@pytest.mark.parametrize("locale", ["ja-JP", "en-US"])
def test_chat_and_input_are_visible_without_scrolling(page_of: Pages, locale: str) -> None:
    page = page_of(locale)
    assert page.url.endswith("/ja/" if locale == "ja-JP" else "/en/")
    for dark, (width, height) in ((False, (1280, 800)), (False, (390, 844)), (True, (390, 844)), (True, (1280, 800))):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light")
        if page.evaluate("document.body.classList.contains('dark')") is not dark:
            page.reload()
            ready(page)
        assert page.evaluate("document.body.classList.contains('dark')") is dark
        for part, least in (("#chat", 200), ("#message textarea", 20), ("#stop", 15)):
            box = page.locator(part).bounding_box()
            assert box is not None
            assert box["height"] >= least
            assert box["x"] >= 0
            assert box["y"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height, part
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing hangs out to the side"


# --- helpers


def load(desk: Desk, path: Path) -> None:
    """Load a settings file."""
    with desk.page.expect_file_chooser() as chooser:
        desk.page.locator("#load-settings").click()
    chooser.value.set_files(path)
    desk.quiet()


def switch_language(desk: Desk) -> None:
    """Go to the Japanese page."""
    desk.page.locator("#language").click()
    desk.page.wait_for_url("**/ja/")
    ready(desk.page)
    desk.quiet()


def load_model(desk: Desk, name: str | None = None, *, n_ctx: int | None = None) -> None:
    """Pick a model and load it."""
    desk.unfold("Model: ")
    if name is not None:
        desk.page.locator("#model-name input").fill(name)
        desk.page.keyboard.press("Tab")
    if n_ctx is not None:
        desk.page.get_by_label("n_ctx").fill(str(n_ctx))
        desk.page.keyboard.press("Tab")
    desk.press("model-load")


def n_ctx(desk: Desk) -> int:
    """The context of the model that the page opened with."""
    return int(desk.page.locator("#knob-max_tokens input[type=range]").get_attribute("max") or 0) + 256
