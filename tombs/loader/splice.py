"""One function's code with the prologue `_tomb_vacate(index)` put in, by hand.

Theory of operation. All jumps are relative since 3.11, and none crosses the point behind the first
RESUME, so the bytes go in there and no jump is touched. What counts in absolute units is adjusted:

- the exception table (starts and targets behind the point move, a range that spans it grows);
- the line table, where the prologue has no location: on every Python that gives the same `line`
  events to a tracer as before, which neither the line of the `def` nor that of the first statement
  does. Since 3.12 one entry can span the point, and is split; its line delta stays in the first
  part.

The name and the index are appended to co_names and co_consts: nothing that is there moves, so a
docstring stays the first constant. Small indexes are constants too, not arguments of an
instruction, so that the prologue has one form.

The `bytecode` library does the same in a hundred times the time (assemble.py): it is the fallback,
and the oracle in tests.
"""

from __future__ import annotations

from tombs.loader.prologue import (
    NAME,
    RAW,
    RESUME,
    STACK,
    Prologue,
    SpliceError,
    after_resume,
    learn,
    no_location,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

__all__ = ["SpliceError", "splice"]

_FUNCTION = 0x03  # CO_OPTIMIZED | CO_NEWLOCALS: module and class bodies lack them
_NAMES = (NAME,)
_BEFORE = no_location(1)  # each unit before RESUME has an entry of its own, as a rule
_learnt: list[Prologue] = []


def splice(code: CodeType, index: int, consts: tuple[object, ...] | None = None) -> CodeType:
    """Make a function's code that first calls the vacate; nested functions stay as they are.

    Args:
        code: a function's code, as compiled.
        index: its number within the module.
        consts: other constants to put in place of its own (its nested functions, rewritten).

    Raises:
        SpliceError: it can't be done by hand.
    """
    names = code.co_names
    if code.co_flags & _FUNCTION != _FUNCTION:
        raise SpliceError("not the code of a function")
    if NAME in names:
        raise SpliceError(f"its code uses the name {NAME} already")
    if consts is None:
        consts = code.co_consts
    how = _learnt[0] if _learnt else prologue()
    text: bytes = code._co_code_adaptive if RAW else code.co_code  # type: ignore[attr-defined]  # noqa: SLF001
    lines, handlers = code.co_linetable, code.co_exceptiontable
    size = max(code.co_stacksize, STACK)
    own = (index,)
    try:
        # Most begin with RESUME, on the line of the `def`, and handle no exception. What stands
        # first in instructions and line table is all of it that changes.
        first = how.first_lines
        if text[0] == RESUME and lines[0] == first[0] and not (text[1] or lines[1] or handlers):
            try:
                return code.replace(
                    co_code=how.starts[len(names)] + how.consts[len(consts)] + text[how.resume :],
                    co_names=names + _NAMES,
                    co_consts=consts + own,
                    co_stacksize=size,
                    co_linetable=first + lines[2:],
                )
            except IndexError:  # so many names or constants
                pass
        at = after_resume(text, how.resume)
        if text[at - how.resume] != RESUME:
            text = code.co_code
        call, blank = how.emit(len(names), len(consts))
        before = _BEFORE * (at - how.resume >> 1) + first[:2]
        if lines.startswith(before):
            lines = before + blank + lines[len(before) :]
        else:
            lines = _without_location(lines, at >> 1, blank)
        return code.replace(
            co_code=text[:at] + call + text[at:],
            co_names=names + _NAMES,
            co_consts=consts + own,
            co_stacksize=size,
            co_linetable=lines,
            co_exceptiontable=handlers and _moved(handlers, at >> 1, len(call) >> 1),
        )
    except (IndexError, ValueError) as error:
        raise SpliceError(f"its tables can't be read: {error}") from error


def prologue() -> Prologue:
    """Give the prologue of this Python, learnt at the first call."""
    if not _learnt:
        _learnt.append(learn())
    return _learnt[0]


def _without_location(table: bytes, at: int, blank: bytes) -> bytes:
    """Insert entries into a line table, behind its first `at` units.

    An entry's first byte, and no other, has bit 7 set; its lowest three bits are its length in
    units, less one.
    """
    end = done = 0
    size = len(table)
    while done < at:
        start = end
        done += (table[start] & 7) + 1
        end += 1
        while end < size and table[end] < 0x80:
            end += 1
    if done == at:
        return table[:end] + blank + table[end:]
    behind = done - at
    return (
        table[:start]
        + bytes([table[start] - behind])
        + table[start + 1 : end]
        + blank
        + _same_line(table[start:end], behind)
        + table[end:]
    )


def _same_line(entry: bytes, units: int) -> bytes:
    """Write an entry again, with another length, for the line that the entry before it has."""
    kind = entry[0] >> 3 & 15
    rest = entry[1:]
    if kind in (11, 12):  # one and two lines further, with columns: 10 is the same with none
        kind = 10
    elif kind in (
        13,
        14,
    ):  # a number of lines comes first, six bits a byte, bit 6 set if it goes on
        skip = 0
        while rest[skip] & 64:
            skip += 1
        rest = b"\0" + rest[skip + 1 :]
    return bytes([0x80 | kind << 3 | units - 1]) + rest


def _moved(table: bytes, at: int, units: int) -> bytes:
    """Make room for `units` at `at` in an exception table.

    It is a row of numbers, four to an entry (start, length, target, depth), six bits a byte, the
    highest first, bit 6 set where the number goes on; bit 7 marks the first byte of an entry.
    """
    moved = bytearray()
    numbers: list[int] = []
    value = 0
    for byte in table:
        value = value << 6 | byte & 63
        if not byte & 64:
            numbers.append(value)
            value = 0
    rows = iter(numbers)
    for start, length, target, depth in zip(rows, rows, rows, rows, strict=True):
        mark = 0x80
        for number in (
            start + units if start >= at else start,
            length + units if start < at < start + length else length,
            target + units if target >= at else target,
            depth,
        ):
            if number < 64:
                moved.append(number | mark)
            else:
                _number(moved, number, mark)
            mark = 0
    return bytes(moved)


def _number(out: bytearray, value: int, mark: int) -> None:
    """Write a number of 64 or more."""
    if value < 4096:
        out.append(value >> 6 | 64 | mark)
        out.append(value & 63)
        return
    for shift in (24, 18, 12, 6):
        if value >> shift:
            out.append(value >> shift & 63 | 64 | mark)
            mark = 0
    out.append(value & 63)
