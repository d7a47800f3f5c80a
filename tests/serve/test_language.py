"""What is wrong with a request is said in English, as clients expect it, and in Japanese to whoever asks for that."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.serve.calling import Client, asked, service

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龥]")
WRONG: tuple[tuple[str, Any], ...] = (
    ("/completion", {}),
    ("/completion", {"prompt": []}),
    ("/completion", {"prompt": "a", "temperature": "warm"}),
    ("/completion", {"prompt": "a", "n_predict": 1.5}),
    ("/completion", {"prompt": "a " * 9000}),
    ("/completion", {"prompt": "a", "logit_bias": "x"}),
    ("/completion", {"prompt": "a", "grammar": "root ::= ("}),
    ("/completion", {"prompt": "a", "json_schema": {"type": "strin"}}),
    ("/v1/chat/completions", {}),
    ("/v1/chat/completions", {"messages": "hello"}),
    ("/v1/chat/completions", {"messages": [{"role": 3, "content": "a"}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}], "response_format": {"type": "x"}}),
    ("/detokenize", {"tokens": [999_999]}),
    ("/nowhere", {}),
)


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_every_refusal_is_in_the_language_that_is_asked_for(path: str, body: Any) -> None:
    async def check(client: Client) -> None:
        said = {}
        for accepted in ("", "ja", "de, ja;q=0.5", "en, ja;q=0.5"):
            answer = await client.post(path, body, **({"accept-language": accepted} if accepted else {}))
            assert answer.status_code >= 400
            said[accepted] = answer.json()["error"]["message"]
        assert not JAPANESE.search(said[""])
        assert said[""] == said["en, ja;q=0.5"]
        assert JAPANESE.search(said["ja"]), said["ja"]
        assert said["ja"] == said["de, ja;q=0.5"]

    asked(service(), check)
