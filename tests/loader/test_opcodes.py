"""The numbers of operations that are written down: those that Python has."""

from __future__ import annotations

import importlib.util
import opcode
import sys

import pytest

from tests.support import python
from tombs.loader.opcodes import KNOWN, SPECIALISED, numbers

MAGIC = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")


def test_they_are_those_of_this_python() -> None:
    """Each that is written down is what the library says, and no other is asked of it."""
    found = numbers()
    assert found
    assert {name: opcode.opmap[name] for name in found} == found
    assert (MAGIC in KNOWN) == (sys.version_info < (3, 14))


def test_the_library_is_not_asked_where_they_are_known() -> None:
    """A program may have a module of that name itself."""
    program = (
        "import sys\nfrom tombs.loader.opcodes import numbers\nnumbers()\n"
        "print('opcode' in sys.modules)\n"
    )
    assert python(["-c", program], check=True).stdout == f"{MAGIC not in KNOWN}\n"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="prologues are erased on 3.11 alone")
def test_all_specialised_ones_are_there() -> None:
    """They have the numbers that are free, in the order of their names in `opcode`."""
    free = [number for number, name in enumerate(opcode.opname) if name.startswith("<")]
    specialised: list[str] = vars(opcode)["_specialized_instructions"]
    numbered = dict(zip(specialised, free, strict=False))
    families: dict[str, list[str]] = vars(opcode)["_specializations"]
    for name, found in SPECIALISED.items():
        assert sorted(found) == sorted(numbered[one] for one in families[name])
    wanted = {"RESUME", "LOAD_GLOBAL", "EXTENDED_ARG", "LOAD_CONST", "PRECALL", "CALL", "POP_TOP"}
    assert SPECIALISED.keys() == wanted & families.keys()
