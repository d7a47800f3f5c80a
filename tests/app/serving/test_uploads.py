"""What a caller names as a file is opened only if it was uploaded here, whichever door it is named at, and no message
tells anything of this machine's files.

The server is a process of its own, spoken to by plain HTTP as an attacker would: no client of ours tidies requests.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fastapi
import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.app.api.test_endpoints import ENDPOINTS, serving

from tsumami.app.serving import uploads
from tsumami.app.work.own_folder import hand_out, own_folder
from tsumami.models import resolve
from tsumami.web.callers import at_home

SECRET: Final = b'{"temperature": 0.123456, "it is": "the secret of this machine"}'
META: Final = {"_type": "gradio.FileData"}
FOREIGN: Final = [
    {"host": "rebound.example:7860"},
    {"origin": "https://rebound.example"},
    {"origin": "null"},
]
FROM_ELSEWHERE: Final = [
    {"x-forwarded-for": "203.0.113.9"},
    {"forwarded": "for=203.0.113.9"},
    {"x-real-ip": "203.0.113.9"},
    {"via": "1.1 proxy"},
]


@dataclass(frozen=True)
class Target:
    """A server, the folder in which Gradio keeps copies, and a file that is nobody's business."""

    url: str
    copies: Path
    secret: Path

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """Plain HTTP; `body` is sent as JSON, or as it is if it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **more.pop("headers", {})}
        return httpx.post(f"{self.url}en/gradio_api/{path}", content=content, headers=headers, timeout=60, **more)

    def call(self, name: str, data: list[Any], **more: Any) -> str:
        """What an endpoint answers, as the stream of its events."""
        posted = self.post(f"call/{name}", {"data": data}, **more)
        if posted.status_code != 200:
            return posted.text
        event = posted.json()["event_id"]
        return httpx.get(f"{self.url}en/gradio_api/call/{name}/{event}", timeout=60).text

    def leaked(self) -> list[Path]:
        """Copies of the secret that the server has made."""
        return [path for path in self.copies.rglob("*") if path.is_file() and SECRET in path.read_bytes()]


def file(path: object, **more: Any) -> dict[str, Any]:
    """What a client sends for a file."""
    return {"path": str(path), "meta": META, **more}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server; its temporary folder, its working folder and its home are known."""
    root = tmp_path_factory.mktemp("machine")
    copies = root / "temporary"
    copies.mkdir()
    secret = root / "secret.json"
    secret.write_bytes(SECRET)
    # the working folder and the temporary folder are those from which Gradio by itself hands files out
    for folder in (copies, Path.cwd()):
        assert folder.is_dir()
    before = {name: os.environ.get(name) for name in ("TMPDIR", "GRADIO_TEMP_DIR")}
    os.environ["TMPDIR"] = str(copies)
    os.environ.pop("GRADIO_TEMP_DIR", None)
    try:
        with serving(root / "server.log") as running:
            yield Target(running.url, copies, secret)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def refused(answer: str, *paths: object) -> bool:
    """Whether an answer is an error that tells nothing of this machine's paths."""
    told = [str(path) for path in paths] + [str(Path.cwd()), str(Path.home()) + "/"]
    return "event: complete" not in answer and not any(path in answer for path in told)


# --- files in arguments


def test_the_case_a_file_of_the_server_as_a_recording(target: Target) -> None:
    answer = target.call("transcribe", [file(target.secret), "ja", "base"])
    assert refused(answer, target.copies)
    assert "uploaded" in answer
    assert not target.leaked()


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_no_endpoint_takes_a_file_in_any_argument(target: Target, name: str) -> None:
    info = httpx.get(f"{target.url}en/gradio_api/info").json()
    parameters = info["named_endpoints"][name]["parameters"]
    for at in range(len(parameters)):
        for hidden in (file(target.secret), {"stop": [file(target.secret)]}, [{"content": file(target.secret)}]):
            given = [part.get("parameter_default") for part in parameters]
            given[at] = hidden
            assert refused(target.call(name.removeprefix("/"), given), target.copies), (name, at)
    assert not target.leaked()


#: Ways to write a path, and to wrap what is sent for a file.
SPELT: Final = st.sampled_from(["{}", "/{}", "file://{}", "/proc/self/root{}", "/usr/..{}", "{}/.", " {}", "{}\0"])
WRAPPED: Final = st.lists(st.sampled_from(["list", "stop", "content", "messages", "json_schema", "path", "0", ""]))
MORE: Final = st.dictionaries(
    st.sampled_from(["url", "orig_name", "size", "mime_type", "is_stream"]), st.sampled_from([None, "x", 1, True])
)


@examples(max_examples=40, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(ENDPOINTS)), at=st.integers(0, 9), spelt=SPELT, wrapped=WRAPPED, more=MORE)
def test_however_deep_and_however_spelt_no_file_of_the_server_is_taken(
    name: str, at: int, spelt: str, wrapped: list[str], more: dict[str, Any], target: Target
) -> None:
    parameters = httpx.get(f"{target.url}en/gradio_api/info").json()["named_endpoints"][name]["parameters"]
    given: list[Any] = [part.get("parameter_default") for part in parameters]
    hidden: Any = file(spelt.format(target.secret), **more)
    for key in wrapped:
        hidden = [hidden] if key == "list" else {key: hidden, "role": "user"}
    if given:
        given[at % len(given)] = hidden
        assert refused(target.call(name.removeprefix("/"), given), target.copies)
    assert not target.leaked()


def test_no_event_of_the_page_takes_a_file(target: Target) -> None:
    events = httpx.get(f"{target.url}en/config").json()["dependencies"]
    assert len(events) > 50
    for event in events:
        body = {
            "data": [file(target.secret) for _ in event["inputs"]],
            "event_data": {"file": file(target.secret), "path": str(target.secret)},
            "fn_index": event["id"],
            "session_hash": "stranger",
        }
        target.post("run/predict", body)
        target.post("queue/join", body)
    with httpx.stream("GET", f"{target.url}en/gradio_api/queue/data?session_hash=stranger", timeout=60) as news:
        for line in news.iter_lines():
            assert str(target.copies) not in line
            if "close_stream" in line:
                break
    assert not target.leaked()


@pytest.mark.parametrize("folder", ["temporary", "working"])
def test_a_file_in_a_text_that_becomes_an_object_later_is_not_handed_out(target: Target, folder: str) -> None:
    # a schema may be given as text, and is answered as an object: Gradio looks for files in answers as well
    place = target.copies if folder == "temporary" else Path.cwd()
    secret = place / "a secret for test_uploads.txt"
    secret.write_bytes(SECRET)
    try:
        answer = target.call("check_settings", [{"json_schema": json.dumps({"type": "string", **file(secret)})}])
        assert "file=" not in answer
        assert [path for path in target.leaked() if path != secret] == []
    finally:
        secret.unlink()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_no_encoding_of_the_request_hides_a_file(target: Target, encoding: str) -> None:
    body = json.dumps({"data": [file(target.secret), "ja", "base"]}).encode(encoding)
    target.post("run/transcribe", body)
    escaped = json.dumps({"data": [file(target.secret), "ja", "base"]}).replace('"path"', '"\\u0070ath"').encode()
    target.post("run/transcribe", escaped)
    assert not target.leaked()


@pytest.mark.parametrize("url", ["http://{}/x.wav", "HTTP://{}/x.wav", "https://{}/x.wav"])
def test_no_address_in_an_argument_is_asked(target: Target, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        address = url.format(f"127.0.0.1:{listening.getsockname()[1]}")
        uploaded = _uploaded(target, "silence.wav", _wav())
        assert "event: complete" in target.call("transcribe", [file(uploaded, url=address), "ja", "base"])
        for given in (file(address), file("x", url=address), file(address, url=address), file(uploaded, url=address)):
            target.call("check_settings", [{"json_schema": json.dumps(given)}])
        for given in (file(address), file("x", url=address), file(address, url=address)):
            assert refused(target.call("transcribe", [given, "ja", "base"]))
        for path in (f"file={address}", f"proxy={address}"):
            assert httpx.get(f"{target.url}en/gradio_api/{path}").status_code >= 400
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_file_without_an_end_freezes_nobody(target: Target) -> None:
    fifo = target.secret.with_name("fifo")
    os.mkfifo(fifo)
    for endless in ("/dev/zero", fifo):
        assert refused(target.call("transcribe", [file(endless), "ja", "base"]))
        assert refused(target.call("check_settings", [{"stop": file(endless)}]))
    assert "event: complete" in target.call("knobs", [])


def test_what_was_uploaded_is_taken_and_nothing_beside_it(target: Target) -> None:
    posted = _uploaded(target, "silence.wav", _wav())
    answer = target.call("transcribe", [file(posted), "ja", "base"])
    assert "event: complete" in answer, "an uploaded recording is heard"
    folder = Path(posted).parent
    for sly in (folder / "../../.." / target.secret.name, folder, f"{folder}\0", "", "."):
        assert refused(target.call("transcribe", [file(sly), "ja", "base"])), sly
    assert not target.leaked()


def test_what_the_browser_gets_of_an_upload_cannot_run_here(target: Target) -> None:
    picture = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    posted = _uploaded(target, "a.svg", picture)
    target.call("transcribe", [file(posted), "ja", "base"])
    got = httpx.get(f"{target.url}en/gradio_api/file={posted}")
    assert got.headers["content-disposition"].startswith("attachment")


def test_a_broken_recording_is_refused_without_its_place(target: Target) -> None:
    posted = _uploaded(target, "broken.mp3", b"ID3 nothing")
    answer = target.call("transcribe", [file(posted), "ja", "base"])
    assert refused(answer, target.copies)
    assert "broken.mp3" in answer


@pytest.mark.parametrize(
    "path",
    [
        "file={secret}",
        "file=/proc/self/environ",
        "file/{secret}",
        "component_server",
        "custom_component/x/client/x/../../blocks.py",
        "proxy=file://{secret}",
        "stream/a/b/c/playlist-file",
        "deep_link?session_hash=a",
    ],
)
def test_no_other_door_stands_open(target: Target, path: str) -> None:
    got = httpx.get(f"{target.url}en/gradio_api/{path.format(secret=target.secret)}")
    assert got.status_code >= 400
    assert SECRET not in got.content


def test_the_page_s_voice_gets_through_the_door_that_stays_open_and_nothing_else_does(target: Target) -> None:
    parts = httpx.get(f"{target.url}en/config").json()["components"]
    (player,) = (part["id"] for part in parts if part["props"].get("elem_id") == "voice-player")
    asked = {"session_hash": "a", "component_id": player, "data": {"id": "nobody's", "number": 0}}
    got = target.post("component_server/", {**asked, "fn_name": "clip"})
    assert got.json() == {"wav": "", "over": True, "problem": ""}
    assert target.post("component_server/", {**asked, "fn_name": "get_config"}).status_code == 404
    behind = {
        part["props"].get("elem_id"): part["props"]["server_fns"] for part in parts if "server_fns" in part["props"]
    }
    assert behind == {"voice-player": ["clip", "hush"]}, "what else could be called through it"


def test_speech_that_was_made_here_is_handed_out(target: Target, tmp_path: Path) -> None:
    client = Client(target.url, verbose=False, analytics_enabled=False, download_files=str(tmp_path))
    try:
        spoken = client.predict("こんにちは。", "ja", api_name="/speak")
        heard = client.predict(handle_file(spoken), "ja", "base", api_name="/transcribe")
    finally:
        client.close()
    assert heard["text"]


def test_the_folder_of_uploads_is_the_servers_own_and_goes_with_it(tmp_path: Path) -> None:
    with own_folder():
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        assert folder.stat().st_mode & 0o077 == 0, "nobody else on this machine reads recordings"
        handed = Path(hand_out("a.txt", b"abc"))
        assert handed.read_bytes() == b"abc"
        assert folder in Path(hand_out("../../../../b.txt", "")).parents
        assert folder in handed.parents
        other = tmp_path / "other.txt"
        other.write_text("x")
        (folder / "link.txt").symlink_to(other)
        assert uploads.is_ours(handed)
        assert not uploads.is_ours(other)
        assert not uploads.is_ours(folder / "link.txt")
    assert not folder.exists()


# --- names of models


@pytest.fixture(scope="module")
def places(target: Target) -> dict[str, Path]:
    """Paths of every kind."""
    folder = target.secret.parent
    truncated = folder / "truncated.gguf"
    truncated.write_bytes(b"GGUF" + b"\0" * 30)
    return {
        "text": target.secret,
        "folder": folder,
        "device": Path("/dev/null"),
        "truncated": truncated,
        "missing": folder / "missing.gguf",
        "none": folder / "no" / "where",
        "model": resolve("smollm2").path,
    }


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=[next(iter(each)) for each in FROM_ELSEWHERE])
def test_a_caller_from_elsewhere_names_no_path(
    target: Target, places: dict[str, Path], headers: dict[str, str]
) -> None:
    said = set()
    for place in places.values():
        said.add(_without(target.call("model", [str(place)], headers=headers), place))
    assert len(said) == 1, "whatever lies there, the answer is the same"
    assert refused(said.pop())
    assert "event: complete" in target.call("model", ["smollm2"], headers=headers), "names are for everybody"


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_name_or_page_is_answered_by_nobody(target: Target, headers: dict[str, str]) -> None:
    for path in ("", "en/", "en/config", "en/gradio_api/info", "en/gradio_api/heartbeat/a"):
        assert httpx.get(f"{target.url}{path}", headers=headers).status_code == 403
    assert target.post("call/model", {"data": ["smollm2"]}, headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["run", "tokenize", "next_token"])
def test_no_endpoint_with_a_model_takes_a_path_from_elsewhere(
    target: Target, places: dict[str, Path], name: str
) -> None:
    info = httpx.get(f"{target.url}en/gradio_api/info").json()
    parameters = info["named_endpoints"][f"/{name}"]["parameters"]
    given = {parameters[0]["parameter_name"]: "a", "model": str(places["model"])}
    data = [given.get(part["parameter_name"], part.get("parameter_default")) for part in parameters]
    assert str(places["model"]) in data
    answer = target.call(name, data, headers={"x-forwarded-for": "203.0.113.9"})
    assert refused(_without(answer, places["model"]))


def test_who_is_at_this_machine_may_name_a_model_and_learns_nothing_of_other_files(
    target: Target, places: dict[str, Path]
) -> None:
    assert "event: complete" in target.call("model", [str(places["model"])])
    said = set()
    for name, place in places.items():
        if name != "model":
            said.add(_without(target.call("model", [str(place)]), place))
    (answer,) = said
    assert refused(answer)
    assert "tsumami doctor" in answer, "who owns the machine is told where to learn more"


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost:7860", "[::1]:7860", "127.1.2.3"])
def test_at_home_is_who_speaks_to_loopback_from_loopback(host: str) -> None:
    assert at_home(_request(host=host))
    assert at_home(_request(host=host, origin=f"http://{host}"))
    assert not at_home(_request(client="192.0.2.7", host=host))
    assert not at_home(_request(host=host, origin="http://localhost:9999"))


@pytest.mark.parametrize("headers", [*FROM_ELSEWHERE, *FOREIGN])
def test_whoever_comes_through_a_proxy_or_another_page_is_from_elsewhere(headers: dict[str, str]) -> None:
    assert not at_home(_request(**{"host": "localhost:7860", **headers}))


def test_a_request_of_which_nothing_is_known_is_from_elsewhere() -> None:
    assert not at_home(gr.Request(session_hash="a").request)


def _without(answer: str, path: Path) -> str:
    """An answer without the path that its caller had named, and without its seconds."""
    return re.sub(r'"duration": [\d.e-]+', "", answer.replace(json.dumps(str(path))[1:-1], "PATH"))


def _uploaded(target: Target, name: str, data: bytes) -> str:
    answer = httpx.post(f"{target.url}en/gradio_api/upload", files={"files": (name, data)})
    return str(answer.json()[0])


def _request(client: str = "127.0.0.1", **headers: str) -> fastapi.Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "client": (client, 5000), "headers": named, "method": "GET", "path": "/"}
    return fastapi.Request(scope)


def _wav() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(b"\0\0" * 16_000)
    return buffer.getvalue()
