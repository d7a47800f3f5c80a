"""A real model of some ten thousand weights whose chat template thinks, as Qwen3's does."""

from __future__ import annotations

from pathlib import Path

from tests.engine import tiny_model
from tests.support.gguf_writer import text

TEMPLATE = """{%- for message in messages %}
{%- set said = message.content %}
{%- if message.role == 'assistant' and '</think>' in said %}{%- set said = said.split('</think>')[-1] %}{%- endif %}
{{- '<' + message.role + '>' + said + '\\n' }}
{%- endfor %}
{{- '<assistant>' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}
{%- else %}{{- '<think>\\n' }}{%- endif %}
{%- if effort %}{{- '(' + effort + ')' }}{%- endif %}"""


def write(path: Path) -> Path:
    """Write its file."""
    tokenizer = [*tiny_model.vocabulary(), text("tokenizer.chat_template", TEMPLATE)]
    tiny_model.write(path, tiny_model.SENSITIVE, tokenizer=tokenizer)
    return path
