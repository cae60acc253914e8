"""The functions of a module, found in its code.

A function is a def, async def or lambda, wherever it stands. Code that the compiler makes for other
ends is none: module and class bodies, comprehensions and generator expressions, `__annotate__`, the
scopes of type parameters, and the evaluators of type aliases and type variables (a report that
calls those dead would be noise).
"""

from __future__ import annotations

import sys
from _operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

# CO_OPTIMIZED | CO_NEWLOCALS: every function scope has both, module and class bodies neither
FUNCTION_FLAGS = 0x03
_COMPREHENSIONS = frozenset({"<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>"})
_GENERIC = "<generic parameters of "
_EVALUATORS_LOOK_LIKE_FUNCTIONS = (3, 12) <= sys.version_info < (3, 14)
_EVALUATORS_HAVE_FORMAT = sys.version_info >= (3, 14)
_INTRINSIC_TYPEALIAS = 11
_CODE = type((lambda: None).__code__)
_PLACE = attrgetter("co_firstlineno", "co_qualname")


class Function:
    """One function of a module.

    Args:
        code: its code object, as compiled.
        method: whether it stands directly in a class body.
    """

    __slots__ = ("code", "method")

    def __init__(self, code: CodeType, *, method: bool) -> None:
        self.code = code
        self.method = method


def looks_like_function(code: CodeType) -> bool:
    """Tell by the code alone if it may be a function; evaluators of 3.12 and 3.13 still pass."""
    if code.co_flags & FUNCTION_FLAGS != FUNCTION_FLAGS:
        return False
    name = code.co_name
    if name[:1] == "<":
        return name not in _COMPREHENSIONS and not name.startswith(_GENERIC)
    if code.co_posonlyargcount == 1 and _EVALUATORS_HAVE_FORMAT:
        return name != "__annotate__" and code.co_varnames[0] != ".format"
    return True


def walk(module: CodeType) -> list[Function]:
    """Find every function in a module's code, in the order of first lines.

    Code that stands in the tree twice is one function. The order is the same in every process that
    runs the same code on the same Python.
    """
    codes, methods, _ = find(module)
    return [Function(code, method=id(code) in methods) for code in codes]


def find(module: CodeType) -> tuple[list[CodeType], set[int], list[CodeType]]:
    """Find the code of every function, as above.

    Returns:
        The functions; the `id` of each that is a method; and all code that has code within it,
        which stands there behind all that it is within, and where that is shared before it too.
    """
    found: list[CodeType] = []
    methods: set[int] = set()
    parents: list[CodeType] = []
    classes: set[int] = set()  # the bodies of them, by `id`
    seen: set[int] = set()
    in_class = False
    skipped: list[CodeType] = []
    inner = [module]
    parent = None
    for code in inner:  # it grows
        for child in code.co_consts:
            if type(child) is not _CODE:
                continue
            if parent is not code:
                parent = code
                parents.append(parent)
                in_class = id(parent) in classes
                skipped = _evaluators(parent) if _EVALUATORS_LOOK_LIKE_FUNCTIONS else []
            inner.append(child)  # once more where shared
            key = id(child)
            if key in seen:
                continue
            seen.add(key)
            if not child.co_flags & FUNCTION_FLAGS:
                classes.add(key)
            elif looks_like_function(child) and child not in skipped:
                found.append(child)
                if in_class:
                    methods.add(key)
            elif in_class and child.co_name.startswith(_GENERIC):
                # The scope of type parameters is transparent: `def m[T](self)` in a class is still
                # a method.
                classes.add(key)
    found.sort(key=_PLACE)
    return found, methods, parents


def _evaluators(parent: CodeType) -> list[CodeType]:
    """Find evaluators of type variables and aliases: functions without arguments, by their look."""
    name = parent.co_name
    if name.startswith(_GENERIC):
        target = name[len(_GENERIC) : -1]
        children = [const for const in parent.co_consts if type(const) is _CODE]
        # Its target is the last child; whatever stands before is a bound or a default.
        last = [child for child in children if child.co_name == target][-1:]
        found = [child for child in children if child not in last]
        return found + (_aliases(parent) if last else [])
    return _aliases(parent)


def _aliases(parent: CodeType) -> list[CodeType]:
    """Find the values of `type X = ...`.

    Each is made so: LOAD_CONST of its code, MAKE_FUNCTION, ..., CALL_INTRINSIC_1 TYPEALIAS.
    """
    from tombs.loader.opcodes import numbers  # noqa: PLC0415 - on 3.12 and 3.13 alone

    known = numbers()
    code = parent.co_code
    mark = bytes((known["CALL_INTRINSIC_1"], _INTRINSIC_TYPEALIAS))
    load, extend = known["LOAD_CONST"], known["EXTENDED_ARG"]
    found: list[CodeType] = []
    if code.find(mark) < 0:
        return found
    arg = 0
    newest: CodeType | None = None
    for unit in range(0, len(code), 2):
        op, low = code[unit], code[unit + 1]
        arg = arg << 8 | low
        if op == extend:
            continue
        if op == load and type(const := parent.co_consts[arg]) is _CODE:
            newest = const
        elif op == mark[0] and low == mark[1] and newest is not None:
            found.append(newest)
        arg = 0
    return found
