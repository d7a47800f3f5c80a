"""Chat templates: programs of strangers, whole, damaged, malicious and endless, over hostile messages.

Must hold: a template gives a text, or is refused with its line, within seconds and in bounded memory; none leaves its
sandbox, and what was said stands in the text as it was said wherever a template of the good ones was used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from storm import hostile
from storm.judge import LostError
from storm.options import Options
from tsumami.prompts.messages import messages_from
from tsumami.prompts.template import ChatTemplate

TITLE: Final = "chat templates and messages of strangers"
DOOR: Final = "library"

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_GOOD: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "{{ bos_token }}{% for m in messages -%}[{{ m.role }}] {{ m.content }}\n{%- endfor %}{{ eos_token }}",
)
_HARD: Final = (
    "{% for a in range(10**9) %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ 'a' * 10**10 }}",
    "{{ 'a'.ljust(10**10) }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '{:>9999999999}'.format(1) }}",
    "{{ 10**10**8 }}",
    "{{ (range(99999)|list) * 99999 }}",
    "{{ messages.__class__.__mro__ }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ strftime_now('%Y' * 1000000) }}",
    "{{ strftime_now('\\ud800') }}",
    "{{ raise_exception('') }}",
    "{{ raise_exception(messages) }}",
    "{{ tojson }}{{ messages | tojson(indent=10**8) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "{{ messages | map(attribute='content') | join | upper | replace('', 'xxxxxxxxxx') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ '(' * 5000 }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
    "{% break %}",
    "{% generation %}",
    "{{",
    "{# ",
    "",
)
_PIECES: Final = (
    "{% for m in messages %}", "{% endfor %}", "{{ m.content }}", "{{ m['role'] }}", "{% if m.role == 'user' %}",
    "{% else %}", "{% endif %}",
    "{{ messages[0].content }}", "{{ messages[-1] }}", "{{ messages | length }}", "{{ m | tojson }}",
    "{% set x = messages[1:] %}", "{{ x }}",
    "{{ loop.index0 % 2 }}", "{{ bos_token }}", "{{ tools }}", "{{ none.x }}", "{{ 1/0 }}", "{% generation %}",
    "{% endgeneration %}", "{{ 'é' | trim }}",
    "{% break %}", "{% continue %}", "\n", "  ", "-%}", "{%-", "}}", "{{", "{% raw %}", "{% endraw %}", "{# note #}",
    "あ", "{{ strftime_now('%d %b') }}",
)  # fmt: skip


def inputs() -> st.SearchStrategy[tuple[bool, str, list[Any]]]:
    """Whether the template repeats every message, its source, and messages."""
    said = st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(("user", "assistant", "system")), "content": hostile.texts()}),
        min_size=1, max_size=4,
    )  # fmt: skip
    odd = st.lists(
        st.dictionaries(st.sampled_from(("role", "content", "x")), hostile.values(most=3), max_size=3), max_size=3
    )
    good = st.tuples(st.just(True), st.sampled_from(_GOOD), said)
    hurt = hostile.damaged([one.encode() for one in _GOOD]).map(lambda data: data.decode("utf-8", "replace"))
    pieces = st.lists(st.sampled_from(_PIECES), max_size=16).map("".join)
    bad = st.tuples(
        st.just(False),
        st.one_of(pieces, pieces, hurt, st.sampled_from(_HARD), hostile.texts()),
        st.one_of(said, said, odd),
    )
    return good | bad | bad


@contextlib.contextmanager
def door(options: Options) -> Iterator[Callable[[Any], None]]:  # noqa: ARG001  (a door's signature)
    """Parse and render."""

    def go(given: tuple[bool, str, list[Any]]) -> None:
        repeats, source, said = given
        messages = messages_from(said)
        text = ChatTemplate(source).render(messages, bos_token="<s>", eos_token="</s>", now=_NOW)
        if repeats and not all(message.content in text for message in messages):
            raise LostError(f"not every message stands in the prompt {text!r}")

    yield go
