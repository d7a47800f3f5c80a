"""One token under the microscope, without a page."""

from __future__ import annotations

from tsumami.app.tabs.microscope import view
from tsumami.app.words.texts import Texts
from tsumami.explain.tokens import Opened
from tsumami.testing import ScriptedModel, saying


def test_what_was_taken_back_is_shown_at_its_token() -> None:
    model = ScriptedModel(saying("so a <b>testament to"))
    run = model.run("x", banned_texts=["A <b>Testament"], temperature=0.0, repeat_penalty=1.0, max_tokens=19)
    seen = view.Seen.of(Opened(run, None))
    piece = model.tokenizer.piece
    assert "取り消した文章: 「a &lt;b&gt;testament」（14 トークン）" in view.inside(Texts("ja"), seen.at(3), piece)
    assert "taken back: “a &lt;b&gt;testament”, 14 tokens" in view.inside(Texts("en"), seen.at(3), piece)
    assert "taken-back" not in view.inside(Texts("en"), seen.at(2), piece)
