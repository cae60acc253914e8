"""All raw memory access there is: two stores that Python has no words for.

Theory of operation.

**Erasing.** A prologue that has done its work is jumped over: JUMP_FORWARD goes over its first
unit, in the code object's own instructions, which begin where the code object's fixed part ends
(`id(code) + CodeType.__basicsize__`). What must hold:

- The store is one aligned store of two bytes, made while the GIL is held: no thread of this
  interpreter executes an instruction meanwhile, and none sees half a unit.
- Only the first unit changes. A thread that waits inside the prologue (in the call, or for the GIL
  behind it) has that unit behind it and finds the rest whole. A second erasing, by it or by a
  recursion, finds the jump there and has nothing to do. A specialising interpreter writes an
  operation only while it executes it, and does that without letting go of the GIL.
- The instructions are compared with the prologue before the store, specialised ones taken for what
  they specialise, and once more where they lie in memory. Bytes that differ in anything are
  somebody else's, and stay.
- Only on 3.11: later a code object's hash includes its instructions, and somebody may hold it as a
  key.

**Constants.** The code of the script that Python was started with is about to be executed, and no
other can be handed in; but a tuple's items can be exchanged in place, before the first of them is
loaded. They begin where the tuple's fixed part ends. Each pointer is compared with the `id` of the
item that must lie there before any is written. The tuple belongs to this code alone: the compiler
shares equal tuples, but this one contains the code that contains any other. The new item's
reference is counted; the old one's is left to the tuple's past, so that it lives on whoever still
has its address.

Both are tried on a template first, when they are first asked for; what doesn't come out exactly
right there is switched off. ctypes is imported then, not with this module.
"""

from __future__ import annotations

import sys

from tombs import streams
from tombs.loader.opcodes import SPECIALISED, numbers
from tombs.loader.prologue import NAME
from tombs.loader.splice import prologue, splice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    from tombs.loader.prologue import Prologue

_FUNCTION: Any = type(lambda: None)
_CODE = type((lambda: None).__code__)
_UNIT = 2
_POINTER = tuple.__itemsize__
_tried: dict[Callable[[], bool], bool] = {}
_operations: list[int] = []
_characters: dict[int, Any] = {}  # ctypes' arrays of so many
_NUMBERS = numbers()
_JUMP_FORWARD = _NUMBERS["JUMP_FORWARD"]
_RESUME = _NUMBERS["RESUME"]


def can_erase() -> bool:
    """Tell whether prologues can be erased here; the first question tries it on a template."""
    return _passes(_erasing_works)


def can_replace() -> bool:
    """Tell whether constants can be replaced here; the first question tries it on a template."""
    return _passes(_replacing_works)


def erase(frame: FrameType) -> bool:
    """Jump over the prologue that a frame is in, from the next call on.

    Returns:
        Whether it is erased; where not, it stays as it was, correct and slower.
    """
    return can_erase() and _erase(frame)


def restore(code: CodeType) -> bool:
    """Put an erased prologue back, so that the next call vacates again.

    Returns:
        Whether it is there; where not, the code stays as it was.
    """
    return can_erase() and _restore(code)


def replace_constants(code: CodeType, new: dict[int, CodeType]) -> bool:
    """Replace code objects among a code's constants, in place.

    Args:
        code: whose constants; it must not have begun to run.
        new: what to put there, by the place in co_consts.

    Returns:
        Whether all are replaced; where not, none is.
    """
    return can_replace() and _replace(code, new)


def _passes(trial: Callable[[], bool]) -> bool:
    passed = _tried.get(trial)
    if passed is None:
        passed = _tried[trial] = trial()
    return passed


def _erase(frame: FrameType) -> bool:
    code = frame.f_code
    how = prologue()
    # As a rule the frame is in the call, and nothing is specialised that runs for the first time.
    # Where the bytes are the prologue's, it is one; where they aren't, it is looked for.
    expected = _expected(code, how)
    at = frame.f_lasti - len(expected) + len(how.after) - how.call
    if expected and at >= 0 and _instructions(code).startswith(expected, at):
        return _store(code, at, expected, _jump_over(expected))
    at, text, expected = _prologue_of(code)
    if not at <= frame.f_lasti < at + len(expected):
        return False
    jump = _jump_over(expected)
    if text[:_UNIT] == jump:
        return True
    return _alike(text, expected) and _store(code, at, text, jump)


def _restore(code: CodeType) -> bool:
    at, text, expected = _prologue_of(code)
    if not expected:
        return False
    if text[:_UNIT] != _jump_over(expected):
        return _alike(text, expected)
    first = expected[:_UNIT]
    return _alike(first + text[_UNIT:], expected) and _store(code, at, text, first)


def _prologue_of(code: CodeType) -> tuple[int, bytes, bytes]:
    """Find where a code's prologue is, what is there, what should be; empty where it has none."""
    how = prologue()
    expected = _expected(code, how)
    if not expected:
        return 0, b"", b""
    text = _instructions(code)
    general = _generals()
    at = 0
    while at < len(text) and general[text[at]] != _RESUME:
        at += _UNIT
    at += how.resume
    return at, text[at : at + len(expected)], expected


def _expected(code: CodeType, how: Prologue) -> bytes:
    """Write the prologue that a code must have, if it has one; empty where it can't have any."""
    names = code.co_names
    if not names or names[-1] != NAME:
        return b""
    return how.emit(len(names) - 1, len(code.co_consts) - 1)[0]


def _instructions(code: CodeType) -> bytes:
    """Copy the instructions as they are now; unlike co_code, this isn't kept with the code."""
    return getattr(code, "_co_code_adaptive", b"")


def _jump_over(expected: bytes) -> bytes:
    return bytes((_JUMP_FORWARD, len(expected) // _UNIT - 1))


def _alike(text: bytes, expected: bytes) -> bool:
    """Tell whether instructions differ in nothing but specialisation and their inline caches."""
    if text == expected:
        return True
    general = _generals()
    return len(text) == len(expected) and all(
        expected[at : at + _UNIT] == b"\0\0"  # CACHE 0
        or (general[text[at]] == expected[at] and text[at + 1] == expected[at + 1])
        for at in range(0, len(text), _UNIT)
    )


def _generals() -> list[int]:
    """Give for each operation of 3.11 the one that it specialises, or itself."""
    if not _operations:
        _operations.extend(range(256))
        for name, specialised in SPECIALISED.items():
            for number in specialised:
                _operations[number] = _NUMBERS[name]
    return _operations


def _store(code: CodeType, at: int, text: bytes, unit: bytes) -> bool:
    """Store one unit of a code's instructions, if `text` is what lies there in memory."""
    address = id(code) + _CODE.__basicsize__ + at
    size = len(text)
    kind = _characters.get(size)
    if kind is None:
        kind = _characters[size] = streams.kind("c") * size
    if address % _UNIT or kind.from_address(address).raw != text:
        return False
    streams.kind("H").from_address(address).value = int.from_bytes(unit, sys.byteorder)
    return True


def _replace(code: CodeType, new: dict[int, CodeType]) -> bool:
    """Exchange items of co_consts; nothing is written unless everything is as expected."""
    ctypes = streams.ctypes()

    consts = code.co_consts
    items = id(consts) + tuple.__basicsize__
    size = len(consts)
    found = (ctypes.c_size_t * size).from_address(items) if size else ()
    if list(found) != [id(const) for const in consts]:
        return False
    if not all(0 <= at < size and type(consts[at]) is _CODE for at in new):
        return False
    count = ctypes.pythonapi["Py_IncRef"]
    count.argtypes = [ctypes.py_object]
    count.restype = None
    for at, const in new.items():
        count(const)
        ctypes.c_size_t.from_address(items + at * _POINTER).value = id(const)
    return True


def _erasing_works() -> bool:
    """Erase and restore the prologue of a template, and see that the call and nothing else goes."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11):
        return False
    code = splice(_increment.__code__, 0)
    whole = splice(_increment.__code__, 0)
    erased: list[bool] = []

    def vacate(_index: int) -> None:
        erased.append(_erase(sys._getframe(1)))  # noqa: SLF001

    increment = _FUNCTION(code, {NAME: vacate})
    for calls in (1, 2):  # so often that the interpreter specialises what it can
        if [increment(number) for number in range(64)] != list(range(1, 65)):
            return False
        if erased != [True] * calls or not _restore(code):
            return False
        if code != whole:  # to which specialised operations are those that they specialise
            return False
    return True


def _replacing_works() -> bool:
    """Replace a template's constant; see that the new one runs and references are right."""
    if sys.implementation.name != "cpython" or "t" in sys.abiflags:
        return False
    template = _outer.__code__.replace(co_consts=(*_outer.__code__.co_consts,))  # its own tuple
    old = next(const for const in template.co_consts if type(const) is _CODE)
    new = _increment.__code__
    counts = sys.getrefcount(old), sys.getrefcount(new)
    if not _replace(template, {template.co_consts.index(old): new}):
        return False
    run = _FUNCTION(template, {})()(1) == 2
    return run and counts == (sys.getrefcount(old), sys.getrefcount(new) - 1)


def _increment(number: int) -> int:
    return number + 1


def _outer() -> Callable[[int], int]:
    return lambda number: number
