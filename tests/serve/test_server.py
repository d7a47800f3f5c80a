"""`tsumami serve` as a process: it starts, answers as it was told to, and ends without a word."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx


def test_the_command_serves_as_it_was_told_and_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{{ messages[0].content }}{{ mood }}", "utf-8")
    command = [
        *(str(Path(sys.executable).with_name("tsumami")), "serve", "--port", "0", "--threads", "1", "--lang", "en"),
        *("--n-ctx", "512", "--ctx-per-request", "64", "--api-key", "right", "--alias", "mine", "--no-slots"),
        *("--temperature", "0", "--max-tokens", "3", "--max-generations", "5"),
        *("--chat-template", f"@{template}", "--chat-template-kwargs", '{"mood": "!"}'),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            while not (found := re.search(r"ready at (\S+)", line := process.stderr.readline())):
                assert line, "it ended before it was ready"
            with httpx.Client(base_url=found[1], headers={"authorization": "Bearer right"}, timeout=60) as client:
                assert httpx.get(f"{found[1]}/v1/models").status_code == 401
                assert client.get("/v1/models").json()["data"][0]["id"] == "mine"
                props = client.get("/props").json()
                assert (props["total_slots"], props["model_path"][-5:]) == (5, ".gguf")
                assert props["default_generation_settings"]["n_ctx"] == 64
                assert props["default_generation_settings"]["params"]["n_predict"] == 3
                assert client.get("/slots").status_code == 501
                messages = {"messages": [{"role": "user", "content": "Hi"}]}
                assert client.post("/apply-template", json=messages).json() == {"prompt": "Hi!"}
                answer = client.post("/completion", json={"prompt": "The sky", "top_p": 2}).json()
                assert answer["timings"]["predicted_n"] == 3
                long = {"prompt": "x", "n_predict": -1, "ignore_eos": True, "stream": True}
                with client.stream("POST", "/completion", json=long) as stream:
                    lines = stream.iter_lines()
                    assert next(lines).startswith("data: ")
                    process.send_signal(signal.SIGINT)
                    _, said = process.communicate(timeout=60)
                    list(lines)
        finally:
            process.kill()
    assert said.strip() == "/completion: top_p 2 → top_p 1.0: llama-server limits it to this"
