"""Tells functions that nobody is meant to call from those that are, by their source.

A stub has a body only because the language wants one: what makes it useful is that it stands there.
Calling such a function dead would be noise.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

    Def = ast.FunctionDef | ast.AsyncFunctionDef

# Why it is a stub, as people are told it.
OVERLOAD: Final = "overload"
ABSTRACT: Final = "abstract"
PROTOCOL: Final = "protocol member"
TYPE_CHECKING_ONLY: Final = "for type checkers"
ELLIPSIS: Final = "body is ..."
NOT_IMPLEMENTED: Final = "raises NotImplementedError"

_DECORATORS: Final = {
    "overload": OVERLOAD,
    "abstractmethod": ABSTRACT,
    "abstractproperty": ABSTRACT,
    "abstractclassmethod": ABSTRACT,
    "abstractstaticmethod": ABSTRACT,
}


def of_function(node: Def, *, in_protocol: bool, for_checkers: bool) -> str:
    """Say why a function is a stub; empty where it is none.

    Args:
        node: its definition.
        in_protocol: it stands directly in the body of a Protocol class.
        for_checkers: it stands in an `if TYPE_CHECKING` block.
    """
    for decorator in node.decorator_list:
        why = _DECORATORS.get(last_name(decorator))
        if why:
            return why
    if in_protocol:
        return PROTOCOL
    if for_checkers:
        return TYPE_CHECKING_ONLY
    return _of_body(node.body)


def _of_body(body: list[ast.stmt]) -> str:
    if len(body) > 1 and isinstance(body[0], ast.Expr) and _is_text(body[0].value):
        body = body[1:]
    if len(body) != 1:
        return ""
    only = body[0]
    if isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant):
        return ELLIPSIS if only.value.value is ... else ""
    if isinstance(only, ast.Raise) and only.exc is not None:
        return NOT_IMPLEMENTED if last_name(only.exc) == "NotImplementedError" else ""
    return ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_protocol(node: ast.ClassDef) -> bool:
    """Tell whether a class is a Protocol by its own bases."""
    return any(last_name(base) == "Protocol" for base in node.bases)


def for_checkers(test: ast.expr) -> bool | None:
    """Tell of an `if` whether its body (True) or its `else` (False) is for type checkers only."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = for_checkers(test.operand)
        return None if inner is None else not inner
    return True if last_name(test) == "TYPE_CHECKING" else None


def last_name(node: ast.expr) -> str:
    """Give the last part of a dotted name, whether it is called or subscribed."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
