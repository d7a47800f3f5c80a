"""What Gradio's own markup lacks for keyboards and screen readers (access.js), and how the focus is shown (access.css).

Guarantee: this is the one place where the page's accessibility leans on Gradio's markup; what is our own markup is
right where it is made.
"""

from __future__ import annotations

import json
from typing import Final

from tsumami.app.parts import scripts
from tsumami.app.words.texts import Texts

_NAMES: Final = {
    "#message .submit-button": "chat.send",
    ".overflow-menu > button": "page.more_tabs",
    "[data-testid=reset-button]": "page.reset",
    "footer": "page.footer",
    "[aria-label='Record audio']": "voice.source_microphone",
    "[aria-label='Upload file']": "voice.source_file",
    "[aria-label='Select input device']": "voice.device",
    "[aria-label=pause]": "voice.pause",
}
"""What has no name in the page's language: by its selector, the key of its name."""


def script(texts: Texts) -> str:
    """What mends it, in the language of `texts`."""
    names = json.dumps([(where, texts(key)) for where, key in _NAMES.items()], ensure_ascii=False)
    return scripts.script(__name__, "access.js", names=names.replace("\\", "\\\\").replace("'", "\\'"))
