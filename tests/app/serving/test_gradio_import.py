"""Importing Gradio: quicker, and the same Gradio."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

_QUICK: Final = "from tsumami.app.serving.gradio_import import import_quickly; import_quickly()"
_TIMED: Final = "import time; begun = time.process_time()\n{}\nprint(time.process_time() - begun)"


def said(code: str) -> str:
    """What a process of its own prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_neither_the_app_nor_the_server_imports_gradio() -> None:
    assert said("import sys, tsumami.app.serving.server; print('gradio' in sys.modules)") == "False"


def test_what_is_imported_works_and_all_is_as_before() -> None:
    code = f"""
import gc, sys
before = list(sys.meta_path)
{_QUICK}
import gradio
assert gc.isenabled() and sys.meta_path == before
with gradio.Blocks() as blocks:
    box = gradio.Slider(0, 1)
    box.change(print, box)
print(blocks.get_config_file()["components"][0]["type"], gradio.component_meta.create_or_modify_pyi.__name__)
"""
    assert said(code) == "slider _write_nothing"


def test_it_takes_less_of_the_processor_than_a_plain_import() -> None:
    plain, quick = (float(said(_TIMED.format(way))) for way in ("import gradio", _QUICK))
    assert quick < 0.8 * plain
