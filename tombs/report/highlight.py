"""Source as text and what its parts are: names for a browser to colour, never markup.

The parts are written as lengths and letters: `3k1.5f` is three characters of a keyword, one of
nothing special, five of a function's name. A browser that puts the text in by these lengths can't
be made to take any of it for markup.

Pygments' own lexer for Python tries some 35 expressions a token, to tell apart far more than a page
shows. One expression that finds what is needed is thirteen times faster, and colours 0.2 % of the
characters otherwise: what an f-string puts in stays text, and a decorator's whole name has its
colour.
"""

from __future__ import annotations

import builtins
import keyword
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pygments.lexer import Lexer  # type: ignore[import-untyped]
from pygments.token import (  # type: ignore[import-untyped]
    Comment,
    Keyword,
    Name,
    Number,
    String,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

PLAIN: Final = "."
_KINDS: Final = (
    (String, "s"),
    (Comment, "c"),
    (Keyword, "k"),
    (Number, "n"),
    (Name.Function, "f"),
    (Name.Decorator, "d"),
    (Name.Builtin, "b"),
)
_WORDS: Final = {
    **dict.fromkeys(("self", "cls", *dir(builtins)), Name.Builtin),
    **dict.fromkeys(
        ("copyright", "credits", "exit", "help", "license", "quit"), Name
    ),  # of a shell
    **dict.fromkeys(keyword.kwlist, Keyword),
}
_MAYBE: Final = frozenset(keyword.softkwlist) - {"_"}  # keywords where they begin a statement
_SOFT: Final = re.compile(
    r"match[ \t][^\n]*:[ \t]*(?:#.*)?$|case[ \t][^\n]*:|type[ \t]+\w+[\[ =]", re.MULTILINE
)
_NAME: Final = r"[^\W\d]\w*"
_PREFIX: Final = r"(?:[rbuft]|[bft]r|r[bft])?"


def _statement(match: re.Match[str]) -> bool:
    """Tell whether a word that may be a name begins a statement instead."""
    text, at = match.string, match.start()
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return not before.strip() and _SOFT.match(text, at) is not None


# What a token may be, by the name of the group that has it.
_ANY: Final = re.compile(
    # Spaces, signs, and attributes, which are never keywords or builtins.
    rf"(?P<text>(?:[\s()\[\]{{}},:;=+\-*/<>%&|^~!\\$?`]|\.(?:{_NAME}|(?!\d)))+)"
    rf"|(?P<string>(?i:{_PREFIX})(?s:"
    r"\"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*(?:\"\"\"|\Z)|'''(?:[^\\']|\\.|'(?!''))*(?:'''|\Z)"
    r"|\"(?:[^\\\"\n]|\\.)*(?:\"|(?=\n)|\Z)|'(?:[^\\'\n]|\\.)*(?:'|(?=\n)|\Z)))"
    rf"|(?P<before>(?:def|class)[ \t]+)(?P<defined>{_NAME})"
    rf"|(?P<word>{_NAME})"
    r"|(?P<number>(?:0[xX][\da-fA-F_]+|[\d.][\d_.]*(?:[eE][+-]?[\d_]+)?)[jJ]?\w*)"
    r"|(?P<comment>#[^\n]*)"
    rf"|(?P<decorator>@[ \t]*{_NAME}(?:\.{_NAME})*)"
    r"|(?P<rest>(?s:.))"
)
_TOKENS: Final = {
    "text": Text,
    "string": String,
    "number": Number,
    "comment": Comment,
    "decorator": Name.Decorator,
    "rest": Text,
}


class _Lexer(Lexer):  # type: ignore[misc]  # the library has no types
    """Tells apart what a page colours."""

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        for match in _ANY.finditer(text):
            group, value, at = match.lastgroup, match.group(), match.start()
            if group == "word":
                kind = _WORDS.get(value, Name)
                if value in _MAYBE and _statement(match):
                    kind = Keyword
                yield at, kind, value
            elif group == "defined":
                before, name = match.group("before", "defined")
                yield at, Keyword, before.rstrip()
                yield at + len(before.rstrip()), Text, before[len(before.rstrip()) :]
                yield match.start("defined"), Name.Function, name
            else:
                yield at, _TOKENS[group or "rest"], value


def parts(text: str) -> str:
    """Tell what the parts of a Python source are; lengths are in UTF-16, as browsers count."""
    astral = not text.isascii() and max(text) > "\uffff"
    written: list[str] = []
    kind, length = PLAIN, 0
    for _, token, value in _Lexer().get_tokens_unprocessed(text):
        this = _kind(token)
        if this != kind and not value.isspace():
            if length:
                written.append(f"{length}{kind}")
            kind, length = this, 0
        length += len(value.encode("utf-16-le", "surrogatepass")) // 2 if astral else len(value)
    if length and kind != PLAIN:
        written.append(f"{length}{kind}")
    return "".join(written)


@lru_cache(None)
def _kind(token: Any) -> str:  # noqa: ANN401 - the library has no types
    for kind, letter in _KINDS:
        if token in kind:
            return letter
    return PLAIN
