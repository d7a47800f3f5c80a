"""What llama.cpp says in passing is told: every line as a notice, in both languages, none lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsumami.engine import EngineOptions, Notice, load, notices
from tsumami.engine.said import _KINDS
from tsumami.native import listening

from . import tiny_model

SAID = {
    "pre_tokenizer": "load: missing pre-tokenizer type, using: 'default'",
    "unused_tensor": "model has unused tensor blk.0.odd.weight (size = 128 bytes) -- ignoring",
    "overridden_type": "load: control-looking token:    212 '</s>' was not control-type; this is probably a bug in the "
    "model. its type will be overridden",
    "special_token": "load: bad special token: 'tokenizer.ggml.eos_token_id' = 99999, using default id 11",
    "end_token": "load: special_eot_id is not in special_eog_ids - the tokenizer config may be incorrect",
    "end_removed": "load: '</s>' is a normal token here, removing it from EOG list",
    "empty_token": "load: empty token at index 7",
    "dummy_tokens": "load: adding 256 dummy tokens",
    "no_newline": "load: model vocab missing newline token, using special_pad_id instead",
    "user_token": "load: setting token '<|tool|>' (42) attribute to USER_DEFINED (16), old attributes: 8",
    "overridden_metadata": "load: override 'tokenizer.ggml.add_bos_token' to 'true' for Gemma4",
    "sliding_window": "load_hparams: Phi SWA is currently disabled - results might be suboptimal (see x)",
    "dense_attention": "f: flash attention disabled; MSA requires it -> running DENSE attention (may be degraded).",
    "two_bos": "tokenize: Added a BOS token to the prompt as specified by the model but the prompt also starts with a "
    "BOS token. So now the final prompt starts with 2 BOS tokens. Are you sure this is what you want?",
    "two_eos": "tokenize: Added a EOS token to the prompt as specified by the model but the prompt also ends with a "
    "EOS token. So now the final prompt ends with 2 EOS tokens. Are you sure this is what you want?",
    "shared_context": "llama_context: n_ctx_seq (8192) > n_ctx_train (4096) -- possible training context overflow",
    "whole_window": "llama_kv_cache_iswa: using full-size SWA cache (ref: https://example.org)",
    "pooling": "llama_init_from_model: model default pooling_type is [-1], but [0] was specified",
}  # fmt: skip
FRAME = ["load:      ", "load: *********  ", "load: GENERATION QUALITY WILL BE DEGRADED!   ",
         "load: CONSIDER REGENERATING THE MODEL "]  # fmt: skip


def test_every_known_kind_has_its_line_and_words_in_both_languages() -> None:
    assert set(SAID) == set(_KINDS)
    for code, line in SAID.items():
        (found,) = notices([line])
        assert (found.code, found.line, found.count) == (code, line, 1)
        assert "{" not in found.ja + found.en
        assert "llama.cpp の警告" not in found.ja
        assert "llama.cpp warns" not in found.en
        assert not found.ja.isascii()


def test_what_is_not_known_is_quoted_as_it_is() -> None:
    (found,) = notices(["load: a thing that nobody foresaw"])
    assert found.code == "unknown"
    assert "load: a thing that nobody foresaw" in found.ja
    assert "load: a thing that nobody foresaw" in found.en


@given(
    st.lists(
        st.sampled_from([*SAID.values(), *FRAME, "one: odd", "another: odd"])
        | st.text(max_size=20).map("odd: !".__add__)
    )
)
def test_no_line_is_lost_and_none_is_counted_twice(lines: list[str]) -> None:
    found = notices(lines)
    said = [line for line in lines if line not in FRAME]
    assert sum(one.count for one in found) == len(said) or len(found) == 50
    keys = [one.line if one.code == "unknown" else one.code for one in found]
    assert len(set(keys)) == len(keys)
    for one in found:
        assert one.line.isprintable()


def test_several_of_a_kind_are_one_notice_that_says_how_many() -> None:
    (found,) = notices([SAID["unused_tensor"], SAID["unused_tensor"].replace("odd", "even")])
    assert found.count == 2
    assert "blk.0.odd.weight" in found.en
    assert "(2 such warnings)" in found.en
    assert "全部で 2 件" in found.ja


def test_a_path_is_not_told_and_a_notice_of_a_later_version_is_quoted() -> None:
    (found,) = notices(["load: /secret/place/m.gguf is odd"], {"/secret/place/m.gguf": "m.gguf"})
    assert found.en == "llama.cpp warns: load: m.gguf is odd"
    assert Notice("of_tomorrow", "load: new").en == "llama.cpp warns: load: new"


Write = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(**how: object) -> Path:
        return tiny_model.write(tmp_path / "tiny.gguf", tiny_model.EVEN, **how)  # type: ignore[arg-type]  # passed on

    return write


def codes(path: Path) -> dict[str, int]:
    loaded = load(str(path), EngineOptions(n_ctx=512, threads=1, exact=False))
    try:
        return {one.code: one.count for one in loaded.notices if not one.ours}
    finally:
        loaded.close()


def test_a_file_without_a_pre_tokenizer_says_so(written: Write) -> None:
    assert "pre_tokenizer" in codes(written(tokenizer=tiny_model.vocabulary(pre=False)))
    assert "pre_tokenizer" not in codes(written(tokenizer=tiny_model.vocabulary()))


def test_overridden_types_ends_that_do_not_exist_and_a_missing_vocabulary_are_told(written: Write) -> None:
    assert codes(written(tokenizer=tiny_model.vocabulary())) == {"overridden_type": 1}
    assert codes(written(tokenizer=tiny_model.vocabulary(eos=9999))) == {
        "overridden_type": 1, "special_token": 1, "end_token": 1,
    }  # fmt: skip
    assert set(codes(written())) == {"dummy_tokens"}


def test_what_is_said_of_a_text_is_heard_by_whoever_made_tokens_of_it(written: Write) -> None:
    loaded = load(
        str(written(tokenizer=tiny_model.vocabulary(bos=True))), EngineOptions(n_ctx=512, threads=1, exact=False)
    )
    try:
        vocab = loaded.native.vocab
        with listening() as said:
            vocab.tokenize(b"<|begin|>x", add_special=True, parse_special=True)
            assert [one.code for one in notices(said())] == ["two_bos"]
        with listening() as said:
            vocab.tokenize(b"x", add_special=True, parse_special=True)
            assert said() == ()
    finally:
        loaded.close()
