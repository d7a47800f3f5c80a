"""The real Whisper base hears what OpenJTalk says, and nothing where nobody speaks."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyopenjtalk
import pytest
from numpy.typing import NDArray

from tsumami.errors import SpeechError
from tsumami.speech import Audio, Listener, Loading, OpenJTalkSpeaker, WhisperListener
from tsumami.speech.whisper import believable

# pyopenjtalk-plus calls what SudachiPy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")

RATE = 16_000
SENTENCES = (
    "今日はとても天気がいいですね。",
    "発光ダイオードを讃える詩をつくってください。",
    "明日の会議は午後三時から始まります。",
    "東京から大阪まで新幹線で二時間半かかります。",
    "温度を上げると文章がもっと自由になります。",
    "吾輩は猫である。名前はまだ無い。",
    "春になると桜の花が一斉に咲きます。",
    "この本の面白さを簡単に説明してください。",
    "夕食にカレーライスを作ろうと思います。",
    "図書館では静かに本を読みましょう。",
)


@pytest.fixture(scope="module")
def listener() -> WhisperListener:
    return WhisperListener("base", threads=1)


@pytest.fixture(scope="module")
def spoken() -> Audio:
    return OpenJTalkSpeaker().speak(SENTENCES[0])


def reading(text: str) -> str:
    """The katakana of `text` without punctuation: 三時 and 3時 are the same."""
    return "".join(letter for letter in str(pyopenjtalk.g2p(text, kana=True)) if letter.isalnum() or letter == "ー")


def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]


def colored(power: float, seconds: float = 4) -> NDArray[np.float64]:
    """Noise whose power falls with frequency as 1/f^(2 power): 0 white, 0.5 pink, 1 brown."""
    dice = np.random.default_rng(0)
    count = int(seconds * RATE)
    frequency = np.maximum(np.fft.rfftfreq(count), 1 / count)
    spectrum = dice.normal(size=frequency.size) + 1j * dice.normal(size=frequency.size)
    noise = np.fft.irfft(spectrum / frequency**power, count)
    return np.asarray(noise / np.abs(noise).max())


@pytest.mark.slow
def test_ten_sentences_come_back(listener: WhisperListener, record_property: pytest.RecordProperty) -> None:
    speaker = OpenJTalkSpeaker()
    rates = []
    for sentence in SENTENCES:
        heard = listener.listen(speaker.speak(sentence))
        rates.append(distance(reading(sentence), reading(heard.text)) / len(reading(sentence)))
        print(f"{rates[-1]:.2f}  {sentence}  ->  {heard.text}")  # noqa: T201  # the measurement is wanted in the log
    mean = sum(rates) / len(rates)
    print(f"mean character error rate on the reading: {mean:.3f}")  # noqa: T201  # as above
    record_property("mean_character_error_rate", mean)
    assert mean <= 0.25


TIME = np.arange(4 * RATE) / RATE
CLICKS = (np.arange(4 * RATE) % 8000 == 0) * 0.9
NOTHING = {
    "digital silence": (np.zeros(4 * RATE), "silence"),
    "last bit": (np.sign(colored(0)) / 32768, "silence"),
    "constant offset": (np.full(4 * RATE, 0.5), "silence"),
    "white noise": (colored(0) * 0.5, "noise"),
    "quiet white noise": (colored(0) * 0.005, "noise"),
    "pink noise": (colored(0.5) * 0.5, "noise"),
    "brown noise": (colored(1) * 0.5, "noise"),
    "bursts of noise": (colored(0) * (np.sin(2 * np.pi * 0.7 * TIME) > 0.5), "noise"),
    "mains hum": (0.3 * np.sin(2 * np.pi * 50 * TIME), "noise"),
    "mains hum with harmonics": (sum(0.1 / k * np.sin(2 * np.pi * 50 * k * TIME) for k in range(1, 12)), "noise"),
    "wavering hum": (0.2 * np.sin(2 * np.pi * 150 * TIME) * (1 + np.sin(2 * np.pi * 3 * TIME)), None),
    "clicks": (CLICKS, "noise"),
    "chord": (sum(0.1 * np.sin(2 * np.pi * f * TIME) for f in (262, 330, 392)), "noise"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTHING)
def test_without_a_voice_nothing_is_invented(listener: WhisperListener, name: str) -> None:
    samples, code = NOTHING[name]
    heard = listener.listen(Audio.from_array(np.asarray(samples, dtype=np.float32), RATE))
    assert heard.text == ""
    assert heard.reason is not None
    assert heard.reason.ja != heard.reason.en
    assert heard.reason.text("ja-JP") == heard.reason.ja
    assert code in (None, heard.reason.code)


@pytest.mark.parametrize(
    ("samples", "rate", "code"),
    [
        (np.zeros(0), RATE, "empty"),
        (np.zeros((0, 2)), RATE, "empty"),
        (np.ones(1), RATE, "too_short"),
        (np.ones(800), 8000, "too_short"),
        (np.zeros(8000 * 3600, dtype=np.int8), 8000, "too_long"),
    ],
)
def test_the_duration_is_judged_before_any_model_is_loaded(samples: NDArray[np.generic], rate: int, code: str) -> None:
    listener = WhisperListener("no such model")
    heard = listener.listen(Audio.from_array(samples, rate))
    assert (heard.text, heard.reason.code if heard.reason else None) == ("", code)
    assert not listener.loaded


def test_an_hour_is_refused_with_both_lengths() -> None:
    heard = WhisperListener("no such model").listen(Audio.silence(3600, 1000))
    assert heard.reason is not None
    assert "1:00:00" in heard.reason.en
    assert "5:00" in heard.reason.ja


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("shape", ["mono", "stereo", "one side", "inverted"])
def test_any_microphone_is_understood(listener: WhisperListener, spoken: Audio, rate: int, shape: str) -> None:
    mono = (spoken.resampled(rate).samples * 32767).astype(np.int16)
    sides = {"mono": [mono], "stereo": [mono, mono], "one side": [mono, 0 * mono], "inverted": [mono, -mono]}[shape]
    heard = listener.listen(Audio.from_array(np.stack(sides, axis=1), rate))
    assert distance(reading(SENTENCES[0]), reading(heard.text)) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("change", ["very quiet", "clipped", "noisy", "clicks", "a minute of silence after", "offset"])
def test_speech_survives_a_bad_recording(listener: WhisperListener, spoken: Audio, change: str) -> None:
    voice = spoken.resampled(RATE).samples
    level = float(np.sqrt(np.mean(voice**2)))
    noise = np.random.default_rng(1).normal(size=len(voice)) * level * 0.3
    samples = {
        "very quiet": voice * 0.01,
        "clipped": np.clip(voice * 10, -1, 1),
        "noisy": voice + noise,
        "clicks": voice * 0.1 + (np.arange(len(voice)) % 8000 == 0) * 0.9,
        "a minute of silence after": np.concatenate([voice, np.zeros(60 * RATE)]),
        "offset": voice * 0.3 + 0.5,
    }[change]
    heard = listener.listen(Audio.from_array(samples, RATE))
    assert distance(reading(SENTENCES[0]), reading(heard.text)) <= 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "said", ["字幕をつけてください", "ご視聴ありがとうございました", "チャンネル登録をお願いします"]
)
def test_what_subtitles_say_is_believed_when_somebody_says_it(listener: WhisperListener, said: str) -> None:
    heard = listener.listen(OpenJTalkSpeaker().speak(said))
    assert distance(reading(said), reading(heard.text)) <= 2
    assert heard.reason is None


#: What a segment says of itself: mean log probability, probability of no speech, compression; the recording's contrast
#: in dB; and whether it is to be believed. The first four were measured: speech, speech in noise, a hum, a saw.
EVIDENCE = [
    (-0.44, 0.03, 0.75, 40, True),
    (-0.82, 0.09, 0.78, 12, True),
    (-0.07, 0.79, 33.45, 9, False),
    (-0.24, 0.79, 8.65, 60, False),
    (-0.30, 0.90, 0.86, 6, False),  # thanks for watching, over a fan
    (-0.50, 0.70, 0.86, 30, False),
    (-0.20, 0.70, 0.86, 30, True),
    (-1.30, 0.01, 0.80, 40, False),
    (float("nan"), 0.70, 0.80, 40, False),
]


@pytest.mark.parametrize("words", ["字幕をつけてください", "Thank you for watching.", "今日はいい天気ですね"])
@pytest.mark.parametrize(("sure", "no_speech", "compression", "contrast", "right"), EVIDENCE)
def test_the_evidence_decides_and_never_the_words(
    words: str, sure: float, no_speech: float, compression: float, contrast: float, right: bool
) -> None:
    segment = SimpleNamespace(text=words, avg_logprob=sure, no_speech_prob=no_speech, compression_ratio=compression)
    assert believable(segment, contrast) is right


@pytest.mark.slow
def test_the_same_recording_gives_the_same_text(listener: WhisperListener, spoken: Audio) -> None:
    first = listener.listen(spoken)
    assert listener.listen(spoken) == first
    assert first.language == "ja"
    assert 0 < first.confidence <= 1
    assert first.seconds == spoken.seconds


@pytest.mark.slow
def test_the_language_can_be_detected(spoken: Audio) -> None:
    assert WhisperListener("base", None, threads=1).listen(spoken).language == "ja"


@pytest.mark.slow
def test_a_call_may_name_its_language_and_changes_none_for_others(spoken: Audio) -> None:
    mine = WhisperListener("base", "en", threads=1)
    assert [mine.listen(spoken, language).language for language in ("ja", "auto", None)] == ["ja", "ja", "en"]
    assert mine.language == "en"


@pytest.mark.slow
def test_an_unknown_language_is_an_error_with_a_remedy(spoken: Audio) -> None:
    with pytest.raises(SpeechError, match="'klingon'"):
        WhisperListener("base", "klingon", threads=1).listen(spoken)


@pytest.mark.slow
def test_the_first_use_loads_once_and_tells_how_far_it_is(spoken: Audio) -> None:
    told: list[Loading] = []
    listener = WhisperListener("base", threads=1, on_loading=told.append)
    assert not listener.loaded
    threads = [threading.Thread(target=listener.load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listener.loaded
    assert [step.fraction for step in told if step.step == "load"] == [0, 1]


@pytest.mark.slow
def test_who_listens_first_may_be_told_how_far_it_is(spoken: Audio) -> None:
    told: list[Loading] = []
    listener = WhisperListener("base", threads=1)
    assert "天気" in listener.listen(spoken, on_loading=told.append).text
    assert [step.fraction for step in told if step.step == "load"] == [0, 1]


def test_a_folder_of_damaged_files_is_a_speech_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "model.bin").write_bytes(b"nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SpeechError, match="could not be loaded"):
        WhisperListener(tmp_path, threads=1).load()


@pytest.mark.parametrize("options", [{"threads": -1}, {"most_seconds": 0}, {"most_seconds": 1e9}])
def test_impossible_options_are_named(options: dict[str, float]) -> None:
    with pytest.raises(SpeechError, match=next(iter(options))):
        WhisperListener("base", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_it_is_a_listener() -> None:
    assert isinstance(WhisperListener(), Listener)
