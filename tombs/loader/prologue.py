"""The bytes of `_tomb_vacate(index)`, learnt from the compiler of the running Python.

Theory of operation. What a call looks like differs with every Python (PRECALL came and went, the
inline caches grow and shrink), so no table of versions is kept here. A template that makes the
call twice is compiled once per process; the two calls must be the same bytes, must begin with
LOAD_GLOBAL, must load the constant where the template has it, and must end with POP_TOP. From
those bytes any call is made by putting other arguments into the first unit and into that of the
constant. The argument of LOAD_GLOBAL is the name's index shifted by one, and its lowest bit says
that a NULL is pushed for the call. An argument above 255 is spread over EXTENDED_ARG units that
come before its own.
"""

from __future__ import annotations

import sys

from tombs.loader.opcodes import SPECIALISED, numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FunctionType

_CODE = type((lambda: None).__code__)
NAME = "_tomb_vacate"
STACK = 3  # NULL, the callable, the index; where a body begins the stack is empty

_CONSTANT = 1 << 20  # too large for the instructions that carry a small number themselves
_TEMPLATE = f"def template():\n {NAME}({_CONSTANT})\n {NAME}({_CONSTANT})\n"
_CALL = numbers()["CALL"]
_EXTENDED_ARG = numbers()["EXTENDED_ARG"]
_LOAD_CONST = numbers()["LOAD_CONST"]
_LOAD_GLOBAL = numbers()["LOAD_GLOBAL"]
_POP_TOP = numbers()["POP_TOP"]
RESUME = numbers()["RESUME"]
# Whether instructions are taken as they lie in memory, which takes a fifth of the time. On 3.11
# they are the general ones as long as code has run no more than a few times. Then all of it is
# specialised at once, and each RESUME is another operation: it tells.
RAW = sys.version_info[:2] == (3, 11) and hasattr(_CODE, "_co_code_adaptive")
_RESUMES = bytes((RESUME, *(SPECIALISED["RESUME"] if RAW else ())))
_SMALL = 64  # arguments below are what nearly all functions have, and fit into one unit
_NOWHERE = 0x80 | 15 << 3  # | units - 1


class SpliceError(Exception):
    """A function that the prologue can't be put into."""


class Prologue:
    """How a call of the vacate is written on this Python.

    Args:
        begin: RESUME and its inline cache, with which most functions begin.
        between: what stands between the units of name and constant (LOAD_GLOBAL's inline cache).
        after: what follows the constant's unit: the call, its inline cache, POP_TOP.
        call: how far into `after` the unit stands that makes the call.
    """

    __slots__ = (
        *("after", "begin", "between", "call", "resume"),
        *("consts", "first_lines", "lines", "names", "starts"),
    )

    def __init__(self, begin: bytes, between: bytes, after: bytes, call: int) -> None:
        self.begin = begin
        self.resume = len(begin)
        self.between = between
        self.after = after
        self.call = call
        # What most functions need, made once: the halves of the call where an argument fits into
        # one unit, instructions and line table until the body begins.
        self.names = [self._name(name) for name in range(_SMALL)]
        self.consts = [self._const(const) for const in range(_SMALL)]
        self.starts = [begin + name for name in self.names]
        self.lines = no_location(len(self.names[0] + self.consts[0]) >> 1)
        self.first_lines = bytes((0x80 | (len(begin) >> 1) - 1, 0)) + self.lines

    def emit(self, name: int, const: int) -> tuple[bytes, bytes]:
        """Write the call, and its part of a line table.

        Args:
            name: where the vacate's name stands among the names.
            const: where the index stands among the constants.
        """
        if name < len(self.names) and const < len(self.consts):
            return self.names[name] + self.consts[const], self.lines
        call = self._name(name) + self._const(const)
        return call, no_location(len(call) >> 1)

    def _name(self, name: int) -> bytes:
        return _unit(_LOAD_GLOBAL, name << 1 | 1) + self.between

    def _const(self, const: int) -> bytes:
        return _unit(_LOAD_CONST, const) + self.after


def no_location(units: int) -> bytes:
    """Write for a line table that so many units have no location: at most eight an entry."""
    last = units & 7
    return bytes((_NOWHERE | 7,)) * (units >> 3) + (bytes((_NOWHERE | last - 1,)) if last else b"")


def _unit(operation: int, argument: int) -> bytes:
    unit = bytes((operation, argument & 255))
    argument >>= 8
    while argument:
        unit = bytes((_EXTENDED_ARG, argument & 255)) + unit
        argument >>= 8
    return unit


def after_resume(text: bytes, resume: int) -> int:
    """Find where a function's body begins: behind its first RESUME, or what is made of that.

    What comes before it (MAKE_CELL, COPY_FREE_VARS, RETURN_GENERATOR, POP_TOP) has no inline
    caches, so each second byte is an operation. RESUME's two lowest bits are 0 where a function
    starts, and never elsewhere.
    """
    at = 0
    size = len(text)
    while at < size and text[at] not in _RESUMES:
        at += 2
    if at + resume > size or text[at + 1] & 3:
        raise SpliceError("no RESUME where a function starts")
    return at + resume


def learn() -> Prologue:
    """Compile the template and take the call from it.

    Raises:
        SpliceError: the compiler wrote it in a way this module doesn't understand.
    """
    code = _template()
    text = code.co_code
    first = text.find(bytes((_LOAD_GLOBAL, 1)))
    second = text.find(bytes((_LOAD_GLOBAL, 1)), first + 2)
    call = text[first:second]
    const = call.find(bytes((_LOAD_CONST, code.co_consts.index(_CONSTANT))))
    whole = (
        text[0] == RESUME
        and not any(text[1:first])
        and first > 0
        and text[second : second + len(call)] == call
        and const > 0
        and not any(call[2:const])
        and call[-2:] == bytes((_POP_TOP, 0))
        and code.co_stacksize == STACK
        and len(call) <= 64
    )
    if not whole:
        raise SpliceError("the compiler of this Python writes calls in an unknown way")
    after = call[const + 2 :]
    return Prologue(text[:first], call[2:const], after, after.rindex(bytes((_CALL, 1))))


def _template() -> CodeType:
    # Not by `compile`, which asks whether it is given a tree: Python makes a class for each kind of
    # node then, 200 KB of them.
    names: dict[str, FunctionType] = {}
    exec(_TEMPLATE, names)  # noqa: S102 - our own template
    return names["template"].__code__
