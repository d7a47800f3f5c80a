"""The row under the message box: a recording becomes a message, and a reply is played while it is being written.

Guarantee: what fails becomes a message; a recording that nobody understood sends nothing.

How sound reaches the page: Gradio's own streaming of audio needs ffmpeg, which many machines lack. So the page is only
told the name of a `Speech`; voice.js asks for its clips one after the other (`next_clip`) and plays them without a gap.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import gradio as gr
from gradio.components import Component

from tsumami.app.parts.events import AT_ONCE
from tsumami.app.parts.scripts import script
from tsumami.app.parts.telling import warn
from tsumami.app.words.texts import Texts
from tsumami.app.work.listening import SIZES, Ears
from tsumami.app.work.speaking import Clip, Mouth, Speech, chosen_speaker
from tsumami.app.work.tasks import Task, Tasks, session_of
from tsumami.errors import TsumamiError
from tsumami.speech import Heard, Loading, has_japanese, voices

_LANGUAGES: Final = ("ja", "auto", "en", "zh", "ko", "de", "fr", "es", "it", "pt", "ru", "vi", "id", "th")
_SCRIPT_WORDS: Final = (
    "play",
    "refused",
    "no_microphone",
    "busy_microphone",
    "insecure",
    "level",
    "recorded",
    "put_away",
)
_SMALL: Final = ("tiny", "base", "small")  # mishear so often that one looks at what was heard before it is sent
_AT_ONCE: Final = f"size => !{json.dumps(_SMALL)}.includes(size)"
_PATIENCE: Final = 10.0  # seconds that one question for a clip may wait


class VoiceContents(NamedTuple):
    """How replies are spoken: whether, in which voice, and how fast."""

    speak: bool
    voice: str
    speed: float


class VoiceNews(NamedTuple):
    """Contents of `VoiceParts.outputs`; what is not given stays as it is. used: whether somebody has ever spoken;
    go: whether what is in `message` is to be sent.
    """

    message: Any = gr.skip()
    recording: Any = gr.skip()
    player: Any = gr.skip()
    speak: Any = gr.skip()
    used: Any = gr.skip()
    go: bool = False


@dataclass(frozen=True, slots=True)
class VoiceParts:
    """The components of the row under the message box."""

    player: gr.HTML
    recording: gr.Audio
    speak: gr.Checkbox
    voice: gr.Dropdown
    speed: gr.Slider
    size: gr.Dropdown
    language: gr.Dropdown
    at_once: gr.Checkbox
    used: gr.State
    go: gr.State

    @property
    def inputs(self) -> list[Component]:
        """What makes a `VoiceContents`, in its order."""
        return [getattr(self, name) for name in VoiceContents._fields]

    @property
    def positions(self) -> dict[str, Component]:
        """What outlives the page."""
        kept = ("speak", "voice", "speed", "size", "language", "at_once")
        return {f"voice.{name}": getattr(self, name) for name in kept}

    def outputs(self, message: gr.Textbox) -> list[Component]:
        """What a `VoiceNews` fills, in its order."""
        return [message, *(getattr(self, name) for name in VoiceNews._fields[1:])]


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """The row's handlers."""

    texts: Texts
    ears: Ears
    mouth: Mouth
    hearings: Tasks[Task] = field(default_factory=Tasks)

    def build(self) -> VoiceParts:
        """Lay out the row."""
        texts = self.texts
        used, go, player = gr.State(False), gr.State(False), self._player()
        with gr.Row(elem_id="voice", elem_classes="tight", equal_height=True):
            recording = gr.Audio(
                sources=["microphone", "upload"], type="filepath", label=texts("voice.record"), show_label=False,
                container=False, editable=False, buttons=[], min_width=80, elem_id="voice-in",
            )  # fmt: skip
            speak = gr.Checkbox(
                False, label=texts("voice.speak"), container=False, min_width=130, elem_id="voice-speak"
            )
            with gr.Accordion(texts("voice.title"), open=False, elem_id="voice-settings"):
                with gr.Row(elem_classes="tight"):
                    size, language = self._listening()
                    at_once = gr.Checkbox(False, label=texts("voice.at_once"), min_width=130, elem_id="voice-at-once")
                with gr.Row(elem_classes="tight"):
                    voice, speed = self._speaking()
        return VoiceParts(player, recording, speak, voice, speed, size, language, at_once, used, go)

    def _listening(self) -> tuple[gr.Dropdown, gr.Dropdown]:
        """Which ears, and for which language."""
        texts = self.texts
        size = gr.Dropdown(list(SIZES), value="base", label=texts("voice.size"), min_width=130, elem_id="voice-size")
        languages: list[Any] = [(texts(f"voice.language_{code}"), code) for code in _LANGUAGES]
        language = gr.Dropdown(
            languages, value="ja", label=texts("voice.language"), min_width=130, elem_id="voice-language"
        )
        return size, language

    def _speaking(self) -> tuple[gr.Dropdown, gr.Slider]:
        """Which voice, and how fast."""
        texts = self.texts
        menu: list[Any] = [(texts("voice.auto"), "auto"), *_voices(texts)]
        voice = gr.Dropdown(menu, value="auto", label=texts("voice.voice"), min_width=180, elem_id="voice-voice")
        speed = gr.Slider(
            0.5, 2.0, value=1.0, step=0.1, label=texts("voice.speed"), min_width=180, elem_id="voice-speed"
        )
        return voice, speed

    def _player(self) -> gr.HTML:
        """The invisible part: it holds the name of the speech to play, and shows what is to be said about voice."""
        texts = self.texts
        mouth = self.mouth

        async def clip(asked: dict[str, Any]) -> dict[str, Any]:
            return await _answer(texts, mouth, str(asked["id"]), int(asked["number"]))

        def hush(speech_id: str) -> None:
            speech = mouth.find(speech_id)
            if speech is not None:
                speech.cancel()

        # Words stand in the script, not in props: an update may replace all props of an HTML part.
        words = json.dumps({key: texts(f"voice.{key}") for key in _SCRIPT_WORDS}, ensure_ascii=False)
        return gr.HTML(
            value="",
            html_template='<p class="voice-note" role="status" hidden></p>'
            '<button class="voice-play" type="button" hidden></button>'
            '<meter class="voice-level" min="0" max="1" low="0.3" high="0.9" optimum="0.6" hidden></meter>'
            '<div class="voice-recorded" hidden><span></span><audio controls></audio>'
            '<button type="button">✕</button></div>',
            js_on_load="\n".join(
                (f"const words = {words};", script(__name__, "voice.js"), script(__name__, "voice_input.js"))
            ),
            server_functions=[clip, hush],
            elem_id="voice-player",
            note="",
            sent="",
        )

    def wire(self, parts: VoiceParts, message: gr.Textbox) -> Any:
        """Connect the recorder; returns the event after which `go` says whether to send what is in `message`."""
        parts.size.input(None, [parts.size], [parts.at_once], js=_AT_ONCE, **AT_ONCE)
        return gr.on(
            [parts.recording.stop_recording, parts.recording.upload],
            self.on_recording,
            [parts.recording, message, parts.size, parts.language, parts.at_once, parts.speak, parts.used],
            parts.outputs(message),
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=4,  # of the server's threads, however many people talk at once
            concurrency_id="listen",
        )

    def begin(self, session: str, how: VoiceContents) -> Speech | None:
        """The speech of the session's next reply, or None where it stays silent."""
        self.mouth.stop(session)
        return self.mouth.begin(session, chosen_speaker(str(how.voice), float(how.speed))) if how.speak else None

    def read(self, session: str, text: str, how: VoiceContents) -> str:
        """Read a text aloud; gives the name of the speech. What the session heard before ends."""
        speech = self.mouth.begin(session, chosen_speaker(str(how.voice), float(how.speed)))
        speech.write(text, last=True)
        return speech.id

    def leave(self, session: str) -> None:
        """The page was closed: nobody listens, and nobody wants to know what was said."""
        self.mouth.stop(session)
        self.hearings.stop(session)

    def on_recording(
        self,
        request: gr.Request,
        recording: str | None,
        typed: str | None,
        size: str,
        language: str,
        at_once: bool,
        speak: bool,
        used: bool,
    ) -> Iterator[VoiceNews]:
        """Put what was said into the message box. The first time, replies begin to be spoken."""
        if not recording:
            yield VoiceNews()
            return
        yield VoiceNews(player=gr.update(note=self.texts("voice.listening")))
        problem, text = "", ""
        try:
            with self.hearings.ask(session_of(request)) as asked:
                hearing = self.ears.hear(recording, size, language)
                asked.begin(hearing)
                for news in _thinned(iter(hearing)):
                    if isinstance(news, Loading):
                        yield VoiceNews(player=gr.update(note=self._loading(news, size)))
                    else:
                        text = news.text
                        problem = news.reason.text(self.texts.language) if news.reason else ""
        except TsumamiError as error:
            problem = self.texts.error(error)
        if not text:
            warn(problem, self.texts("voice.nothing_heard"))
            yield VoiceNews(recording=None, player=gr.update(note=problem))
            return
        message = _put_after(typed or "", text)
        told = gr.update(note="", sent=uuid.uuid4().hex) if at_once else gr.update(note=self.texts("voice.check"))
        yield VoiceNews(message, None, told, speak=speak or not used, used=True, go=at_once)

    def _loading(self, news: Loading, size: str) -> str:
        if news.step == "load":
            return self.texts("voice.listening")
        share = f"{100 * news.fraction:.0f} %" if news.fraction is not None else f"{news.done / 1e6:.0f} MB"
        return self.texts(f"voice.{news.step}", size=size, share=share)


async def _answer(texts: Texts, mouth: Mouth, speech_id: str, number: int) -> dict[str, Any]:
    """What voice.js is told: `wav` in base64, or `over` and perhaps a `problem`, or neither: ask again."""
    until = time.monotonic() + _PATIENCE
    while True:
        speech = mouth.find(speech_id)
        clip = speech.next_clip(number) if speech is not None else Clip(over=True)
        if clip.wav or clip.over or time.monotonic() > until:
            break
        await asyncio.sleep(0.05)
    problem = texts.error(clip.problem) if clip.problem is not None else ""
    return {"wav": base64.b64encode(clip.wav).decode("ascii"), "over": clip.over, "problem": problem}


def _thinned(news: Iterator[Loading | Heard]) -> Iterator[Loading | Heard]:
    """At most five reports a second, and what was heard."""
    last = 0.0
    for item in news:
        if isinstance(item, Heard) or time.monotonic() - last > 0.2:
            last = time.monotonic()
            yield item


def _put_after(typed: str, heard: str) -> str:
    """What was said after what was typed; Japanese has no spaces."""
    gap = "" if has_japanese(heard) or not typed.strip() else " "
    return f"{typed.rstrip()}{gap}{heard}"


def _voices(texts: Texts) -> list[tuple[str, str]]:
    """The menu; a voice that is not here says so, and when it is chosen the message names its install command."""
    with contextlib.suppress(TsumamiError):  # an eSpeak NG that is broken
        return [
            (texts.pick(voice.ja, voice.en) + ("" if voice.available else texts("voice.not_here")), voice.name)
            for voice in voices()
        ]
    return []
