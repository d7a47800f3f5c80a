"""A page that outlives its server.

Guarantee: a page that is open while the server is started anew says that nobody answers, and opens itself again once
the new server does, with all that the browser keeps; nothing stays dead and silent. It asks every two seconds, without
a connection that stays open: a browser has six of them for all of its pages here.
"""

from __future__ import annotations

import json
import secrets
from importlib import resources
from typing import Final

from starlette.responses import JSONResponse

from tsumami.app.words.texts import Texts

PATH: Final = "/alive"
_SERVER: Final = secrets.token_hex(8)


def answer() -> JSONResponse:
    """Which server this is: each start has another name."""
    return JSONResponse({"server": _SERVER}, headers={"cache-control": "no-store"})


def script(texts: Texts) -> str:
    """What asks for it in the page, in the language of `texts`."""
    text = (resources.files("tsumami.app.serving") / "comeback.js").read_text("utf-8")
    for place, words in (("'@gone'", texts("page.gone")), ("'@back'", texts("page.back", go_on=texts("chat.go_on")))):
        text = text.replace(place, json.dumps(words, ensure_ascii=False))
    return text
