"""Source as text and what its parts are: names for a browser to colour, never markup.

The parts are written as lengths and letters: `3k1.5f` is three characters of a keyword, one of
nothing special, five of a function's name. A browser that puts the text in by these lengths can't
be made to take any of it for markup.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]
from pygments.token import (  # type: ignore[import-untyped]
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
)

if TYPE_CHECKING:
    from typing import Any, Final

PLAIN: Final = "."
_KINDS: Final = (
    (String, "s"),
    (Comment, "c"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Number, "n"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "d"),
    (Name.Builtin, "b"),
    (Name.Exception, "b"),
)


def parts(text: str) -> str:
    """Tell what the parts of a Python source are; lengths are in UTF-16, as browsers count."""
    astral = not text.isascii() and max(text) > "\uffff"
    written: list[str] = []
    kind, length = PLAIN, 0
    for _, token, value in PythonLexer().get_tokens_unprocessed(text):
        this = kind if value.isspace() else _kind(token)
        if this != kind:
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
