"""A module's code with the prologue in each of its functions.

The tree is rebuilt from its leaves upwards, and only where something changed: what has no
function below it stays the same object. Nothing of it recurses, so that the depth of a tree is no
matter of the recursion limit.
"""

from __future__ import annotations

from _operator import is_not

from tombs.loader.functions import find
from tombs.loader.splice import SpliceError, splice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType


def rewrite(
    module_code: CodeType,
    functions: Sequence[CodeType],
    parents: Sequence[CodeType] | None = None,
) -> tuple[CodeType, list[int]]:
    """Put the prologue into functions of a module.

    Args:
        module_code: the module's code, as compiled; it is left as it is.
        functions: the code of each in that tree, in the order of their indexes.
        parents: all code that has code within it, as `find` gives it; looked for if need be.

    Returns:
        The code to execute, and the indexes of the functions that could not be rewritten: those run
        untouched.
    """
    if parents is None:
        parents = find(module_code)[2]
    made: dict[int, CodeType] = {}
    failed: list[int] = []
    inner = set(map(id, parents))
    indexes: dict[int, int] = {}  # of functions within which there is more
    for index, code in enumerate(functions):
        key = id(code)
        if key in inner:
            indexes[key] = index
            continue
        try:
            made[key] = splice(code, index)
        except SpliceError:
            made[key] = _assembled(code, index, failed)
    for code in reversed(parents):
        key = id(code)
        if key not in made:
            made[key] = _rebuilt(code, indexes.get(key), made, failed)
    return made.get(id(module_code), module_code), failed


def _rebuilt(
    code: CodeType, index: int | None, made: dict[int, CodeType], failed: list[int]
) -> CodeType:
    """Make one code object anew, its nested functions taken from what is made already."""
    old = code.co_consts
    consts: tuple[object, ...] = tuple(map(made.get, map(id, old), old))
    changed = any(map(is_not, old, consts))
    if index is not None:
        try:
            return splice(code, index, consts)
        except SpliceError:
            return _assembled(code.replace(co_consts=consts) if changed else code, index, failed)
    return code.replace(co_consts=consts) if changed else code


def _assembled(code: CodeType, index: int, failed: list[int]) -> CodeType:
    """Do what the splice can't; a function that can't be done stays, and is noted."""
    from tombs.loader.assemble import assemble  # noqa: PLC0415 - `bytecode` takes 30 ms, and is hardly ever needed

    try:
        return assemble(code, index)
    except SpliceError:
        failed.append(index)
        return code
