"""The wire: one line per populated tomb, in the seed's two formats.

`json` is always valid JSON and UTF-8; `function` is `scope::function`, or the plain function's
dotted name. Lines are rendered once, when a module is registered, and sent as they are ever after;
the `function` format is cut out of the rendered line, so that a graveyard need not hold both.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tombs.tomb import Tomb

FORMATS = ("json", "function")

_SCOPE = b', "scope": "'
_FUNCTION = b', "function": "'
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)}
_ESCAPES |= {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x7f": "\\u007f"}


def quote(text: str) -> str:
    """Give text as a JSON string, quotes included, in characters that UTF-8 can carry.

    The json module would do, but costs an application 7 ms at its start. Half a surrogate pair (a
    byte of a file name that isn't UTF-8) is escaped: JSON allows it so, and UTF-8 doesn't have it.
    """
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'  # isprintable: no control character, no surrogate
    parts = []
    for char in text:
        # Some readers split lines at these three.
        if "\ud800" <= char <= "\udfff" or char in "\u2028\u2029\x85":
            parts.append(f"\\u{ord(char):04x}")
        else:
            parts.append(_ESCAPES.get(char, char))
    return '"' + "".join(parts) + '"'


def line(file: str, start: int, end: int, scope: str | None, function: str) -> str:
    """Render one tomb as a line of the `json` format, with its line feed."""
    return line_of(beginning(file), start, end, scope, function)


def beginning(file: str) -> str:
    """Render what the lines of all functions of a file begin with."""
    return f'{{"location": {{"file": {quote(file)}, "start": '


def line_of(beginning: str, start: int, end: int, scope: str | None, function: str) -> str:
    """Render one tomb as `line` does, its beginning being there."""
    if scope is None:
        return f'{beginning}{start}, "end": {end}}}, "function": {quote(function)}}}\n'
    where = f'{beginning}{start}, "end": {end}}}, "scope": {quote(scope)}'
    return f'{where}, "function": {quote(function)}}}\n'


def function_line(json_line: bytes) -> bytes:
    """Turn a rendered line into the `function` format's, with its line feed."""
    # A quote within a string is escaped: both marks can only be keys when searched from the end.
    function = json_line.rfind(_FUNCTION)
    name = json_line[function + len(_FUNCTION) : -3]  # "}\n behind it
    scope = json_line.rfind(_SCOPE, 0, function)
    if scope >= 0:
        name = json_line[scope + len(_SCOPE) : function - 1] + b"::" + name
    return (name if b"\\" not in name else _unquote(name)) + b"\n"


def _unquote(text: bytes) -> bytes:
    """Take back what `quote` escaped, but for what would break a line or can't be UTF-8."""
    parts = text.decode().split("\\")
    plain = [parts[0]]
    rest = iter(parts[1:])
    for part in rest:
        if not part:  # an escaped backslash: what follows is text
            plain.append("\\" + next(rest, ""))
        elif part[0] == "u":
            plain.append(chr(int(part[1:5], 16)) + part[5:])
        else:
            plain.append(_PLAIN.get(part[0], part[0]) + part[1:])
    return "".join(plain).encode("utf-8", "backslashreplace")


def parse(text: bytes | str) -> Tomb:
    """Read one line of the `json` format.

    Raises:
        ValueError: the line is no tomb.
    """
    import json  # noqa: PLC0415 - readers only: an application never pays for it

    from tombs.tomb import Tomb  # noqa: PLC0415 - as above

    value = json.loads(text)
    try:
        where = value["location"]
        return Tomb(
            where["file"], where["start"], where["end"], value.get("scope"), value["function"]
        )
    except (KeyError, TypeError, AttributeError) as fault:
        message = f"no tomb: {text!r}"
        raise ValueError(message) from fault
