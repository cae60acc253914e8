"""The functions of loaded modules, found in memory: from their namespaces, by what holds what.

A module's own code is gone once it has run. What is left of it are its functions, and they are held
by names, by classes, by other functions' cells and `__wrapped__`, by properties and partials, and
by the objects of a framework that they were registered with. All of that is followed, with an end:
containers with very many items, objects written in C and other modules' namespaces are not entered,
and from one module only so many objects are looked at. Functions within functions are constants of
the code around them. What isn't found so is noticed when it starts (Module.strays).

Nobody's code is run in this: no attribute is asked for where a class could answer for it, and what
an object holds is asked of the garbage collector, one object at a time.
"""

from __future__ import annotations

import gc
import sys

from tombs.loader.functions import Function, looks_like_function, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from types import CodeType
    from typing import Any, Final

MOST: Final = 5000  # objects that are looked at from one module, beyond its names and classes
DEEPEST: Final = 10
LARGEST: Final = 1000  # items of a container that is looked through
_A_FEW: Final = 500
_PAGE: Final = 13  # the bits of one place in `_seen`: for 64 KiB of memory
_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE_TYPE: Final = 1 << 8
_CODE = type((lambda: None).__code__)
_FUNCTION = type(lambda: None)
_MODULE = type(sys)
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
_names_of_class: Any = type.__dict__["__dict__"].__get__
_base_of: Any = type.__dict__["__base__"].__get__
_FLAT: Final = frozenset({int, str, bytes, bool, float, complex, type(None), _MODULE, _CODE})


class Reach:
    """What is reached from modules.

    Args:
        files: the paths, as code has them, whose functions are looked for.
        modules: names of the modules whose classes are entered.
    """

    def __init__(self, files: Iterable[str], modules: Iterable[str]) -> None:
        # By id; what is a method stands under its negative, too.
        self._found: dict[str, dict[int, CodeType]] = {file: {} for file in files}
        self._modules = frozenset(modules)
        self._seen: dict[int, bytearray] = {}  # a bit for each place where an object can begin
        self._holds: dict[type, bool] = dict.fromkeys(_holders(), True)

    def look(self, names: dict[str, object]) -> Generator[bool, None, None]:
        """Look through a module's namespace, a step for each object.

        Nothing is made here that the garbage collector counts or looks through, such as a pair of
        thing and depth, a Function, or a set of all that was seen: it would run in the middle of a
        step, and was measured to take 20 to 160 ms of a large program.
        """
        self._is_new(names)
        things: list[object] = list(names.values())
        depths = [0] * len(things)
        left = MOST
        while things:
            thing, depth = things.pop(), depths.pop()
            kind = type(thing)
            if kind in _FLAT or not self._is_new(thing):
                continue
            yield False
            if kind is _FUNCTION:
                self._take(thing.__code__)  # type: ignore[attr-defined]
            if issubclass(kind, type):
                own = _names_of_class(thing)
                if own.get("__module__") in self._modules:
                    things += own.values()
                    depths += [0] * (len(things) - len(depths))
                continue
            if depth:
                left -= 1
                if left < 0 or depth > DEEPEST:
                    continue
            things += self._held(thing, kind)
            depths += [depth + 1] * (len(things) - len(depths))

    def _is_new(self, thing: object) -> bool:
        """Tell whether an object is met for the first time, and remember that it was met."""
        own = id(thing) >> 3  # no object is smaller than that
        page = self._seen.get(own >> _PAGE)
        if page is None:
            page = self._seen[own >> _PAGE] = bytearray(1 << _PAGE - 3)
        at, bit = own >> 3 & (1 << _PAGE - 3) - 1, 1 << (own & 7)
        if page[at] & bit:
            return False
        page[at] |= bit
        return True

    def found(self, file: str) -> list[Function]:
        """Give what was found of a file, in the order of first lines."""
        group = self._found[file]
        found = [Function(code, method=-own in group) for own, code in group.items() if own > 0]
        found.sort(key=lambda one: (one.code.co_firstlineno, one.code.co_qualname))
        return found

    def forget(self) -> Generator[bool, None, None]:
        """Let go of everything, which at once would take long too."""
        for group in self._found.values():
            group.clear()
            yield False
        while self._seen:
            for _ in range(min(len(self._seen), _A_FEW)):
                self._seen.popitem()
            yield False

    def _held(self, thing: object, kind: type) -> Iterable[object]:
        for container in _CONTAINERS:
            if issubclass(kind, container):
                return self._items(thing, container)
        return gc.get_referents(thing) if self._is_holder(kind) else ()

    def _items(self, thing: Any, container: Any) -> Iterable[object]:  # noqa: ANN401 - one of _CONTAINERS
        if container.__len__(thing) > LARGEST:
            return ()
        if container is dict and "__builtins__" in dict.keys(thing):
            return ()  # the namespace of a module, which is looked through for its own sake
        return gc.get_referents(thing)

    def _is_holder(self, kind: type) -> bool:
        """Tell whether instances hold little: wrappers, and what a class statement's class makes.

        What is written in C may hold millions of objects, all of which would be asked for at once.
        """
        known = self._holds.get(kind)
        if known is None:
            step = kind
            while step is not object and step.__flags__ & _HEAP_TYPE:
                if step.__flags__ & _IMMUTABLE_TYPE:
                    break
                step = _base_of(step)
            known = self._holds[kind] = step is object and kind is not object
        return known

    def _take(self, code: CodeType) -> None:
        group = self._found.get(code.co_filename)
        if group is None or id(code) in group:
            return
        for function in alone(code):
            group[id(function.code)] = function.code
            if function.method:
                group[-id(function.code)] = function.code


def alone(code: CodeType) -> list[Function]:
    """Give the function that a code object is, and those within it."""
    own = [Function(code, method=_is_method(code.co_qualname))] if looks_like_function(code) else []
    return own + walk(code)


def _is_method(qualname: str) -> bool:
    scope = qualname.rpartition(".")[0]
    return bool(scope) and not scope.endswith("<locals>")


def _holders() -> list[type]:
    class Method:
        def method(self) -> None:
            pass

    found: list[type] = [_FUNCTION, staticmethod, classmethod, property, type(Method().method)]
    found.append(type((lambda: found).__closure__[0]))  # type: ignore[index]
    functools = sys.modules.get("functools")
    for name in ("partial", "_lru_cache_wrapper"):
        kind = getattr(functools, name, None)
        if isinstance(kind, type):
            found.append(kind)
    return found
