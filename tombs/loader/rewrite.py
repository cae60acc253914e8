"""A module's code with the prologue in each of its functions.

The tree is rebuilt from its leaves upwards, and only where something changed: what has no
function below it stays the same object. The walk keeps its own list, so that the depth of a tree
is no matter of the recursion limit.
"""

from __future__ import annotations

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
    tree = [module_code]
    for code in tree:  # it grows: behind each parent stand its children, once more where shared
        tree.extend([const for const in code.co_consts if type(const) is _CODE])
    made: dict[int, CodeType] = {}
    failed: list[int] = []
    for code in reversed(tree):
        if id(code) not in made:
            made[id(code)] = _rebuilt(code, indexes.get(id(code)), made, failed)
    return made[id(module_code)], failed


def _rebuilt(
    code: CodeType, index: int | None, made: dict[int, CodeType], failed: list[int]
) -> CodeType:
    """Make one code object anew, its nested functions taken from what is made already."""
    consts = code.co_consts
    nested = [at for at, const in enumerate(consts) if made.get(id(const), const) is not const]
    if nested:
        changed = list(consts)
        for at in nested:
            changed[at] = made[id(consts[at])]
        consts = tuple(changed)
    if index is not None:
        try:
            return _with_prologue(code, index, consts)
        except SpliceError:
            failed.append(index)
    return code.replace(co_consts=consts) if nested else code


def _with_prologue(code: CodeType, index: int, consts: tuple[object, ...]) -> CodeType:
    try:
        return splice(code, index, consts)
    except SpliceError:
        from tombs.loader.assemble import assemble  # noqa: PLC0415 - `bytecode` takes 30 ms, and is hardly ever needed

        return assemble(code.replace(co_consts=consts), index)
