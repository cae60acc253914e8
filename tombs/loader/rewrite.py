"""A module's code with the prologue in each of its functions.

The tree is rebuilt from its leaves upwards, and only where something changed: what has no
function below it stays the same object. The walk keeps its own list, so that the depth of a tree
is no matter of the recursion limit.
"""

from __future__ import annotations

from _operator import is_not

from tombs.loader.splice import SpliceError, splice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_CODE = type((lambda: None).__code__)


def rewrite(module_code: CodeType, indexes: dict[int, int]) -> tuple[CodeType, list[int]]:
    """Put the prologue into functions of a module.

    Args:
        module_code: the module's code, as compiled; it is left as it is.
        indexes: each function's index, by the `id` of its code object in that tree.

    Returns:
        The code to execute, and the indexes of the functions that could not be rewritten: those run
        untouched.
    """
    made: dict[int, CodeType] = {}
    failed: list[int] = []
    inner = [module_code]
    for code in inner:  # it grows: behind each stand those within it that have code within them
        for const in code.co_consts:
            if type(const) is not _CODE:
                continue
            if _CODE in map(type, const.co_consts):
                inner.append(const)  # once more where shared
            elif (key := id(const)) in indexes and key not in made:
                try:
                    made[key] = splice(const, indexes[key])
                except SpliceError:
                    made[key] = _assembled(const, indexes[key], failed)
    for code in reversed(inner):
        if id(code) not in made:
            made[id(code)] = _rebuilt(code, indexes.get(id(code)), made, failed)
    return made[id(module_code)], failed


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
