"""Packages of many small functions, for what depends on their number alone."""

from __future__ import annotations

import compileall
import os

_PLAIN = "def function_number_{number}(argument=None):\n    return argument\n\n\n"
_METHOD = "    def method_number_{number}(self=None):\n        return self\n\n"


def generate(directory: str, name: str, functions: int, modules: int = 0) -> str:
    """Write and compile a package, half of it methods, ten to a class; gives its name.

    Args:
        directory: where to, to be on sys.path.
        name: of the package.
        functions: how many.
        modules: in how many modules; as a rule 100 functions to one.
    """
    modules = modules or max(functions // 100, 1)
    package = os.path.join(directory, name)
    os.makedirs(package)
    each = functions // modules
    for number in range(modules):
        with open(os.path.join(package, f"part_{number}.py"), "w", encoding="utf-8") as file:
            file.write(_module(each))
    collect = "".join(f"from . import part_{number}\n" for number in range(modules))
    with open(os.path.join(package, "__init__.py"), "w", encoding="utf-8") as file:
        file.write(f"{collect}\n_parts = [{', '.join(f'part_{at}' for at in range(modules))}]\n")
        file.write("functions = lambda: [one for part in _parts for one in part.FUNCTIONS]\n")
    compileall.compile_dir(package, quiet=2)
    return name


def _module(functions: int) -> str:
    pieces = []
    names = []
    for number in range(functions // 2):
        pieces.append(_PLAIN.format(number=number))
        names.append(f"function_number_{number}")
    for first in range(functions // 2, functions, 10):
        pieces.append(f"class Class{first}:\n")
        for number in range(first, min(first + 10, functions)):
            pieces.append(_METHOD.format(number=number))
            names.append(f"Class{first}.method_number_{number}")
        pieces.append("\n")
    return "".join(pieces) + f"FUNCTIONS = [{', '.join(names)}]\n"
