"""What of a reply is read out: its words, not its marks.

Guarantee: Markdown, HTML, LaTeX, addresses, emoji and kaomoji never reach a voice as symbols; code is named, not read
(「コード省略」, "code omitted"); the words and numbers of the prose stay in their order. One line of the result is one
thing to say; an empty result means that there is nothing to say.

Works on a whole reply and on each sentence that `Sentences` gives.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from tsumami.speech.writing import JAPANESE, has_japanese

__all__ = ["speakable"]

_CODE = {True: "コード省略", False: "code omitted"}
_ENDER = {True: "。", False: ". "}
_COMMA = {True: "、", False: ", "}

_FENCED = re.compile(
    r"^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(`{3,}|~{3,})[^\n]*"  # opening
    r"(?:\n.*?(?:^[ \t>]*\1[`~]*[ \t]*$|\Z)|\Z)",  # to its closing, or to the end
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FORMULA = re.compile(
    # Bounded, so that thousands of openings without a closing take no quadratic time.
    r"\$\$.{0,2000}?\$\$|\\\[.{0,2000}?\\\]|\\\(.{0,2000}?\\\)|\\begin\{(\w+\*?)\}.{0,2000}?\\end\{\1\}"
    # "$5 and $10" are prices: a formula has no space inside its dollars and no digit after them.
    r"|(?<![\\$A-Za-z0-9])\$(?=\S)[^$\n]+?(?<=\S)\$(?![\d$])",
    re.DOTALL,
)
_LATEX_COMMAND = re.compile(r"\\[A-Za-z]+\*?(?:\{[^{}\n]*\})*")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\[\]\n]*\])")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ \t]*\S.*$", re.MULTILINE)
_FOOTNOTE = re.compile(r"\[\^[^\]\n]+\]:?")
_ADDRESS = re.compile(r"<?(?:(?:https?|ftp|file)://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+>?", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
_INLINE_CODE = re.compile(r"(`+)(?!`)([^\n]*?[^`\n])\1(?!`)")
_READABLE_CODE = re.compile(r"[\w\s.\-+#/]{1,40}")
_TABLE_RULE = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:(?:[-*_=][ \t]*){3,})$", re.MULTILINE)
_LINE_MARKS = re.compile(
    r"^[ \t]*(?:>[ \t]?)*(?:#{1,6}(?=[ \t]|$)[ \t]*)?(?:[-*+•・◦▪‣][ \t]+)?(?:\[[ xX]\][ \t]+)?", re.MULTILINE
)
_NUMBERED = re.compile(r"^(\d{1,3})[.)．）][ \t]*(?=[^\d\s])", re.MULTILINE)
_TIMES = re.compile(r"(?<=\d)[ \t]?\*[ \t]?(?=\d)")
_KAOMOJI = re.compile(
    r"[ヽヾ＼\\٩ᕙ┐ლ৻╰¯_・]{0,4}(?:(?<![A-Za-z])[mo])?"  # left arm
    r"[(（]([^()（）\n]{2,16})[)）]"
    r"(?:[mo](?![A-Za-z]))?[ノﾉﾞ／/۶┘ゞ╯♪☆★;；・゚_¯]{0,4}"  # right arm, stars
)
_FACE = frozenset("^´`｀・ωдДﾟ゜°▽∀≧≦;；_*＊＾￣ヮ-=><＞＜oO◕‿•ᴗ･・TдÒÓಠ益☆★/／")
_FACE_ONLY = frozenset("´｀ωдД゜▽∀≧≦＾￣ヮ◕‿ᴗಠ益^")
_EMOTICON = re.compile(
    r"¯\\_\(ツ\)_/¯|(?<![\w:;])(?:[:;=]['’]?-?[)(DPpO/\\|3*]|<3|\^_*\^;*|[oO]_[oO]|T_T|;_;|-_-|orz)(?!\w)"
)
_EMPHASIS = re.compile(r"(?<![\w\\])(_{1,3})(?=\S)([^_\n]+?)(?<=\S)\1(?!\w)")
# Units and marks that Unicode counts among the symbols, but that have a reading: ℃, ㎡, №, ㍿ …
_READ_SYMBOLS = re.compile("[\u00b0\u2100-\u214f\u3200-\u33ff\uff05\uffe5]")
_GAP = re.compile(f"(?<=[{JAPANESE}、。]) (?=[{JAPANESE}、。！？])| (?=[、。，．！？!?,.])")
_KEPT_MATH = frozenset("+=×÷±−≠≒≈≤≥＋＝")
_DROPPED = {"So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn", "Sm", "Me"}
_STRAY = frozenset("*`|~^\\_{}[]<>←→↑↓※◆◇■□●○▲△▼▽★☆♪♡♥")


def speakable(text: str, language: str | None = None) -> str:
    """`text` without everything that is for the eye.

    language: the language of the words that are put in ("コード省略"); None is that of `text`, which a sentence of
    code alone does not show: give the reply's language when speaking sentence by sentence.
    """
    japanese = has_japanese(text) if language is None else language.lower().startswith("ja")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _FENCED.sub(f"\n{_CODE[japanese]}{_ENDER[japanese]}\n", text)
    text = "\n".join(line.strip() for line in text.split("\n"))
    text = _COMMENT.sub(" ", _FORMULA.sub(" ", text))
    text = _INLINE_CODE.sub(_inline_code(japanese), text)
    text = _REFERENCE.sub("", _FOOTNOTE.sub("", text))
    text = _ADDRESS.sub(" ", _LINK.sub(r"\1", text))
    text = html.unescape(_TAG.sub(" ", text))
    text = _LATEX_COMMAND.sub(" ", _EMOTICON.sub(" ", _KAOMOJI.sub(_kaomoji, text)))
    text = _RULE.sub("", _TABLE_RULE.sub("", text))
    text = "\n".join(_table_row(line, japanese) for line in text.split("\n"))
    text = _NUMBERED.sub(rf"\1{_COMMA[japanese]}", _LINE_MARKS.sub("", text))
    text = _EMPHASIS.sub(r"\2", _TIMES.sub("×", text))
    return _tidy("".join(map(_character, _emphasis_stars(text))))


def _inline_code(japanese: bool) -> Callable[[re.Match[str]], str]:
    def readable(match: re.Match[str]) -> str:
        code = match[2].strip()
        return code.replace("_", " ") if _READABLE_CODE.fullmatch(code) else f" {_CODE[japanese]} "

    return readable


def _kaomoji(match: re.Match[str]) -> str:
    """Nothing for a face, the text itself for words in brackets."""
    inner = match[1]
    marks = sum(character in _FACE for character in inner)
    sure = sum(character in _FACE_ONLY for character in inner)
    words = re.search(rf"[A-Za-z]{{2}}|[{JAPANESE}]{{2}}|\d", inner.replace("ノ", ""))
    return " " if words is None and marks >= 2 and (sure or 2 * marks >= len(inner)) else match[0]


def _table_row(line: str, japanese: bool) -> str:
    """A row of a Markdown table as its cells with commas between; any other line as it is."""
    stripped = line.strip()
    if not stripped.startswith("|") and stripped.count("|") < 2:
        return line
    cells = [cell.strip() for cell in stripped.strip("|").split("|")]
    return _COMMA[japanese].join(cell for cell in cells if cell)


def _emphasis_stars(text: str) -> str:
    """Marks of emphasis go without a gap: **very**important is one run of speech. # stays in C# and F# alone."""
    return re.sub(r"(?<![A-Za-z])#+|(?<=#)#+", " ", re.sub(r"\*+|~~+|==+", "", text))


def _character(character: str) -> str:
    if character == "\n" or _READ_SYMBOLS.match(character):
        return character
    if character in _STRAY:
        return " "
    if character in _KEPT_MATH:
        return character
    return " " if unicodedata.category(character) in _DROPPED else character


def _tidy(text: str) -> str:
    """White space and what lost its words: empty brackets, lines of mere punctuation."""
    text = re.sub(r"[(（「『【〈《][ \t　、,]*[)）」』】〉》]", " ", text)
    lines = (re.sub(r"[ \t　]+", " ", line).strip() for line in text.split("\n"))
    lines = (_GAP.sub("", line) for line in lines)
    return "\n".join(line for line in lines if any(character.isalnum() for character in line))
