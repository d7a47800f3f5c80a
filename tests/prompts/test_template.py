"""Chat templates: the field's own forms come out right, contents pass unchanged, and strangers stay in the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.apart import Allowance, Helpers
from tsumami.errors import PromptError, TemplateError
from tsumami.prompts import Memory, Message, ModelFormat
from tsumami.prompts import template as template_module

CHATML = (  # SmolLM2's own
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = r"""{{ bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {{ raise_exception('System role not supported') }}
{% endif %}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
    {{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<start_of_turn>model\n' }}
{%- endif %}
"""
HI = Message("user", "Hi")
SYSTEM = Message("system", "Be brief.")
CHAT = (HI, Message("assistant", "Hello!"), Message("user", "Who?"))


def rendered(template: str, *messages: Message) -> str:
    return ModelFormat(template, "<bos>", "<eos>").render(messages or (HI,)).text


def test_chatml_as_in_smollm2() -> None:
    prompt = ModelFormat(CHATML, "<|im_start|>", "<|im_end|>").render(CHAT)
    assert prompt.text == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert (prompt.format, prompt.add_special, prompt.dropped, prompt.stop) == ("model", False, 0, ())


def test_chatml_with_a_system_prompt() -> None:
    assert rendered(CHATML, SYSTEM, HI) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_llama3_begins_with_bos_once() -> None:
    prompt = ModelFormat(LLAMA3, "<|begin_of_text|>").render((SYSTEM, HI))
    assert prompt.text == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert not prompt.add_special


def test_gemma_calls_the_assistant_model() -> None:
    assert rendered(GEMMA, *CHAT) == (
        "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n"
        "<start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_reply_goes_on_without_an_end_of_turn() -> None:
    assert rendered(GEMMA, HI, Message("assistant", "Hel")) == (
        "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHel"
    )


def test_a_text_without_bos_leaves_it_to_the_tokenizer() -> None:
    assert ModelFormat("{{ messages[0].content }}", "<bos>").render((HI,)).add_special
    assert ModelFormat("{{ messages[0].content }}", "").render((HI,)).add_special


def test_memory_is_a_choice_and_forgets_nothing_by_default() -> None:
    assert ModelFormat(GEMMA).render(CHAT).dropped == 0
    prompt = ModelFormat(GEMMA).render(CHAT, Memory(0))
    assert prompt.text == "<start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n"
    assert prompt.dropped == 2


@given(st.text())
def test_content_passes_through_unchanged(content: str) -> None:
    assert rendered(CHATML, SYSTEM, Message("user", content)) == (
        f"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("content", ["<b>&amp;'\"</b>", "{{ 7 * 7 }}", "{% raw %}", "\r\n\x00\u2028 ", "👩‍👩‍👧 つまみ"])
def test_content_is_neither_escaped_nor_run(content: str) -> None:
    assert rendered("{{ messages[0]['content'] }}", Message("user", content)) == content


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ {'名': '<つまみ & \"x\">'} | tojson }}", '{"名": "<つまみ & \\"x\\">"}'),
        ("{{ ['é'] | tojson(ensure_ascii=True) }}", '["\\u00e9"]'),
        ("{{ {'a': 1} | tojson(indent=2) }}", '{\n  "a": 1\n}'),
        ("{{ strftime_now('%d %b %Y') }}", "09 Mar 2024"),
        ("{% macro today() %}{{ strftime_now('%Y') }}{% endmacro %}{{ today() }}", "2024"),
        ("{% for n in range(9) %}{% if n == 3 %}{% break %}{% endif %}{{ n }}{% endfor %}", "012"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}", "Hi"),
        ("{% set ns = namespace(n=1) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}", "2"),
        ("{{ eos_token }}{{ tools is none }}{{ add_generation_prompt }}", "<eos>TrueTrue"),
    ],
)
def test_templates_find_what_they_are_written_for(template: str, expected: str) -> None:
    now = datetime(2024, 3, 9, tzinfo=UTC)
    assert ModelFormat(template, "<bos>", "<eos>", now).render((HI,)).text == expected


@pytest.mark.parametrize("template", [None, "", "  \n"])
def test_a_model_without_template_names_the_other_ways(template: str | None) -> None:
    with pytest.raises(TemplateError, match=r"no chat template; choose .*'raw' .*'llama2', or give a template"):
        ModelFormat(template)


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a\n{% for m in messages %}\nb", "line 3 of 3"),
        ("a\n{{ messages[0 }}", "line 2 of 2"),
        ("{% frobnicate %}", "line 1 of 1"),
        ("\n\n{{ 1 | no_such_filter }}", "line 3 of 3"),
    ],
)
def test_a_broken_template_is_refused_at_once_with_its_line(template: str, line: str) -> None:
    with pytest.raises(TemplateError, match=rf"does not parse at {line}: .*; correct it, or choose .*'raw'"):
        ModelFormat(template)


@pytest.mark.parametrize(
    "template",
    [
        "\n{{ missing.thing }}",
        "\n{{ 1 / 0 }}",
        "\n{{ 'a' + 1 }}",
        "\n{{ messages[0].content() }}",
        "\n{% include 'secrets.txt' %}",
        "\n{{ {}.pop('x') if false else [] | first | length | tojson(separators=3) }}",
    ],
)
def test_a_failing_template_names_its_line(template: str) -> None:
    with pytest.raises(TemplateError, match=r"chat template fails at line 2 of 2: .*; correct it, or choose"):
        rendered(template)


def test_a_refused_system_role_is_an_error_with_its_remedy() -> None:
    says = r"refuses these messages at line 3 of 14: System role not supported; leave the system message out, or write"
    with pytest.raises(TemplateError, match=says):
        rendered(GEMMA, SYSTEM, HI)


def test_any_other_refusal_passes_on_what_the_template_says() -> None:
    with pytest.raises(TemplateError, match=r"at line 7 of 14: Conversation roles must alternate.*; change the mess"):
        rendered(GEMMA, HI, HI)


def test_a_message_to_continue_needs_one_before_it() -> None:
    with pytest.raises(PromptError, match="only an assistant message to continue"):
        rendered(CHATML, Message("assistant", "x"))


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ strftime_now.__self__.__class__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ self._TemplateReference__context }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '{x.__class__}'.format_map({'x': 1}) }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'content': 'other'}) }}",
        "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
    ],
)
def test_a_way_out_of_the_sandbox_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match=r"tries to leave its sandbox at line 1 of 1: .*; do not trust it"):
        rendered(template)


def test_an_endless_range_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"at line 1 of 1: Range too big"):
        rendered("{% for n in range(10 ** 12) %}x{% endfor %}")


def test_a_text_that_grows_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_module, "MAX_CHARACTERS", 1000)
    with pytest.raises(TemplateError, match="writes more than 1,000 characters beyond the messages"):
        rendered("{% for n in range(9999) %}{% for m in range(9999) %}x{% endfor %}{% endfor %}")
    assert rendered("{{ messages[0].content }}", Message("user", "x" * 5000)) == "x" * 5000


def test_dots_that_stand_for_more_stay() -> None:
    with pytest.raises(TemplateError, match=r"user/assistant/\.\.\.; change the messages"):
        rendered(GEMMA, HI, HI)


@pytest.mark.parametrize("template", ["{% break %}", "\n\n{% if true %}{% continue %}{% endif %}"])
def test_a_line_that_the_template_does_not_have_is_never_named(template: str) -> None:
    with pytest.raises(TemplateError, match=r"does not parse: .*; correct it") as caught:
        ModelFormat(template)
    assert " line " not in str(caught.value)


def test_two_replies_in_a_row_are_the_templates_to_refuse() -> None:
    messages = (HI, Message("assistant", "a"), Message("assistant", "b"))
    with pytest.raises(TemplateError, match="must alternate"):
        rendered(GEMMA, *messages)
    assert rendered(CHATML, *messages).endswith("assistant\na<|im_end|>\n<|im_start|>assistant\nb")


def test_a_model_with_templates_for_other_uses_only_says_so() -> None:
    with pytest.raises(TemplateError, match=r"no chat template that holds by default \(it has templates for rag, tool"):
        ModelFormat(None, others=("rag", "tool_use"))


HOSTILE = {
    "nested loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "a long text": "{{ ('a' * 10 ** 10) | length }}",
    "a large number": "{% set n = 9 ** 9 ** 2 %}{{ ((n ** 9999) ** 9999) | string | length }}",
    "a macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) ~ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}"
    ),
    "a macro that calls itself for ever": "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "a width": "{{ '%9999999999d' % 1 }}{{ '{:9999999999d}'.format(1) }}",
    "doubling": "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "filters": "{{ (range(99999) | join('a' * 99999)) | length }}",
    "nesting": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "sentences": "{{ lipsum(n=99999999) }}",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A quarter of the time, for tests that wait until it is over."""
    renderers = Helpers("tsumami.prompts.rendering:answer", Allowance(seconds=0.25, memory=1 << 29))
    monkeypatch.setattr(template_module, "_RENDERERS", renderers)
    yield
    renderers.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("template", HOSTILE.values(), ids=HOSTILE)
def test_a_template_that_would_take_all_time_or_memory_is_refused(template: str) -> None:
    with pytest.raises(TemplateError, match=r"computes for more than|more memory than|recursion|digits"):
        rendered(template)
    assert rendered("{{ messages[0].content }}") == "Hi"  # the next one is none the worse


def test_who_uses_another_template_does_not_wait() -> None:
    rendered(CHATML)
    rendered("{{ messages[0].content }}")
    hanging = [threading.Thread(target=_refused, args=(HOSTILE["nested loops"],)) for _ in range(2)]
    for thread in hanging:
        thread.start()
    assert rendered("{{ messages[0].content }}") == "Hi"
    assert any(thread.is_alive() for thread in hanging)
    for thread in hanging:
        thread.join()


def _refused(template: str) -> None:
    with pytest.raises(TemplateError):
        rendered(template)
