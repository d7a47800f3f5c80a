"""What other libraries say, in a Japanese sentence of ours: translated where it is known, and quoted where it is not.

Guarantee: this is the one place that knows other libraries' words. What it does not know stands between 「 and 」 as it
was said, so a reader sees that it is a quotation; nothing is left out.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["theirs"]

_PLACE: Final = r"(?:: line (?P<line>\d+) column (?P<column>\d+) \(char \d+\))?"

_KNOWN: Final = tuple(
    (re.compile(pattern, re.DOTALL), japanese)
    for pattern, japanese in (
        # the system's
        (r"(?:\[Errno \d+\] )?No such file or directory(?:: '(?P<what>.+)')?", "ファイルがありません"),
        (r"(?:\[Errno \d+\] )?Permission denied(?:: '(?P<what>.+)')?", "許可がありません"),
        (r"(?:\[Errno \d+\] )?No space left on device(?:: '(?P<what>.+)')?", "ディスクに空きがありません"),
        (r"(?:\[Errno \d+\] )?Is a directory(?:: '(?P<what>.+)')?", "フォルダーです"),
        (r"(?:\[Errno \d+\] )?Not a directory(?:: '(?P<what>.+)')?", "フォルダーではありません"),
        (r"(?:\[Errno \d+\] )?File exists(?:: '(?P<what>.+)')?", "すでにあります"),
        (r"(?:\[Errno \d+\] )?File name too long(?:: '(?P<what>.+)')?", "ファイル名が長すぎます"),
        (r"(?:\[Errno \d+\] )?Read-only file system(?:: '(?P<what>.+)')?", "書き込めないファイルシステムです"),
        (r"(?:\[Errno \d+\] )?Address already in use", "すでに使われています"),
        (r"(?:\[Errno \d+\] )?Cannot assign requested address", "このマシンのアドレスではありません"),
        (r"(?:\[Errno \d+\] )?Connection refused", "接続を断られました"),
        (r"(?:\[Errno \d+\] )?(?:Connection )?timed out", "時間切れです"),
        (r"(?:\[Errno -?\d+\] )?Name or service not known", "その名前のホストが見つかりません"),
        (r"(?:\[Errno \d+\] )?Cannot allocate memory", "メモリーが足りません"),
        # Python's, of Unicode
        (r"invalid start byte", "文字の始まりにならないバイトです"),
        (r"invalid continuation byte", "文字の続きにならないバイトです"),
        (r"unexpected end of data", "文字の途中で終わっています"),
        (r"surrogates not allowed", "単独のサロゲートは使えません"),
        # Python's, of JSON
        (rf"Expecting value{_PLACE}", "値がありません"),
        (rf"Expecting ',' delimiter{_PLACE}", "区切りの , がありません"),
        (rf"Expecting ':' delimiter{_PLACE}", "区切りの : がありません"),
        (
            rf"Expecting property name enclosed in double quotes{_PLACE}",
            '" で囲んだ名前がありません',
        ),
        (rf"Illegal trailing comma before end of (?:object|array){_PLACE}", "最後に余分な , があります"),
        (rf"Unterminated string starting at{_PLACE}", "文字列が閉じていません"),
        (rf"Invalid control character(?: at)?{_PLACE}", "文字列の中に制御文字があります"),
        (rf"Invalid \\\\?u?(?:X{{4}}|XXXX)? ?escape{_PLACE}", "\\ の書き方が正しくありません"),
        (rf"Extra data{_PLACE}", "JSON の後ろに余分なものがあります"),
        (r"No closing quotation", "引用符が閉じていません"),
        (r"No escaped character", "最後の \\ が何も打ち消していません"),
        # Jinja's
        (r"'(?P<what>[^']+)' is undefined", "{what} が定義されていません"),
        (r"'(?P<type>[^']+)' has no attribute '(?P<what>[^']+)'", "{type} に {what} がありません"),
        (r"Encountered unknown tag '(?P<what>[^']+)'\..*", "{what} というタグはありません"),
        (r"No filter named '(?P<what>[^']+)'(?: found)?\.?", "{what} というフィルターはありません"),
        (r"No test named '(?P<what>[^']+)'(?: found)?\.?", "{what} というテストはありません"),
        (r"expected token '(?P<what>[^']+)', got '(?P<got>[^']+)'", "{what} が来るはずのところに {got} があります"),
        (r"unexpected '(?P<what>[^']+)'", "{what} がここに来るのはおかしいです"),
        (r"unexpected end of template.*", "テンプレートが途中で終わっています"),
        (r"Unexpected end of template\. .*", "テンプレートが途中で終わっています（閉じていないタグがあります）"),
        (r"access to '(?P<what>[^']+)' of '(?P<type>[^']+)' is not allowed", "{type} の {what} には触れられません"),
        # llguidance's, and its regular expressions'
        (r"unclosed character class", "文字クラス [ ] が閉じていません"),
        (r"unclosed group", "グループ ( ) が閉じていません"),
        (r"unopened group", "グループ ( ) が開いていません"),
        (r"unclosed counted repetition", "繰り返しの {{ }} が閉じていません"),
        (r"repetition operator missing expression", "繰り返しの記号の前に、繰り返すものがありません"),
        (r"repetition quantifier expects a valid decimal", "繰り返しの回数が数ではありません"),
        (r"invalid repetition count range, .*", "繰り返しの範囲が逆です"),
        (r"invalid character class range, .*", "文字クラスの範囲が逆です"),
        (r"unrecognized escape sequence", "その \\ の書き方はありません"),
        (r"unrecognized flag", "そのフラグはありません"),
        (r"incomplete escape sequence, .*", "\\ の書き方が途中で終わっています"),
        (r"look-around, including look-ahead and look-behind, is not supported", "先読みと後読みは使えません"),
        (r"backreferences are not supported", "後方参照は使えません"),
        (r"Unicode property not found", "その Unicode の性質はありません"),
        (r"Unimplemented keys: (?P<what>\[.*\])", "このキーワードは使えません: {what}"),
        (r"Unsatisfiable schema:?.*", "どんな値も合わないスキーマです"),
        (r"Schema must be an object or boolean", "スキーマはオブジェクトか true/false にしてください"),
        # pydantic's
        (r"Field required", "必要です"),
        (r"Extra inputs are not permitted", "この名前のものは使えません"),
        (r"Input should be a valid integer(?:, .*)?", "整数にしてください"),
        (r"Input should be a valid number(?:, .*)?", "数にしてください"),
        (r"Input should be a finite number", "有限の数にしてください"),
        (r"Input should be a valid string", "文字列にしてください"),
        (r"Input should be a valid boolean(?:, .*)?", "true か false にしてください"),
        (r"Input should be a valid list", "リストにしてください"),
        (r"Input should be a valid dictionary(?:, .*)?|Input should be an object", "オブジェクトにしてください"),
        (r"Input should be (?P<what>'.+' or '.+'|'.+')", "{what} のどれかにしてください"),
        (r"Input should be greater than or equal to (?P<what>\S+)", "{what} 以上にしてください"),
        (r"Input should be less than or equal to (?P<what>\S+)", "{what} 以下にしてください"),
        (r"Input should be greater than (?P<what>\S+)", "{what} より大きくしてください"),
        (r"Input should be less than (?P<what>\S+)", "{what} より小さくしてください"),
    )
)
"""What they say, whole, and what that is in Japanese; its parts by name."""


def theirs(said: object) -> str:
    """What another library said (an exception, or its words), as it can stand in a sentence of ours."""
    words = str(said).strip()
    for pattern, japanese in _KNOWN:
        match = pattern.fullmatch(words)
        if match is not None:
            return _filled(japanese, match.groupdict())
    return f"「{words}」" if words else "理由は不明"


def _filled(japanese: str, parts: dict[str, str | None]) -> str:
    found = {name: part for name, part in parts.items() if part is not None}
    text = japanese.format(**found) if "{" in japanese else japanese
    if "line" in found:
        return f"{text}（{found['line']} 行 {found['column']} 文字目）"
    what = found.get("what")
    return text if what is None or "{what}" in japanese else f"{text}（{what}）"
