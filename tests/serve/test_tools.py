"""Calls of tools: how templates write them, what a body may say, and calls in what a model wrote."""

from __future__ import annotations

import json
from typing import Any, Final

import openai
import pytest
from tests.serve.calling import TEMPLATE, live, posted, scripted, service, streamed

import tsumami
from tsumami.serve import ApiService, ServeOptions
from tsumami.serve.served import served
from tsumami.serve.tools import CallForm, Parted, ToolCall, tool_support

QWEN: Final = (
    "{% if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}'
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA: Final = QWEN.replace("<tool_call>\n", "").replace("\n</tool_call>", "").replace('arguments":', 'parameters":')
MISTRAL: Final = QWEN.replace("<tool_call>\n{", "[TOOL_CALLS][{").replace("}\n</tool_call>", "}]")
TEXTUAL: Final = QWEN.replace("arguments | tojson", "arguments")  # arguments have to be given as JSON text
FUNCTION: Final = QWEN.replace('{"name": "{{ c', "<function={{ c").replace('", "arguments": ', ">").replace("}}}", "}}")
TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "weather", "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"enum": ["Kyoto"]}}, "required": ["city"]},
    },
}  # fmt: skip
ASK: Final[list[Any]] = [{"role": "user", "content": "How is the weather?"}]
BODY: Final[dict[str, Any]] = {"messages": ASK, "tools": [TOOL], "temperature": 0}
CALL: Final = '<tool_call>\n{"name": "weather", "arguments": {"city": "京都"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (QWEN, CallForm("<tool_call>", "name", "arguments", "</tool_call>")),
        (LLAMA, CallForm("", "name", "parameters", "")),
        (MISTRAL, CallForm("[TOOL_CALLS]", "name", "arguments", "", listed=True)),
        (TEXTUAL, CallForm("<tool_call>", "name", "arguments", "</tool_call>", objects=False)),
        (FUNCTION, None),
    ],
)
def test_how_a_template_writes_calls_is_read_from_what_it_writes(template: str, form: CallForm | None) -> None:
    assert tool_support(template, "<s>", "</s>") == (True, form)
    assert tool_support(TEMPLATE, "<s>", "</s>") == (False, None)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        (CALL, Parted("", (ToolCall("weather", '{"city": "京都"}'),))),
        (f"Let me see.\n{CALL}\n{CALL}", Parted("Let me see.", (ToolCall("weather", '{"city": "京都"}'),) * 2)),
        ("Sunny.", Parted("Sunny.", ())),
        (CALL.replace("weather", "bomb"), Parted(CALL.replace("weather", "bomb"), ())),
        (CALL[:40], Parted(CALL[:40], ())),
    ],
)
def test_calls_are_read_and_what_is_none_stays_text(text: str, parted: Parted) -> None:
    form = tool_support(QWEN, "", "").form
    assert form is not None
    assert form.parted(text, ("weather",)) == parted
    shown = [text[: form.shown(text[:end])] for end in range(len(text) + 1)]
    assert all(parted.content.startswith(one) for one in shown), "what was shown is taken back"


def test_the_package_gets_calls_whole_and_as_they_come() -> None:
    told: Any = {"model": "any", "messages": ASK, "tools": [TOOL], "temperature": 0}
    with live(service(scripted(f"Well.\n{CALL}"), template=QWEN)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        (choice,) = client.chat.completions.create(**told).choices
        chunks = list(client.chat.completions.create(**told, stream=True))
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Well.")
    (call,) = choice.message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "京都"})
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "Well."
    (streamed_call,) = [call for delta in deltas for call in delta.tool_calls or []]
    assert streamed_call.function is not None
    assert (streamed_call.index, streamed_call.function.name) == (0, "weather")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("choice", ["none", "auto"])
def test_calls_stay_text_where_none_may_come_and_words_stay_words(choice: str) -> None:
    text = CALL if choice == "none" else "Sunny <tool"
    body = {**BODY, "tool_choice": choice}
    found = posted(service(scripted(text), template=QWEN), "/v1/chat/completions", body).json()["choices"][0]
    assert (found["message"]["content"], found["finish_reason"]) == (text, "stop")
    events = streamed(service(scripted(text), template=QWEN), "/v1/chat/completions", body)
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == text


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
@pytest.mark.parametrize("template", [QWEN, LLAMA, MISTRAL])
def test_a_call_that_has_to_come_comes(template: str, choice: Any, model: tsumami.Model) -> None:
    """The real model: a scripted one knows no grammar."""
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    to = ApiService(served(model, "m.gguf"), ServeOptions(template=template))
    body = {**BODY, "tools": [TOOL] if choice == "required" else [other, TOOL], "tool_choice": choice}
    found = posted(to, "/v1/chat/completions", {**body, "max_tokens": 60}).json()["choices"][0]
    assert found["finish_reason"] == "tool_calls"
    (call,) = found["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("weather", {"city": "Kyoto"})


def test_what_a_template_has_no_place_for_is_said_and_the_rest_is_as_with_llama_server() -> None:
    body = {**BODY, "tool_choice": "required", "parallel_tool_calls": False}
    found = posted(service(), "/v1/chat/completions", body).json()
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "Hello there."}
    assert found["tsumami"]["receipt"]["prompt"] == "<user>How is the weather?<assistant>"
    notes = [(note["foreign"], note["fate"]) for note in found["tsumami"]["notes"]]
    assert notes == [("tools", "ignored"), ("tool_choice", "ignored"), ("parallel_tool_calls", "ignored")]


def test_calls_of_before_and_what_they_gave_reach_the_template() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Kyoto"}'}}
    said = [*ASK, {"role": "assistant", "content": None, "tool_calls": [call]}]
    body = {"messages": [*said, {"role": "tool", "content": "rain", "tool_call_id": "a"}]}
    for template in (QWEN, TEXTUAL):
        prompt = posted(service(template=template), "/apply-template", body).json()["prompt"]
        assert '<tool_call>\n{"name": "weather", "arguments": {"city": "Kyoto"}}\n</tool_call><|im_end|>' in prompt
        assert prompt.endswith("<|im_start|>tool\nrain<|im_end|>\n<|im_start|>assistant\n")
    told = posted(service(), "/v1/chat/completions", body).json()["tsumami"]
    assert told["receipt"]["prompt"] == "<user>How is the weather?<assistant><tool>rain<assistant>"
    assert [note["foreign"] for note in told["notes"]] == ["tool_calls"]
    assert posted(service(template=QWEN), "/apply-template", {"messages": said}).status_code == 400


def test_arguments_cannot_pass_for_a_mark_of_the_template(model: tsumami.Model) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": "<|im_end|>"}'}}
    said = [*ASK, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "<|im_end|>"}]
    to = ApiService(served(model, "m.gguf"), ServeOptions(template=QWEN))
    answer = posted(to, "/apply-template", {"messages": said})
    assert "special token" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("tools", {"tools": "x"}),
        ("tools", {"tools": [1]}),
        ("tools", {"tools": [{"type": "x"}]}),
        ("tools", {"tools": [{"type": "function", "function": {}}]}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f", "parameters": 1}}]}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "hiccup"}}}]}),
        ("tool_choice", {"tool_choice": "perhaps"}),
        ("tool_choice", {"tool_choice": {"type": "function", "function": {"name": "other"}}}),
        ("tool_choice", {"tool_choice": "required", "response_format": {"type": "json_object"}}),
        ("tool_choice", {"tool_choice": "required", "messages": [*ASK, {"role": "assistant", "content": "So"}]}),
        ("parallel_tool_calls", {"parallel_tool_calls": "many"}),
        ("grammar", {"grammar": 'root ::= "a"'}),
        ("logprobs", {"logprobs": True, "stream": True}),
        ("messages", {"messages": [{"role": "assistant", "tool_calls": "x"}]}),
        ("messages", {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": 1}}]}]}),
        ("messages", {"messages": [{"role": "tool", "content": "x", "tool_call_id": 1}]}),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(name: str, more: dict[str, Any]) -> None:
    answer = posted(service(template=QWEN), "/v1/chat/completions", {**BODY, "tool_choice": "required", **more})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"].startswith(f"Field '{name}'")


def test_a_form_that_cannot_be_read_is_said_and_cannot_be_required() -> None:
    to = service(template=FUNCTION)
    told = posted(to, "/v1/chat/completions", BODY).json()["tsumami"]
    assert [(note["foreign"], note["fate"]) for note in told["notes"]] == [("tools", "lost")]
    assert posted(to, "/v1/chat/completions", {**BODY, "tool_choice": "required"}).status_code == 400
