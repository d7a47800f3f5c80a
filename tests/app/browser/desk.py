"""The chat page as its user sees it: what there is to press, to turn and to read.

Guarantee: an action returns when everything that it set off in the page and in the server has ended (`quiet`), unless
its name says that it does not wait; what is read is what the page shows, not what the server knows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, Self

from playwright.sync_api import Locator, Page

#: After so many frames of the browser without a request the page is taken to be quiet: within a frame Gradio sends what
#: an event sets off, and on a busy machine frames are slow. While something is under way no frame is asked for, since
#: drawing them costs more than all that the page does.
QUIET_FRAMES: Final = 8
_STILL_UNDER_WAY: Final = """async frames => {
  const pause = ms => new Promise(done => setTimeout(done, ms)), until = Date.now() + 5000;
  let quiet = 0;
  while (quiet < frames && Date.now() < until) {
    if (window.underWay.size) { quiet = 0; await pause(20); continue; }
    await new Promise(requestAnimationFrame);
    await pause(0);
    quiet++;
  }
  return quiet < frames;
}"""
PATIENCE: Final = 120.0

#: Runs before the page's own scripts and notes in `window.underWay` the events that were sent and have not ended. (That
#: the stream of answers ends is no sign of it: when two are opened at once, Gradio's client forgets one of them.)
WATCH: Final = """
(() => {
  const underWay = window.underWay = new Set(), ended = new Set(), real = window.fetch;
  const read = async stream => {
    let rest = '';
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\\n');
      rest = lines.pop();
      for (const line of lines) {
        const said = line.match(/^data: (.*)/);
        if (!said) continue;
        const news = JSON.parse(said[1]);
        if (news.msg === 'process_completed') { ended.add(news.event_id); underWay.delete(news.event_id); }
      }
    }
  };
  window.fetch = async (input, init) => {
    const url = String(input.url ?? input);
    if (url.includes('/queue/data')) {
      const answer = await real(input, init);
      const [mine, theirs] = answer.body.tee();
      read(mine).catch(() => {});
      return new Response(theirs, {status: answer.status, headers: answer.headers});
    }
    if (!/queue\\/join|run\\/predict|\\/upload/.test(url)) return real(input, init);
    const call = {};
    underWay.add(call);
    try {
      const answer = await real(input, init);
      if (url.includes('/queue/join') && answer.ok) {
        const {event_id} = await answer.clone().json();
        if (!ended.has(event_id)) underWay.add(event_id);
      }
      return answer;
    } finally { underWay.delete(call); }
  };
})();
"""


class Desk:
    """The chat tab of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.quiet()

    # --- waiting

    def quiet(self) -> Self:
        """Wait until nothing is under way: no event, no reply that is still being written."""
        until = time.monotonic() + PATIENCE
        while self.page.evaluate(_STILL_UNDER_WAY, QUIET_FRAMES):
            assert time.monotonic() < until, "something is still under way"
        return self

    def reload(self) -> Self:
        """Load the page again."""
        self.quiet().page.reload()
        self.message.wait_for(state="visible")
        return self.quiet()

    def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> float:
        """Wait until something is so; returns how many seconds it took."""
        begun = time.monotonic()
        while not true():
            assert time.monotonic() - begun < seconds, f"not so after {seconds} seconds"
            self.page.wait_for_timeout(20)
        return time.monotonic() - begun

    # --- talking

    @property
    def message(self) -> Locator:
        """The box that a message is typed into."""
        return self.page.locator("#message textarea")

    def begin(self, text: str) -> None:
        """Send a message and do not wait for the reply."""
        self.message.fill(text)
        self.message.press("Enter")

    def say(self, text: str) -> str:
        """Send a message; returns the reply."""
        before = self.ended()
        self.begin(text)
        self.until(lambda: self.ended() > before)  # a page on a busy machine may be quiet before it sends
        self.quiet()
        return self.replies()[-1]

    def press(self, name: str) -> Self:
        """Press the button of this id and wait."""
        self.page.locator(f"#{name}").click()
        return self.quiet()

    def edit(self, index: int, text: str) -> None:
        """Put user message number `index` differently."""
        self.page.locator("#chat .log-edit").nth(index).click()
        self.page.locator("#chat textarea.log-editing").fill(text)
        self.page.locator("#chat .log-submit").click()
        self.quiet()

    # --- reading

    def said(self) -> list[str]:
        """The user's messages, as they were typed."""
        return self.page.locator("#chat .said.user").all_text_contents()

    def replies(self) -> list[str]:
        """The replies, as the model wrote them."""
        return self.page.locator("#chat .said.bot:not([hidden])").all_text_contents()

    def variant(self) -> str:
        """Which of the replies to the last message is shown, and what only it has."""
        row = self.page.locator("#chat .variants").last
        return f"{row.locator('.variant-place').inner_text()} {row.locator('code').text_content()}".strip()

    def ended(self) -> int:
        """How many replies have an account: those that have ended."""
        return self.page.locator("#chat .account:not([hidden])").count()

    def accounts(self) -> list[str]:
        """What stands folded below the replies, unfolded."""
        return [self.unfolded(number).inner_text() for number in range(self.ended())]

    def unfolded(self, number: int = -1) -> Locator:
        """The account of a finished reply, unfolded."""
        account = self.page.locator("#chat .account:not([hidden])").nth(number)
        if account.get_attribute("open") is None:
            account.locator("summary").click()
        account.locator("pre").last.wait_for()
        return account.locator(".account-body")

    def account(self) -> dict[str, Any]:
        """The last reply's receipt, out of the account below it."""
        receipt: dict[str, Any] = json.loads(self.unfolded().locator("pre").last.text_content() or "")
        return receipt

    def sent(self) -> dict[str, Any]:
        """The settings that the last reply was made with."""
        settings: dict[str, Any] = self.account()["settings"]
        return settings

    def notices(self) -> str:
        """The messages that lie over the page."""
        return "\n".join(self.page.locator("[data-testid=toast-body]").all_inner_texts())

    def notice(self) -> str:
        """Wait for a message over the page; returns it once it is put away, so that the next one is another."""
        toasts = self.page.locator("[data-testid=toast-body]")
        toasts.last.wait_for()
        text = self.notices()
        for close in self.page.locator("[data-testid=toast-close]").all():
            close.click()
        self.until(lambda: not toasts.count())
        return text

    def context(self) -> str:
        """The line that says how much of the context is used."""
        return self.page.locator("#context").inner_text()

    # --- turning

    def turn(self, **knobs: object) -> Self:
        """Type a value into a knob's box, for each knob named."""
        for name, value in knobs.items():
            knob = self.page.locator(f"#knob-{name}")
            match value:
                case bool():
                    knob.locator("input[type=checkbox]").set_checked(value)
                case str() if knob.locator("textarea").count():
                    knob.locator("textarea").fill(value)
                case int() | float() if knob.locator("input[type=radio]").count():
                    knob.locator(f"input[type=radio][value='{value}']").check()
                case _:
                    knob.locator("input[type=number]").fill(f"{value}")
                    self.page.keyboard.press("Tab")
        return self.quiet()

    def knob(self, name: str) -> float:
        """The value that a knob of numbers shows."""
        box = self.page.locator(f"#knob-{name} input[type=number]")
        if box.count():
            return float(box.input_value())
        return float(self.page.locator(f"#knob-{name} input:checked").get_attribute("value") or "nan")

    def info(self, name: str) -> str:
        """The line below a knob's label."""
        return self.page.locator(f"#knob-{name} .info-text").first.inner_text()

    def idle(self, name: str) -> bool:
        """Whether a knob is greyed."""
        return "idle" in (self.page.locator(f"#knob-{name}").get_attribute("class") or "").split()

    def unfold(self, *titles: str) -> Self:
        """Open the accordions with these titles."""
        for title in titles:
            head = self.page.locator("button.label-wrap, #knobs summary", has_text=title)
            if not head.evaluate("head => head.closest('details')?.open ?? head.classList.contains('open')"):
                head.click()
        return self.quiet()

    def preset(self, label: str) -> Self:
        """Pick a preset."""
        self.page.locator("#preset").select_option(label=label)
        return self.quiet()

    def preset_shown(self) -> str:
        """The preset that the knobs are."""
        return str(self.page.locator("#preset option:checked").inner_text())

    def endless(self) -> Self:
        """Let no reply end by itself: forbid the tokens that end one, and lift the limit."""
        return self.turn(max_tokens=0).unfold("Constraints").turn(logit_bias="0=-inf\n2=-inf")

    def chain(self) -> list[str]:
        """The stages that are in the order."""
        names = self.page.locator("#chain [data-name]").evaluate_all("chips => chips.map(chip => chip.dataset.name)")
        return list(names[: names.index("|")])
