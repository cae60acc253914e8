"""What is said of a function: its lines, its hash, its place on the wire.

All of it is made once for a module's code, and kept (tombs.loader.cache); so a process in which
every module is known never loads this.
"""

from __future__ import annotations

# Loaded here, for tombs.block and tombs.loader.functions: never by the background thread.
import _blake2  # noqa: F401
from _imp import source_hash
from _operator import itemgetter
from binascii import crc32
from marshal import dumps

from tombs.block import HIDES, Entry, build
from tombs.loader import opcodes  # noqa: F401
from tombs.wire import beginning, line_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType
    from typing import Any, TypeVar

    from tombs.loader.functions import Function

    Result = TypeVar("Result")

# Those beyond are the module's (`from __future__ import annotations`) or Python's notes to itself.
_OWN_FLAGS = 0x3FF
_SIMPLE = frozenset(map(type, (None, True, ..., 0, 0.0, 0j, "", b"")))
_LINE = itemgetter(2)
_CODE = type((lambda: None).__code__)
# What sets up a function that Python calls with its reports turned off: a tracer, a profiler, an
# audit hook, a debugger, a callback of sys.monitoring.
_HIDING = frozenset(
    {"settrace", "settrace_all_threads", "setprofile", "setprofile_all_threads", "addaudithook"}
)
_HIDING_BASES = frozenset({"Bdb", "Pdb"})  # where a module's body names one, it has a debugger
_HIDING_TOGETHER = frozenset({"monitoring", "register_callback"})


def own_hash(code: CodeType) -> int:
    """Hash what a function does: 64 bits over its code without lines, paths and nested code.

    Nested code counts by its name alone: a change inside it is that function's change. A frozenset
    is sorted first, since its order changes from process to process.
    """
    consts = code.co_consts
    if not _SIMPLE.issuperset(map(type, consts)):
        consts = tuple(map(_plain, consts))
    # Version 2 of marshal writes no references, which depend on who else holds the object.
    own: Any = (
        code.co_code,
        consts,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_exceptiontable,
        code.co_flags & _OWN_FLAGS,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
    )
    return int.from_bytes(source_hash(0, dumps(own, 2)), "little")


def _plain(const: object) -> object:
    if isinstance(const, _CODE):
        return ("code", const.co_name)
    if isinstance(const, tuple):
        return tuple(map(_plain, const))
    if isinstance(const, frozenset):
        return ("frozenset", sorted(map(repr, const)))
    if isinstance(const, slice):  # a constant since 3.14
        return ("slice", repr(const))
    return const


def fingerprint(code: CodeType) -> int:
    """Tell apart functions with the same line and name: 32 bits of what they do and their columns.

    Those that are alike in all of that are one code object to the compiler, too.
    """
    return crc32(code.co_linetable, own_hash(code) & 0xFFFFFFFF) or 1


def last_line(code: CodeType) -> int:
    """Give the last line of a function's own code."""
    # All of it in C: a loop over the lines would take as long as everything else together.
    return max(filter(None, map(_LINE, code.co_lines())), default=code.co_firstlineno)


def entries(functions: list[Function]) -> list[Entry]:
    """Describe functions, in the order given, with all that an image holds of them."""
    return whole(_entries(functions))


def whole(steps: Generator[bool, None, Result]) -> Result:
    """Do all steps at once, and give what comes of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def _entries(functions: list[Function]) -> Generator[bool, None, list[Entry]]:
    last = yield from _last_lines(functions)
    described: list[Entry] = []
    previous: Function | None = None
    for function, end in zip(functions, last, strict=True):
        code = function.code
        entry = Entry(
            code.co_qualname,
            code.co_firstlineno,
            end,
            method=function.method,
            own_hash=own_hash(code),
        )
        if previous is not None and _same_place(previous.code, code):
            described[-1].mark = fingerprint(previous.code)
            entry.mark = fingerprint(code)
        described.append(entry)
        previous = function
        yield False
    return described


def _same_place(one: CodeType, other: CodeType) -> bool:
    return one.co_firstlineno == other.co_firstlineno and one.co_qualname == other.co_qualname


def _last_lines(functions: list[Function]) -> Generator[bool, None, list[int]]:
    """Give each function's last line, that of whatever is nested in it included."""
    last: dict[int, int] = {}
    for function in functions:
        last[id(function.code)] = last_line(function.code)
        yield False
    # A nested function starts no earlier than the one around it: from the back, each is done before
    # it is asked for.
    for function in reversed(functions):
        end = last[id(function.code)]
        waiting: list[object] = list(function.code.co_consts)
        for const in waiting:  # it grows
            if isinstance(const, _CODE):
                inner = last.get(id(const))
                if inner is None:  # a class body, or a comprehension
                    inner = last_line(const)
                    waiting.extend(const.co_consts)
                end = max(end, inner)
        last[id(function.code)] = end
        yield False
    return [last[id(function.code)] for function in functions]


def image(module: str, file: str, functions: list[Function]) -> bytes:
    """Make a module's image (tombs.block) from its functions."""
    return whole(image_in_steps(module, file, functions))


def hides(names: tuple[str, ...]) -> bool:
    """Tell by the names that code uses whether it sets up a tracer or the like."""
    return not _HIDING.isdisjoint(names) or _HIDING_TOGETHER.issubset(names)


def image_in_steps(
    module: str, file: str, functions: list[Function], body: CodeType | None = None
) -> Generator[bool, None, bytes]:
    """Make a module's image in steps of a few microseconds, between which others may run.

    Args:
        module: its name.
        file: path of its source, as it is to be written down.
        functions: its functions, in order.
        body: its own code, where it is there.
    """
    described = yield from _entries(functions)
    lines = []
    flags = 0
    if body is not None and (hides(body.co_names) or not _HIDING_BASES.isdisjoint(body.co_names)):
        flags = HIDES
    yield False
    for function in functions:
        if hides(function.code.co_names):
            flags = HIDES
            break
        yield False
    where = beginning(file)
    for entry in described:
        if entry.method:
            scope, _, name = entry.qualname.rpartition(".")
            lines.append(line_of(where, entry.start, entry.end, f"{module}.{scope}", name))
        else:
            lines.append(line_of(where, entry.start, entry.end, None, f"{module}.{entry.qualname}"))
        yield False
    yield True  # what follows is one piece
    return build(module, file, described, lines, flags)
