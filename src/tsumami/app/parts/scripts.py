"""The scripts of parts and tabs, each a file beside the module that uses it.

Guarantee: a script is JavaScript as it stands, so editors and `node --check` can read it; what the page fills in are
words with an @ inside its strings.
"""

from __future__ import annotations

from importlib import resources


def script(module: str, file: str, /, **values: str) -> str:
    """The script of that file name beside a module (its `__name__`), with every `@key` replaced by its value."""
    package, _, _ = module.rpartition(".")
    # Gradio puts the script of an event between parentheses, so nothing may follow its function
    text = (resources.files(package) / file).read_text("utf-8").strip()
    for key, value in values.items():
        text = text.replace(f"@{key}", value)
    return text
