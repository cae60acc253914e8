"""Where a source tree speaks of a name: a search, and no proof.

Names are found as such: in calls, attributes, imports, keyword arguments and whole strings. A call
through a name that is put together at run time isn't found, and another thing of the same name is.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from tombs.inventory import files

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reference(NamedTuple):
    """One place that speaks of a name."""

    file: str
    line: int
    text: str  # the line of source


def references(directory: str, name: str) -> Iterator[Reference]:
    """Search the modules of a directory for a name; what can't be read is passed over.

    Args:
        directory: the source tree.
        name: a function's last name, without dots.
    """
    wanted = name.encode("utf-8", "surrogatepass")
    for path, file in files(directory):
        try:
            with open(path, "rb") as opened:
                source = opened.read()
            if wanted not in source:
                continue
            tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        lines = source.splitlines()
        for number in sorted(set(_lines(tree, name))):
            text = lines[number - 1] if number <= len(lines) else b""
            yield Reference(file, number, text.decode("utf-8", "replace").strip())


def _lines(tree: ast.Module, name: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            or (isinstance(node, ast.Constant) and _is_named(node.value, name))
            or (isinstance(node, ast.keyword) and node.arg == name)
        ):
            yield node.end_lineno or node.lineno if isinstance(node, ast.Attribute) else node.lineno
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name.rpartition(".")[2] == name:
                    yield alias.lineno


def _is_named(value: object, name: str) -> bool:
    return isinstance(value, str) and (value == name or value.endswith((f".{name}", f":{name}")))
