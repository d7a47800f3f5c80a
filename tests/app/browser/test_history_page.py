"""The history in a real page: what was made is found, opened, gone on with, marked and forgotten; also after a restart,
and from another browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import tsumami
from tsumami.history import ChatTurn, History

from . import axe
from .conftest import Pages, free_port, ready, start_server
from .desk import Desk
from .looking import open_tab, text

LONG = 61  # made runs, so that there are two pages


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, model: tsumami.Model) -> Path:
    """A folder with a history: one small conversation with a branch, and many runs before it."""
    folder = tmp_path_factory.mktemp("kept")
    first = model.run(model.prompt("Name a colour."), seed=1, max_tokens=5)
    with History(folder / "history.sqlite") as store:
        for number in range(LONG):
            store.add(first, asked=f"<b>made</b> {number}")
        found = model.knob_map("The sky", "temperature", 0.5, 0.6, max_tokens=3)
        store.add_result(found.to_json(), "map", found.receipt)
        root = store.add(first, kind="chat", turn=ChatTurn("Name a colour."))
        for seed, temperature in ((2, 0.0), (3, 1.5)):
            run = model.run(model.prompt("夕焼けの詩を書いて"), seed=seed, max_tokens=8, temperature=temperature)
            store.add(run, kind="chat", parent=root.key, turn=ChatTurn("夕焼けの詩を書いて"))
    return folder


class Home:
    """A server that keeps; started anew it is at the same address."""

    def __init__(self, folder: Path) -> None:
        self._log, self._port = folder / "server.log", free_port()
        self.server = start_server(self._log, port=self._port)

    def restart(self) -> None:
        self.server.stop()
        self.server = start_server(self._log, port=self._port)


@pytest.fixture(scope="module")
def home(kept: Path) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSUMAMI_DATA", str(kept))
        patch.setenv("TSUMAMI_HISTORY", "on")
        made = Home(kept)
        yield made
        made.server.stop()


def cards(page: Page) -> Locator:
    return page.locator("#history-view .history-card")


def find(desk: Desk, query: str) -> list[str]:
    """What a search finds: how each card's prompt reads."""
    desk.page.locator("#history-view input[type=search]").fill(query)
    desk.page.locator("#history-view input[type=search]").press("Enter")
    desk.quiet()
    return cards(desk.page).locator(".history-text b").all_inner_texts()


def press(desk: Desk, name: str) -> None:
    desk.page.locator("#history-view .history-do button", has_text=name).click()
    desk.quiet()


def unfold(desk: Desk, number: int = 0) -> None:
    cards(desk.page).nth(number).locator(".history-text").click()
    desk.quiet()


def test_what_was_kept_is_found_marked_and_opened(page_of: Pages, home: Home) -> None:
    page = page_of(url=f"{home.server.url}en/")
    desk = Desk(page)
    open_tab(desk, "history")

    # pages of fifty, newest first; what was written is text
    assert text(page, "#history-view .history-count") == f"1 to 50 of {LONG + 4}, newest first"
    page.locator("#history-view [data-by='1']").click()
    desk.quiet()
    assert cards(page).count() == LONG + 4 - 50
    assert cards(page).last.locator("b").inner_text() == "<b>made</b> 0"

    # Japanese is found by one character; a search that does not fit says where
    assert find(desk, "焼") == ["夕焼けの詩を書いて"] * 2
    assert find(desk, "焼 temperature>1") == ["夕焼けの詩を書いて"]
    find(desk, "焼 temprature>1")
    assert text(page, "#history-view .history-problem").endswith("(here: 焼 ▸temprature>1)")
    page.locator("#history-view [data-term='kind:chat']").click()
    assert find(desk, "kind:chat") == ["夕焼けの詩を書いて", "夕焼けの詩を書いて", "Name a colour."]

    # from the keyboard: unfold, star, and choose two; the tree shows the branches
    page.keyboard.press("ArrowDown")
    page.keyboard.press("s")
    desk.quiet()
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    desk.quiet()
    tree = page.locator("#history-view .history-tree")
    assert tree.locator("ul ul > li").count() == 2
    tree.locator("button").first.click()
    desk.quiet()
    assert text(page, "#history-view .history-prompt") == "Name a colour."
    assert find(desk, "is:starred") == ["夕焼けの詩を書いて"]

    # two beside each other, with the reason; and into the microscope, computed again
    page.locator("#history-view .history-beside").click()
    desk.quiet()
    assert "temperature" in text(page, "#history-runs .why")
    unfold(desk)
    press(desk, "microscope")
    expect(page.locator("#microscope-about")).to_contain_text("recomputed bit for bit")


def talks(desk: Desk) -> list[str]:
    """The list of conversations, unfolded: the name of each."""
    fold = desk.page.locator("#talks details")
    if not fold.evaluate("fold => fold.open"):
        fold.locator("summary").click()
    return desk.quiet().page.locator("#talks .talk-open").all_inner_texts()


def talk_row(desk: Desk, name: str) -> Locator:
    return desk.page.locator("#talks li", has_text=name)


def test_conversations_are_gone_on_with_and_there_after_a_restart(page_of: Pages, home: Home) -> None:
    page = page_of(url=f"{home.server.url}en/")
    desk = Desk(page)
    open_tab(desk, "history")
    find(desk, 'kind:chat temperature=0 "夕焼け"')
    unfold(desk)
    press(desk, "Go on from here")
    assert desk.said() == ["Name a colour.", "夕焼けの詩を書いて"]
    desk.turn(max_tokens=4, seed=5)
    reply = desk.say("And then?")

    # a second conversation beside it, which is given a name
    desk.press("clear")
    second = desk.say("犬の名前は?")
    assert talks(desk) == ["犬の名前は?", "Name a colour."]
    talk_row(desk, "犬の名前は?").locator(".talk-rename").click()
    page.locator("#talks li input").fill("<i>ポチ</i>")
    page.keyboard.press("Enter")
    assert talks(desk) == ["<i>ポチ</i>", "Name a colour."]

    # both are there once the server has started anew: in this window the one that it has shown (the page comes back by
    # itself), and in another browser the other
    page_of.expected.append("ERR_CONNECTION_REFUSED")
    home.restart()
    expect(page.locator("#comeback")).to_contain_text("started anew", timeout=60_000)
    ready(page)
    assert (desk.quiet().said(), desk.replies()) == (["犬の名前は?"], [second])
    other = Desk(page_of("ja", url=f"{home.server.url}ja/", browser=page_of.browser, color_scheme="dark"))
    assert other.said() == []
    assert talks(other) == ["<i>ポチ</i>", "Name a colour."]
    talk_row(other, "Name a colour.").locator(".talk-open").click()
    assert other.quiet().said() == ["Name a colour.", "夕焼けの詩を書いて", "And then?"]
    assert other.replies()[-1] == reply
    assert other.reload().replies()[-1] == reply
    open_tab(other, "history")
    assert find(other, "then") == ["And then?"]
    unfold(other)
    assert other.page.locator("#history-view .history-reply").inner_text().split() == reply.split()
    assert other.page.locator("#history-view .history-tree ul ul ul > li").count() == 1
    with other.page.expect_download() as got:
        press(other, "ファイルに保存")
    run = tsumami.Run.load(got.value.path())
    assert run.settings.max_tokens == 4

    # marks, and out of it for good
    other.page.locator("#history-view .history-marks input").last.fill("詩 よい")
    other.page.locator("#history-view .history-marks input").last.press("Enter")
    other.quiet()
    assert other.page.locator("#history-view .history-head .history-tag").all_inner_texts() == ["#よい", "#詩"]
    press(other, "同じ設定にする")
    assert other.knob("max_tokens") == 4
    assert other.knob("seed") == run.receipt.seed
    open_tab(other, "history")
    assert find(other, "tag:よい") == ["And then?"]
    press(other, "消す")
    press(other, "もう一度押すと")
    assert find(other, "") != []
    assert find(other, "then") == []


def test_windows_have_their_own_conversations_and_a_forgotten_one_can_come_back(page_of: Pages, home: Home) -> None:
    first = Desk(page_of(url=f"{home.server.url}en/"))
    first.turn(max_tokens=4, seed=5)
    first.say("One")
    page = first.page.context.new_page()  # the same browser: it opens what was shown last
    page.goto(first.page.url)
    ready(page)
    second = Desk(page)
    assert second.said() == ["One"]
    second.say("Two of the second")
    first.say("Two of the first")
    assert "another window" in first.notice()
    assert first.reload().said() == ["One", "Two of the first"]
    assert second.reload().said() == ["One", "Two of the second"]
    assert talks(first)[:2] == ["One", "One"]

    # forgotten, together with what was said in it; what the other one shows stays
    shown = first.page.locator("#talks li", has=first.page.locator("[aria-current]"))
    shown.locator(".talk-forget").click()
    assert first.quiet().said() == []
    assert talks(first).count("One") == 1
    open_tab(first, "history")
    assert find(first, "Two") == ["Two of the second"]
    open_tab(first, "chat")
    first.page.locator("#talks .talk-back").click()
    assert talks(first).count("One") == 2
    for wanted, count in (("one", 2), ("none", 0), ("", len(talks(first)))):
        first.page.locator("#talks input").fill(wanted)
        assert first.page.locator("#talks .talk-open:visible").count() == count
    first.page.locator("#talks .talk-open").first.click()
    assert first.quiet().said() == ["One", "Two of the first"]


def test_a_branch_is_a_conversation_of_its_own_and_own_words_are_kept_in_it(page_of: Pages, home: Home) -> None:
    desk = Desk(page_of(url=f"{home.server.url}en/")).turn(max_tokens=4, seed=5)
    page = desk.page
    desk.say("Alpha")
    desk.say("Beta")
    before = desk.replies()
    page.locator("#chat .log-branch").first.click()
    assert (desk.quiet().said(), desk.replies()) == (["Alpha"], before[:1])
    assert talks(desk)[:2] == ["Alpha (branch)", "Alpha"]
    page.locator("#chat .log-rewrite").click()
    page.locator("#chat .log-editing").fill("My own words.")
    page.locator("#chat .log-editing").press("Control+Enter")
    desk.quiet().say("Gamma")
    assert "My own words." in desk.account()["prompt"]
    assert desk.reload().replies()[0] == "My own words."
    assert "Your own text" in page.locator("#chat .log-mark").first.inner_text()
    talks(desk)
    page.locator("#talks .talk-open", has_text=re.compile("^Alpha$")).click()
    assert (desk.quiet().said(), desk.replies()) == (["Alpha", "Beta"], before)
    open_tab(desk, "history")
    find(desk, "Gamma")
    unfold(desk)
    press(desk, "Go on from here")
    assert desk.said() == ["Alpha", "Gamma"]
    assert desk.replies()[0] == "My own words."


def test_the_address_of_an_id_opens_it_and_comparisons_are_kept(page_of: Pages, home: Home, kept: Path) -> None:
    with History(kept / "history.sqlite") as store:
        entry = store.find("kind:chat temperature>1")[0]
    page = page_of(url=f"{home.server.url}en/?run={entry.key}")
    desk = Desk(page)
    expect(page.locator("#microscope-about")).to_contain_text("recomputed bit for bit")
    assert page.locator("#microscope-strip .tsu-token").count() == entry.tokens
    open_tab(desk, "compare")
    page.locator("#compare-most input").fill("3")
    desk.press("compare-go")
    open_tab(desk, "history")
    assert len(find(desk, "kind:compare")) == 3
    assert len(find(desk, "kind:map")) == 1
    unfold(desk)
    press(desk, "Open in its tab")
    assert re.search(r"\d+ texts?", text(page, "#map-view .tsu-icicle-facts"))
    there = Desk(page_of("en"))  # the server of the other tests keeps nothing
    assert not there.page.locator("#talks details").is_visible()
    open_tab(there, "history")
    assert "Nothing that is made from here is kept" in text(there.page, "#history-view .history-problem")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_axe_finds_nothing_in_the_history_and_the_list_of_conversations(
    page_of: Pages, home: Home, language: str
) -> None:
    page = page_of(url=f"{home.server.url}{language}/")
    desk = Desk(page)
    desk.turn(max_tokens=3).say("Name a river.")
    assert talks(desk)
    found = axe.in_both_themes(page, "#talks")
    open_tab(desk, "history")
    find(desk, "焼")
    unfold(desk)
    for card in cards(page).all():
        card.locator("input[type=checkbox]").check()
    page.locator("#history-view .history-beside").click()
    desk.quiet()
    found += axe.in_both_themes(page)
    assert "\n".join(" | ".join(one[:3]) for one in found if not one.known) == ""
