"""The course: how a language model generates, shown on the loaded model. The notebook and the page both stand on it.

Guarantee: every number and every picture comes from a model that really runs; nothing is written down beforehand but
the words, which live in texts/ja.json and texts/en.json.

    tokens       a text as the model reads it
"""

from tsumami.course.tokens import TokenRow, length_table, token_rows, token_table, visible

__all__ = ["TokenRow", "length_table", "token_rows", "token_table", "visible"]
