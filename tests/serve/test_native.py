"""llama-server's own routes: what they take, what they answer, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.serve.calling import ByteTokenizer, got, posted, scripted, service, streamed

from tsumami.testing import ScriptedModel


def said(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = posted(service(**options), "/completion", {"prompt": "Hi. ", "temperature": 0, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_text_comes_with_what_llama_server_tells_of_it() -> None:
    found = said({"n_predict": 5, "return_tokens": True})
    assert found["content"] == "Hello"
    assert found["tokens"] == list(b"Hello")
    assert (found["stop_type"], found["truncated"], found["has_new_line"]) == ("limit", False, False)
    assert found["timings"]["predicted_n"] == 5
    assert found["timings"]["prompt_n"] + found["timings"]["cache_n"] == found["tokens_evaluated"]
    assert found["generation_settings"]["n_predict"] == 5
    assert found["generation_settings"]["temperature"] == 0


def test_what_ends_a_text_is_said_in_llama_servers_words() -> None:
    assert said({})["stop_type"] == "eos"
    found = said({"stop": ["there"]})
    assert (found["content"], found["stop_type"], found["stopping_word"]) == ("Hello ", "word", "there")


def test_a_stream_is_the_same_text_in_pieces_and_ends_without_done() -> None:
    events = streamed(service(), "/completion", {"prompt": "Hi. ", "temperature": 0})
    assert events[-1]["stop"] is True
    assert "[DONE]" not in events
    assert "".join(event["content"] for event in events) == "Hello there."
    assert all(len(event["tokens"]) == 1 for event in events[:-1])
    assert events[-1]["tsumami"]["receipt"]["prompt"] == "Hi. "


def test_a_character_that_is_split_over_tokens_comes_whole_with_all_its_tokens() -> None:
    events = streamed(service(scripted("はい")), "/completion", {"prompt": "x", "temperature": 0, "n_probs": 1})
    assert [event["content"] for event in events[:-2]] == ["は", "い"]
    assert [len(event["completion_probabilities"]) for event in events[:-2]] == [3, 3]


def test_null_is_as_if_it_were_not_there() -> None:
    assert said({"n_predict": None, "stop": None, "grammar": None})["content"] == "Hello there."


@pytest.mark.parametrize("name", ["n_predict", "max_tokens", "max_completion_tokens"])
def test_the_length_has_three_names(name: str) -> None:
    assert said({name: 3})["content"] == "Hel"


def test_a_length_of_0_reads_the_prompt_and_writes_nothing() -> None:
    found = said({"n_predict": 0})
    assert (found["content"], found["stop_type"], found["timings"]["predicted_n"]) == ("", "limit", 0)


def test_several_prompts_give_a_list_and_a_mixture_is_one() -> None:
    tokens = list(b"Hi. ")
    answer = posted(service(), "/completion", {"prompt": [tokens, "Hi. ", {"prompt_string": "Hi. "}], "temperature": 0})
    assert [one["content"] for one in answer.json()] == ["Hello there."] * 3
    assert said({"prompt": [72, "i", 46, " "]})["content"] == "Hello there."


def test_only_the_fields_that_are_asked_for_come_and_a_slash_leads_inside() -> None:
    found = said({"response_fields": ["content", "generation_settings/n_predict", "nothing/there"], "n_predict": 3})
    assert found == {"content": "Hel", "generation_settings/n_predict": 3}


def test_probabilities_are_the_models_own_or_what_the_samplers_left() -> None:
    found = said({"n_probs": 3, "n_predict": 2})["completion_probabilities"]
    assert [one["token"] for one in found] == ["H", "e"]
    assert all(len(one["top_logprobs"]) == 3 and one["logprob"] <= 0 for one in found)
    row = math.exp(20) / (math.exp(20) + ByteTokenizer().n_tokens - 1)
    assert math.exp(found[0]["logprob"]) == pytest.approx(row)
    (after,) = said({"n_probs": 3, "n_predict": 1, "post_sampling_probs": True})["completion_probabilities"]
    assert after["prob"] == 1
    assert after["top_probs"] == [{"id": 72, "token": "H", "bytes": [72], "prob": 1.0}]


def test_a_bias_can_be_given_by_token_by_text_and_as_an_object() -> None:
    for bias in ([[72, False]], [["H", -100]], {"72": -100}, {"H": -1000}):
        assert not said({"logit_bias": bias, "n_predict": 1})["content"].startswith("H")


def test_end_tokens_that_are_ignored_stand_among_the_biases() -> None:
    found = said({"ignore_eos": True, "n_predict": 20})
    assert found["generation_settings"]["logit_bias"] == [{"bias": None, "token": 256}]
    assert said({"ignore_eos": False})["generation_settings"]["logit_bias"] == []


def test_what_has_no_effect_here_is_said_and_what_is_known_is_not() -> None:
    told = said({"top_p": 1.5, "cache_prompt": False, "brand_new": 1, "samplers": ["top_k", "infill"], "seed": 1})
    notes = {note["foreign"]: note["fate"] for note in told["tsumami"]["notes"]}
    assert notes == {"top_p": "limited", "cache_prompt": "ignored", "brand_new": "unknown", "samplers": "order"}
    assert said({"cache_prompt": True, "top_p": 0.5})["tsumami"]["notes"] == []


def test_the_log_says_each_loss_once() -> None:
    lines: list[str] = []
    to = service(log=lines.append)
    for _ in range(2):
        posted(to, "/completion", {"prompt": "x", "top_p": 1.5, "n_predict": 1})
    assert len(lines) == 1
    assert "top_p 1.5" in lines[0]


def test_what_the_server_was_told_holds_where_a_request_says_nothing() -> None:
    knobs = {"max_tokens": 4, "temperature": 0.0, "top_a": 0.2, "seed": 7}
    found = said({"temperature": None}, knobs=knobs)
    assert found["content"] == "Hell"
    assert (found["generation_settings"]["seed"], found["tsumami"]["receipt"]["settings"]["top_a"]) == (7, 0.2)
    assert said({"max_tokens": 2}, knobs=knobs)["content"] == "He"
    props = got(service(knobs=knobs), "/props").json()["default_generation_settings"]
    assert (props["params"]["n_predict"], props["params"]["seed"], props["n_ctx"]) == (4, 7, 512)


def test_knobs_of_ours_can_be_given_by_our_names() -> None:
    found = said({"tsumami": {"settings": {"top_a": 0.5}, "ledger": True}, "n_predict": 2})
    assert found["tsumami"]["receipt"]["settings"]["top_a"] == 0.5
    assert [one["token"] for one in found["tsumami"]["ledger"]] == list(b"He")
    answer = posted(service(), "/completion", {"prompt": "x", "tsumami": {"settings": {"nope": 1}}})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "tsumami"


@pytest.mark.parametrize("path", ["/completion", "/v1/completions", "/v1/chat/completions"])
def test_how_many_texts_has_two_names_and_too_many_are_refused_by_the_one_that_was_used(path: str) -> None:
    body: dict[str, Any] = {"prompt": "x", "messages": [{"role": "user", "content": "x"}], "n_predict": 1}
    for name in ("n", "n_cmpl"):
        found = posted(service(), path, {**body, name: 2}).json()
        assert len(found if path == "/completion" else found["choices"]) == 2
        assert posted(service(), path, {**body, name: 65}).json()["error"]["param"] == name


def test_a_prompt_that_is_too_long_says_by_how_much() -> None:
    answer = posted(service(scripted(n_ctx=16)), "/completion", {"prompt": "x" * 40})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["type"] == "exceed_context_size_error"
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (41, 16)  # BOS is one


def test_a_full_context_is_told_as_truncated() -> None:
    found = posted(service(scripted(n_ctx=16)), "/completion", {"prompt": "xxxx", "temperature": 0}).json()
    assert (found["stop_type"], found["truncated"]) == ("limit", True)


def test_what_the_server_is_can_be_asked() -> None:
    to = service(aliases=("b", "a"))
    assert got(to, "/health").json() == {"status": "ok"}
    listed = got(to, "/v1/models").json()["data"]
    assert (listed[0]["id"], listed[0]["aliases"]) == ("a", ["a", "b"])
    assert got(to, "/props").json()["model_path"] == "scripted.gguf"
    slots = got(to, "/slots").json()
    assert len(slots) == to.limits.generations
    assert not any(slot["is_processing"] for slot in slots)
    assert got(service(slots=False), "/slots").status_code == 501
    posted(to, "/completion", {"prompt": "x", "n_predict": 3, "temperature": 0})
    text = got(to, "/metrics").text
    assert "llamacpp:tokens_predicted_total 3\n" in text
    assert "# TYPE llamacpp:requests_processing gauge" in text


def test_tokens_go_there_and_back() -> None:
    to = service(ScriptedModel(lambda _: [0.0] * 259, ByteTokenizer([b"\xe3\x81"])))
    tokens = posted(to, "/tokenize", {"content": ["h", 258, "i"], "add_special": True}).json()["tokens"]
    assert tokens == [257, 104, 258, 105]
    pieces = posted(to, "/tokenize", {"content": "はh", "with_pieces": True}).json()["tokens"]
    assert [one["piece"] for one in pieces] == [[0xE3, 0x81], [0xAF], "h"]
    assert posted(to, "/detokenize", {"tokens": [104, 105]}).json() == {"content": "hi"}
    assert posted(to, "/detokenize", {"tokens": [9999]}).status_code == 400
    assert posted(to, "/tokenize", {}).json() == {"tokens": []}
