"""A script can do what the page does: every named endpoint, with Gradio's own client against a real server.

The servers are processes of their own, as users have them: at the root, behind a password, and behind a proxy that puts
a path in front.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import uvicorn
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from tests.prompts.test_llama2 import (
    FOUR_AND_FIVE,
    NEW,
    NOTHING,
    ONE,
    ONE_AND_TWO,
    ONE_TO_THREE,
    PAST,
    TWO_AND_THREE,
    TWO_TO_FIVE,
)

import tsumami
from tsumami.app.parts import talk_form
from tsumami.app.work.conversation import Conversation, outlook
from tsumami.app.work.shelf import ModelChoice
from tsumami.knobs import KNOBS
from tsumami.presets import PRESETS
from tsumami.prompts import Exchange

ENDPOINTS: Final = {
    "/run",
    "/generate",
    "/chat",
    "/chat_stream",
    "/tokenize",
    "/models",
    "/model",
    "/knobs",
    "/presets",
    "/check_settings",
    "/verify",
    "/next_token",
    "/ledger",
    "/why_not",
    "/audit",
    "/divergence",
    "/compare",
    "/transcribe",
    "/speak",
}
PROMPT: Final = "Once upon a time"
LONG: Final = {"seed": 1, "max_tokens": 3000, "temperature": 1.5, "top_k": 0, "min_p": 0.02}
_SERVE: Final = """
import json, sys
from tsumami.app.serving.server import ServerOptions, serve
from tsumami.app.work.shelf import ModelChoice
from tsumami.engine import EngineOptions
serve(ModelChoice("smollm2", EngineOptions(threads=1)), ServerOptions(**json.loads(sys.argv[1])))
"""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    """Until the address answers, whatever it says."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  (our own server)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")


@contextlib.contextmanager
def serving(log: Path, **options: Any) -> Iterator[Server]:
    """A server of the app on a free port."""
    port = free_port()
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", _SERVE, json.dumps({**options, "port": port})]
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/en/config")
            yield Server(f"http://127.0.0.1:{port}/", log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share; its log must stay empty of errors."""
    with serving(tmp_path_factory.mktemp("api") / "server.log") as running:
        yield running
        log = running.log.read_text()
        assert "Traceback" not in log, log


@pytest.fixture
def connect(server: Server, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Clients of a test's own."""
    made: list[Client] = []

    def start(url: str = server.url, **options: Any) -> Client:
        made.append(Client(url, verbose=False, analytics_enabled=False, download_files=str(tmp_path), **options))
        return made[-1]

    yield start
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client at the root."""
    folder = str(tmp_path_factory.mktemp("downloads"))
    with contextlib.closing(Client(server.url, verbose=False, analytics_enabled=False, download_files=folder)) as made:
        yield made


def programs(client: Client) -> int:
    """How many runs the engine has under way."""
    return int(client.predict(api_name="/model")["usage"]["programs"])


def freed(client: Client, seconds: float = 10) -> bool:
    """Whether the engine gets rid of everything in time."""
    until = time.monotonic() + seconds
    while programs(client):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


# --- what there is ---


def test_the_endpoints_are_documented_and_nothing_else_is_public(server: Server) -> None:
    info = httpx.get(f"{server.url}en/gradio_api/info").json()
    assert set(info["named_endpoints"]) == ENDPOINTS
    assert info["unnamed_endpoints"] == {}
    for name, endpoint in info["named_endpoints"].items():
        assert endpoint["description"], name
        for parameter in endpoint["parameters"]:
            assert parameter["parameter_name"] not in ("self", "request")
            assert parameter["type"], (name, parameter)
            assert parameter["python_type"]["description"], (name, parameter)
        assert all(returned["type"] for returned in endpoint["returns"]), name


@pytest.mark.parametrize("path", ["", "en/", "ja/"])
def test_the_root_and_both_languages_answer_alike(
    path: str, server: Server, client: Client, connect: Callable[..., Client]
) -> None:
    asked = (PROMPT, {"seed": 3, "max_tokens": 8})
    run = connect(server.url + path).predict(*asked, api_name="/run")
    assert run["text"] == client.predict(*asked, api_name="/run")["text"]


def test_an_error_is_in_the_language_of_the_address(server: Server, connect: Callable[..., Client]) -> None:
    with pytest.raises(AppError, match=r"つまみの値が使えません。top_p は 2\.0 ですが、使えるのは 0 以上 1 以下です"):
        connect(server.url + "ja/").predict(PROMPT, {"top_p": 2}, api_name="/run")


# --- generating ---


def test_the_library_gives_the_same_run(client: Client, model: tsumami.Model) -> None:
    settings = {"seed": 5, "max_tokens": 12, "top_k": 10}
    given = client.predict(PROMPT, settings, api_name="/run")
    run = tsumami.Run.from_json(json.dumps(given))
    alone = model.run(PROMPT, **settings)
    assert (run.text, run.steps) == (alone.text, alone.steps)


def test_the_same_seed_gives_the_same_text_and_another_another(client: Client) -> None:
    def text(seed: int) -> str:
        return str(client.predict(PROMPT, {"seed": seed, "max_tokens": 16}, api_name="/run")["text"])

    assert text(1) == text(1) != text(2)


def test_a_stream_grows_into_the_run(client: Client) -> None:
    settings = {"seed": 1, "max_tokens": 40}
    grown = list(client.submit(PROMPT, settings, api_name="/generate"))
    assert len(grown) > 2
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(grown))
    assert grown[-1] == client.predict(PROMPT, settings, api_name="/run")["text"]


def test_a_chat_stream_ends_as_the_chat(client: Client) -> None:
    asked: dict[str, Any] = {
        "messages": [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Say hello."}],
        "settings": {"seed": 4, "max_tokens": 12},
    }
    whole = client.predict(**asked, api_name="/chat")
    *growing, last = list(client.submit(**asked, api_name="/chat_stream"))
    assert all(answer["facts"] is None for answer in growing)
    assert last["reply"] == whole["reply"]
    assert last["facts"]["receipt"] == whole["facts"]["receipt"]
    assert "You are brief." in whole["facts"]["prompt"]
    assert whole["facts"]["seed"] == 4


def test_a_reply_goes_on_where_it_was(client: Client) -> None:
    user = {"role": "user", "content": "Count to ten."}
    first = client.predict([user], {"temperature": 0, "max_tokens": 5}, api_name="/chat")["reply"]
    begun = [user, {"role": "assistant", "content": first}]
    more = client.predict(begun, {"temperature": 0, "max_tokens": 5}, api_name="/chat")["reply"]
    assert more.startswith(first)
    assert len(more) > len(first)


def test_going_on_with_a_reply_equals_never_having_stopped(client: Client) -> None:
    user, knobs = {"role": "user", "content": "Tell me a story."}, {"seed": 5, "temperature": 1.5}
    whole = client.predict([user], {**knobs, "max_tokens": 16}, api_name="/chat")
    first = client.predict([user], {**knobs, "max_tokens": 7}, api_name="/chat")
    reply = {"role": "assistant", "content": first["reply"], "tokens": first["facts"]["receipt"]["reply_tokens"]}
    more = client.predict([user, reply], {**knobs, "max_tokens": 9}, api_name="/chat")
    assert more["reply"] == whole["reply"]
    assert more["facts"]["receipt"]["reply_tokens"] == whole["facts"]["receipt"]["reply_tokens"]


def test_special_tokens_in_words_are_read_where_it_is_asked_for(client: Client) -> None:
    def read(endpoint: str, **asked: Any) -> bool:
        answer = client.predict(**asked, settings={"max_tokens": 1}, api_name=endpoint)
        receipt = answer["receipt"] if endpoint == "/run" else answer["facts"]["receipt"]
        assert receipt.get("parse_special", True) is (0 in receipt["prompt_tokens"])
        return 0 in receipt["prompt_tokens"]

    text = "a<|endoftext|>b"
    messages = [{"role": "user", "content": text}]
    assert read("/run", prompt=text)
    assert not read("/run", prompt=text, parse_special=False)
    assert not read("/chat", messages=messages)
    assert read("/chat", messages=messages, parse_special=True)
    assert read("/chat", messages=messages, template="raw")
    assert not read("/chat", messages=messages, template="raw", parse_special=False)


def test_verify_says_that_a_run_is_the_same(client: Client) -> None:
    run = client.predict(PROMPT, {"seed": 6, "max_tokens": 6}, api_name="/run")
    found = client.predict(run, api_name="/verify")
    assert (found["same"], found["first_difference"], found["again"]) == (True, None, run["text"])
    run["steps"][2]["p_final"] /= 2
    found = client.predict(run, api_name="/verify")
    assert (found["same"], found["same_tokens"], found["first_difference"]) == (False, True, 2)


# --- the format of ELYZA, through the page's own path and through the endpoint ---

ELYZA: Final = [
    (0, 0, NOTHING, 0),
    (0, 2, NOTHING, 0),
    (0, 4, NOTHING, 0),
    (1, 0, NOTHING, 1),
    (1, 2, ONE, 0),
    (1, 4, ONE, 0),
    (2, 0, NOTHING, 2),
    (2, 2, ONE_AND_TWO, 0),
    (2, 4, ONE_AND_TWO, 0),
    (3, 0, NOTHING, 3),
    (3, 2, TWO_AND_THREE, 1),
    (3, 4, ONE_TO_THREE, 0),
    (5, 0, NOTHING, 5),
    (5, 2, FOUR_AND_FIVE, 3),
    (5, 4, TWO_TO_FIVE, 1),
    (5, -1, FOUR_AND_FIVE, 3),  # the page's "-1": the format's own memory of two
]
ELYZA_IDS: Final = [f"{past} past, memory {memory}" for past, memory, _, _ in ELYZA]


@pytest.mark.parametrize(("past", "memory", "expected", "dropped"), ELYZA, ids=ELYZA_IDS)
def test_the_page_sends_elyzas_prompt_character_for_character(
    past: int, memory: int, expected: str, dropped: int, model: tsumami.Model
) -> None:
    conversation = Conversation(tuple(Exchange(*said) for said in PAST[:past])).ask(NEW)
    sending = talk_form.read([ModelChoice(), "llama2", "", memory, True]).sending
    ahead = outlook(model, conversation, template=sending.template, system=sending.system, memory=sending.memory)
    assert ahead.prompt.text == expected
    assert ahead.dropped == dropped
    assert list(ahead.prompt.tokens) == model.tokenize(expected, add_special=False)


@pytest.mark.parametrize(("past", "memory", "expected", "dropped"), ELYZA, ids=ELYZA_IDS)
def test_the_endpoint_sends_elyzas_prompt_character_for_character(
    past: int, memory: int, expected: str, dropped: int, client: Client
) -> None:
    messages = [
        {"role": role, "content": content}
        for said in PAST[:past]
        for role, content in zip(("user", "assistant"), said, strict=True)
    ]
    answer = client.predict(
        [*messages, {"role": "user", "content": NEW}],
        {"max_tokens": 1, "seed": 0},
        template="llama2",
        memory=None if memory < 0 else memory,
        api_name="/chat",
    )
    assert answer["facts"]["prompt"] == expected
    assert answer["facts"]["template"] == "llama2"


# --- looking ---


def test_tokens_add_up_to_the_text(client: Client) -> None:
    tokens = client.predict("月は東に", add_special=False, api_name="/tokenize")
    assert bytes.fromhex("".join(token["bytes"] for token in tokens)).decode() == "月は東に"
    assert all(isinstance(token["id"], int) for token in tokens)


def test_models_knobs_and_presets_are_the_librarys(client: Client) -> None:
    assert {"smollm2", "elyza", "gpt2", "gemma"} <= {entry["name"] for entry in client.predict(api_name="/models")}
    rows = {row["name"]: row for row in client.predict(api_name="/knobs")}
    assert list(rows) == list(KNOBS)
    assert rows["top_k"]["aliases"]["llama.cpp"] == "--top-k"
    assert rows["top_k"]["slider"] == {"low": 0, "high": 100, "step": 1}
    presets = {row["name"]: row["settings"] for row in client.predict(api_name="/presets")}
    assert presets == {name: preset.apply().to_dict() for name, preset in PRESETS.items()}


def test_a_model_says_what_it_is(client: Client) -> None:
    facts = client.predict(api_name="/model")
    assert (facts["name"], facts["n_ctx"], facts["engine"]["mode"]) == ("smollm2", 4096, "exact")
    assert len(facts["weights"]["fingerprint"]) == 64
    assert facts["chat_template"]


def test_settings_are_checked_and_idle_knobs_have_reasons(client: Client) -> None:
    checked = client.predict({"temperature": 0, "top_p": 0.5}, api_name="/check_settings")
    assert checked["changed"] == {"temperature": 0.0, "top_p": 0.5}
    assert checked["mode"] == "greedy"
    assert checked["idle"]["top_p"]["because"] == ["temperature"]
    assert "貪欲法" in checked["idle"]["top_p"]["ja"]
    assert "thinking" in checked["idle"]["thinking_budget"]["en"], "the model is asked"


@pytest.mark.parametrize(
    ("endpoint", "arguments", "says"),
    [
        ("/check_settings", {"settings": {"temperatur": 1}}, "no knob is called 'temperatur'; nearest: temperature"),
        ("/run", {"prompt": PROMPT, "settings": {"repeat_penalty": 0}}, "repeat_penalty = 0"),
        ("/run", {"prompt": ""}, "empty"),
        ("/generate", {"prompt": ""}, "empty"),
        ("/generate", {"prompt": "word " * 5000}, "tokens; 4,095 fit"),
        ("/run", {"prompt": PROMPT, "model": "no-such-model"}, "no-such-model"),
        ("/chat", {"messages": []}, "empty"),
        ("/chat", {"messages": [{"role": "assistant", "content": "x"}]}, "'user' is expected there"),
        ("/chat", {"messages": [{"role": "user", "content": "x"}], "template": "lama2"}, "did you mean 'llama2'"),
        ("/verify", {"run": {}}, "version"),
        ("/speak", {"text": "✨ --- 🎉"}, "nothing to say"),
        ("/speak", {"text": "\u3005"}, "nothing to say"),
        ("/transcribe", {"audio": {"path": "/etc/hostname"}}, "not an uploaded file"),
    ],
)
def test_what_cannot_work_is_an_error_that_says_why(
    endpoint: str, arguments: dict[str, Any], says: str, client: Client
) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(**arguments, api_name=endpoint)
    assert says in str(caught.value)


# --- many, and gone ---


def test_eight_clients_at_once_get_what_each_gets_alone(
    connect: Callable[..., Client], record_testsuite_property: Callable[[str, object], None]
) -> None:
    clients = [connect() for _ in range(8)]
    together = threading.Barrier(8)

    def talk(index: int, *, wait: bool) -> tuple[str, float]:
        if wait:
            together.wait(30)
        begun, first, texts = time.monotonic(), 0.0, []
        settings = {"seed": index, "max_tokens": 24, "temperature": 1.0}
        for text in clients[index].submit(f"Tale number {index}:", settings, api_name="/generate"):
            first = first or time.monotonic() - begun
            texts.append(text)
        return texts[-1], first

    alone = [talk(index, wait=False) for index in range(8)]
    with ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(lambda index: talk(index, wait=True), range(8)))
    for name, talks in (("alone", alone), ("together", crowd)):
        record_testsuite_property(f"first text {name}, s", [round(first, 3) for _, first in talks])
    assert [text for text, _ in crowd] == [text for text, _ in alone]
    assert len({text for text, _ in alone}) == 8


@pytest.mark.parametrize("endpoint", ["/generate", "/run", "/chat_stream", "/chat"])
def test_cancelling_frees_the_engine(endpoint: str, client: Client) -> None:
    words = "Tell a long story."
    asked = (
        {"prompt": words} if endpoint in ("/run", "/generate") else {"messages": [{"role": "user", "content": words}]}
    )
    settings = LONG | {"logit_bias": {"0": "-inf", "2": "-inf"}}  # it may not end by itself
    job = client.submit(**asked, settings=settings, api_name=endpoint)
    until = time.monotonic() + 20
    while not programs(client) and time.monotonic() < until:
        time.sleep(0.02)
    assert programs(client) == 1
    job.cancel()
    assert freed(client)


def test_a_client_that_goes_away_frees_the_engine(client: Client, server: Server) -> None:
    gone = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from gradio_client import Client\n"
            "client = Client(sys.argv[1], verbose=False, analytics_enabled=False)\n"
            f"jobs = [client.submit('Once', {LONG!r}, api_name=name) for name in ('/run', '/generate')]\n"
            "print('asked', flush=True)\n"
            "time.sleep(60)\n",
            server.url,
        ],
        stdout=subprocess.PIPE,
    )
    with gone:
        assert gone.stdout is not None
        assert gone.stdout.readline() == b"asked\n"
        until = time.monotonic() + 20
        while programs(client) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert programs(client) == 2
        gone.kill()
    assert freed(client)


# --- voice ---


def test_what_is_spoken_is_a_wav_file_and_is_heard_again(client: Client) -> None:
    pytest.importorskip("pyopenjtalk", reason="the extra `speech` is not installed")
    pytest.importorskip("faster_whisper", reason="the extra `speech` is not installed")
    path = client.predict("**今日**は、いい天気ですね。", api_name="/speak")
    with wave.open(io.BytesIO(Path(path).read_bytes()), "rb") as sound:
        assert 1 < sound.getnframes() / sound.getframerate() < 6
    heard = client.predict(handle_file(path), api_name="/transcribe")
    assert "天気" in heard["text"]
    assert heard["reason"] is None


def test_silence_is_heard_as_silence(client: Client, tmp_path: Path) -> None:
    quiet = tmp_path / "quiet.wav"
    with wave.open(str(quiet), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(64_000))
    heard = client.predict(handle_file(quiet), api_name="/transcribe")
    assert heard["text"] == ""
    assert heard["reason"]


# --- password and proxy ---


def test_a_password_is_asked_for_and_let_in(tmp_path: Path, connect: Callable[..., Client]) -> None:
    with serving(tmp_path / "server.log", auth="anna:geheim") as guarded:
        with pytest.raises(AuthenticationError):
            connect(guarded.url)
        with pytest.raises(ValueError, match="Could not login"):
            connect(guarded.url, auth=("anna", "falsch"))
        for url in (guarded.url, guarded.url + "ja/"):
            client = connect(url, auth=("anna", "geheim"))
            assert client.predict(PROMPT, {"max_tokens": 3, "seed": 1}, api_name="/run")["stop_reason"] == "length"
            assert Path(client.predict("はい。", api_name="/speak")).stat().st_size > 1000
        assert "Traceback" not in guarded.log.read_text()


def proxy(target: str, prefix: str, port: int) -> None:
    """A reverse proxy as it stands in front of many apps: takes `prefix` away and passes the rest on, as it comes."""
    inner = httpx.AsyncClient(base_url=target, timeout=60)

    async def forward(request: Request) -> Response:
        path = request.url.path.removeprefix(prefix) or "/"
        headers = [(k, v) for k, v in request.headers.raw if k.lower() != b"accept-encoding"]
        address = httpx.URL(path, query=request.url.query.encode())
        asked = inner.build_request(request.method, address, headers=headers, content=request.stream())
        answer = await inner.send(asked, stream=True)
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in ("transfer-encoding", "connection")}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))

    app = Starlette(routes=[Route(f"{prefix}{{path:path}}", forward, methods=["GET", "HEAD", "POST"])])
    uvicorn.run(app, port=port, log_level="warning")


@contextlib.contextmanager
def proxied(target: str, prefix: str) -> Iterator[str]:
    """The proxy in a process of its own."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=proxy, args=(target, prefix, port), daemon=True)
    process.start()
    try:
        wait_for(f"http://127.0.0.1:{port}{prefix}/en/config")
        yield f"http://127.0.0.1:{port}{prefix}/"
    finally:
        process.kill()
        process.join()


def test_behind_a_proxy_with_a_path_everything_answers(tmp_path: Path, connect: Callable[..., Client]) -> None:
    prefix = "/tools/tsumami"
    with (
        serving(tmp_path / "server.log", root_path=prefix) as hidden,
        proxied(hidden.url, prefix) as url,
    ):
        redirect = httpx.get(f"{url}?__theme=dark", headers={"accept-language": "ja"})
        assert redirect.headers["location"] == f"{prefix}/ja/?__theme=dark"
        for address in (url, url + "ja/"):
            client = connect(address)
            grown = list(client.submit(PROMPT, {"max_tokens": 12, "seed": 1}, api_name="/generate"))
            run = client.predict(PROMPT, {"max_tokens": 12, "seed": 1}, api_name="/run")
            assert grown[-1] == run["text"]
            assert Path(client.predict("はい。", api_name="/speak")).stat().st_size > 1000
        assert "Traceback" not in hidden.log.read_text()


# --- the example of the documentation
# ----------------------------------------------------------------------------------


def test_the_example_of_the_documentation_runs_and_prints_such_lines(server: Server) -> None:
    page = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")
    example, shown = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", page, re.DOTALL).groups()  # type: ignore[union-attr]
    code = example.replace("http://127.0.0.1:7860/", server.url)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    printed, lines = ran.stdout.splitlines(), shown.splitlines()
    assert len(printed) == len(lines)
    assert printed[-2:] == lines[-2:]  # these depend on no processor
