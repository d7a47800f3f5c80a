"""A file of sound is read whoever recorded it, never beyond the limit, and nothing is read besides it."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tsumami.errors import CancelledError, SpeechError
from tsumami.speech import Audio, read_recording

av: Any = pytest.importorskip("av", reason="the extra `speech` is not installed")

SUFFIXES = {"flac": "flac", "webm": "libopus", "mp3": "libmp3lame", "m4a": "aac", "ts": "aac"}


class Stream(io.RawIOBase):
    """A file that cannot go back, as where a browser records to: so the head never learns how long it became."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._file.close()


def tone(seconds: float, rate: int = 48_000) -> Audio:
    times = np.arange(round(seconds * rate)) / rate
    return Audio.from_array((0.3 * np.sin(440 * 2 * np.pi * times)).astype(np.float32), rate)


def record(path: Path, seconds: int, *, codec: str | None = None, **how: Any) -> Path:
    """A tone, encoded second by second."""
    second = (tone(1).samples * 32767).astype(np.int16)[None, :]
    with av.open(how.pop("file", str(path)), "w", **how) as container:
        stream = container.add_stream(codec or SUFFIXES[path.suffix[1:]], rate=48_000, layout="mono")
        shaped = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=48_000)
        for number in range(seconds):
            frame = av.AudioFrame.from_ndarray(second, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, number * 48_000
            for piece in shaped.resample(frame):
                container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def recorded_live(path: Path, seconds: int) -> Path:
    """A WebM as a browser's recorder writes it: no duration in its head."""
    with Stream(path) as stream:
        record(path, seconds, codec="libopus", file=stream, format="webm", options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_not_wav_becomes_mono_at_the_rate_of_whisper(suffix: str, tmp_path: Path) -> None:
    found = read_recording(record(tmp_path / f"said.{suffix}", 2), 300)
    assert found.audio is not None
    assert (found.audio.rate, found.audio.channels, found.reason) == (16_000, 1, None)
    assert found.seconds == found.audio.seconds == pytest.approx(2, abs=0.15)
    assert np.abs(np.fft.rfft(found.audio.samples[:16_000])).argmax() == pytest.approx(440, abs=1)


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw"])
def test_what_telephones_record_is_what_ffmpeg_reads_in_it(codec: str, tmp_path: Path) -> None:
    path = record(tmp_path / "call.wav", 1, codec=codec)
    found = read_recording(path, 300)
    assert found.audio is not None
    with av.open(str(path)) as container:
        right = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert (found.audio.samples * 32768).astype(np.int16).tolist() == right.tolist()


@pytest.mark.parametrize("codec", ["adpcm_ima_wav", "adpcm_ms", "libmp3lame"])
def test_what_is_compressed_in_a_wav_is_decoded(codec: str, tmp_path: Path) -> None:
    found = read_recording(record(tmp_path / "said.wav", 2, codec=codec), 300)
    assert found.audio is not None
    assert found.seconds == pytest.approx(2, abs=0.15)
    assert np.abs(np.fft.rfft(found.audio.samples[:16_000])).argmax() == pytest.approx(440, abs=1)
    assert read_recording(tmp_path / "said.wav", 1).reason is not None


@pytest.mark.parametrize(
    ("code", "name"), [(0x31, "GSM 6.10"), (0x11, "IMA ADPCM"), (0x22, "TrueSpeech"), (0x1234, "4660")]
)
def test_what_no_decoder_reads_is_named_by_what_it_is(code: int, name: str, tmp_path: Path) -> None:
    fmt = struct.pack("<HHIIHHH", code, 1, 8000, 1625, 65, 0, 2) + struct.pack("<H", 320)
    body = struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + struct.pack("<4sI", b"data", 5) + b"noise"
    path = tmp_path / "said.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    try:
        said = str(read_recording(path, 300).seconds)
    except SpeechError as error:
        said = str(error)
    assert "Broken" not in said
    with pytest.raises(SpeechError, match=name):
        Audio.from_wav(path.read_bytes())


def test_decoding_ends_when_nobody_wants_it(tmp_path: Path) -> None:
    path, asked = record(tmp_path / "said.mp3", 10), iter([False, False])
    with pytest.raises(CancelledError):
        read_recording(path, 300, stopped=lambda: next(asked, True))


def test_a_wav_keeps_its_rate_and_channels(tmp_path: Path) -> None:
    stereo = Audio.from_array(np.stack([tone(0.5).samples, tone(0.5).samples / 2], axis=1), 48_000)
    (tmp_path / "said.wav").write_bytes(stereo.to_wav())
    found = read_recording(str(tmp_path / "said.wav"), 300)
    assert found.audio == Audio.from_wav(stereo.to_wav())
    assert found.seconds == 0.5


def test_a_recording_without_a_duration_is_read_to_its_end(tmp_path: Path) -> None:
    found = read_recording(recorded_live(tmp_path / "live.webm", 3), 300)
    assert found.seconds == pytest.approx(3, abs=0.1)
    assert found.audio is not None
    assert found.audio.loudness > -20


def test_a_recording_without_a_duration_is_decoded_to_the_limit_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded_live(tmp_path / "live.webm", 600)
    resampled = 0.0
    real = av.AudioResampler

    class Counting:
        def __init__(self, **how: Any) -> None:
            self._real = real(**how)

        def resample(self, frame: Any) -> Any:
            nonlocal resampled
            resampled += frame.samples / frame.sample_rate if frame is not None else 0
            return self._real.resample(frame)

    monkeypatch.setattr(av, "AudioResampler", Counting)
    tracemalloc.start()
    found = read_recording(path, 5)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.audio is None
    assert found.reason is not None
    assert found.reason.code == "too_long"
    assert "0:05" in found.reason.ja
    assert "0:05" in found.reason.en
    assert 5 < found.seconds < 5.2
    assert 4.8 < resampled <= 5
    assert most < 5 * 16_000 * 2 * 4


def test_a_duration_that_is_too_small_in_the_head_does_not_open_the_door(tmp_path: Path) -> None:
    path = record(tmp_path / "said.webm", 20)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a float of 8 bytes, in milliseconds
    assert struct.unpack_from(">d", data, at)[0] == pytest.approx(20_000, abs=50)
    struct.pack_into(">d", data, at, 1_000.0)
    path.write_bytes(data)
    assert read_recording(path, 5).audio is None


def test_a_duration_in_the_head_refuses_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "said.flac", 20)
    monkeypatch.setattr(av, "AudioResampler", None)
    found = read_recording(path, 5)
    assert found.seconds == pytest.approx(20, abs=0.1)
    assert found.reason is not None
    assert "0:20; the limit is 0:05" in found.reason.en


@pytest.mark.parametrize("before", [b"", b"JUNK" + struct.pack("<I", 28) + bytes(28)], ids=["plain", "padded"])
def test_an_hour_of_wav_is_refused_by_its_head(before: bytes, tmp_path: Path) -> None:
    size = 3600 * 48_000 * 2
    head = tone(0.1).to_wav()[:44]
    with (tmp_path / "hour.wav").open("wb") as file:
        file.write(head[:12] + before + head[12:40] + struct.pack("<I", size))
        file.truncate(44 + len(before) + size)  # a hole: it takes no room
    tracemalloc.start()
    found = read_recording(tmp_path / "hour.wav", 300)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.audio, found.seconds) == (None, 3600)
    assert found.reason is not None
    assert "1:00:00、上限 5:00" in found.reason.ja
    assert most < 1_000_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\nfile://{there}\n#EXT-X-ENDLIST\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{there}\n#EXT-X-ENDLIST\n"),
        ("list.txt", "ffconcat version 1.0\nfile secret.ts\n"),
        ("call.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"),
    ],
)
def test_a_list_of_other_files_or_addresses_opens_none_of_them(name: str, text: str, tmp_path: Path) -> None:
    there = record(tmp_path / "secret.ts", 2)
    (tmp_path / name).write_text(text.format(there=there), encoding="utf-8")
    with pytest.raises(SpeechError, match="cannot be read as sound"):
        read_recording(tmp_path / name, 300)


def test_a_film_without_sound_and_a_picture_say_so(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "still.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8, 8, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24")))
    with pytest.raises(SpeechError, match=r"still\.png holds no sound"):
        read_recording(tmp_path / "still.png", 300)


def test_a_damaged_packet_is_left_out(tmp_path: Path) -> None:
    path = record(tmp_path / "said.flac", 3)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    assert 2 < read_recording(path, 300).seconds <= 3.1


def test_tags_in_any_encoding_are_no_obstacle(tmp_path: Path) -> None:
    path = record(tmp_path / "said.mp3", 1)
    title = "猫".encode("cp932")
    tag = b"TIT2" + struct.pack(">I", 1 + len(title)) + bytes(3) + title
    path.write_bytes(b"ID3\x03\0\0" + bytes([0, 0, 0, len(tag)]) + tag + path.read_bytes())
    assert read_recording(path, 300).seconds == pytest.approx(1, abs=0.15)


def test_pyav_from_19_on_which_knows_no_encoding_of_tags_reads_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV 19 took the argument away: every recording that is not WAV was a TypeError on Python 3.12 and newer."""
    path = record(tmp_path / "said.webm", 1)
    newer, real = ModuleType("av"), av.open
    newer.__dict__.update(vars(av))

    def open_19(file: Any, mode: str = "r", *, options: dict[str, str] | None = None) -> Any:
        return real(file, mode, options=options)

    monkeypatch.setattr(newer, "open", open_19)
    monkeypatch.setattr(newer, "__version__", "19.0.2")
    monkeypatch.setitem(sys.modules, "av", newer)
    assert read_recording(path, 300).seconds == pytest.approx(1, abs=0.1)
