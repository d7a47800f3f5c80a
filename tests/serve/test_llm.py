"""simonw's `llm` with its plugin for llama-server, against a server with a socket."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.serve.calling import live, scripted, service
from tests.serve.test_tools import QWEN
from tests.support.llama_server_process import PYTHON

from tsumami.testing import ScriptedModel

ASKING = Path(__file__).parent.parent / "support" / "ask_llm.py"


def answered(model: ScriptedModel, template: str, home: Path) -> dict[str, object]:
    """What the plugin makes of a server of this model."""
    if not (PYTHON.parent / "llm").exists():
        pytest.skip("no llm here; `make test` installs it")
    environment = {**os.environ, "LLM_USER_PATH": str(home), "OPENAI_API_KEY": "none"}
    with live(service(model, template=template)) as address:
        command = [str(PYTHON), "-I", str(ASKING), f"{address}/v1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_texts_and_calls_of_tools_come_through_the_plugin(tmp_path: Path) -> None:
    call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Kyoto"}}\n</tool_call>'
    found = answered(scripted(f"Hello. {call}"), QWEN, tmp_path)
    assert found["whole"] == f"Hello. {call}", "no tools were offered"
    assert "".join(found["pieces"]) == found["whole"]  # type: ignore[arg-type]
    assert len(found["pieces"]) > 5  # type: ignore[arg-type]
    assert found["calls"] == [["weather", {"city": "Kyoto"}]]
