"""A call whose body fits no endpoint is the caller's mistake, and is told so."""

from __future__ import annotations

import fastapi
import pytest
from fastapi.testclient import TestClient

from tsumami.app.serving.bodies import refuse_misfits

PROBLEMS = {
    "unknown name": TypeError("Parameter `e` is not a valid key-word argument."),
    "unknown endpoint": KeyError("/nonsense"),
    "not UTF-8": UnicodeDecodeError("utf-8", b"\xd0", 0, 1, "invalid continuation byte"),
}


def client(problem: Exception, path: str) -> TestClient:
    app = fastapi.FastAPI()

    @app.post(path)
    def answer() -> None:
        raise problem

    refuse_misfits(app)
    return TestClient(app)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_body_that_fits_no_endpoint_is_refused_in_words(problem: Exception) -> None:
    told = client(problem, "/gradio_api/call/v2/run").post("/gradio_api/call/v2/run")
    assert told.status_code == 422
    assert told.json()["detail"]


def test_what_is_raised_elsewhere_is_the_servers_own_fault() -> None:
    with pytest.raises(TypeError, match="ours"):
        client(TypeError("ours"), "/config").post("/config")
