"""The finder: first on `sys.meta_path`, it asks the finders behind it and arms what they find.

It finds nothing itself. A module that isn't wanted by its name is declined before any search; of
one that is, the loader's `get_code` is wrapped (tombs.loader.loader), and everything else about the
module stays as its own loader makes it.
"""

from __future__ import annotations

import sys

from tombs.loader.loader import hide, wrap
from tombs.loader.module import INLINES, INTERPRETERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from tombs.loader.loader import Engine
    from tombs.loader.namespace import Namespace


class Finder:
    """The meta path finder.

    Args:
        namespace: says which modules are watched.
        engine: arms what is found.
    """

    __slots__ = ("_engine", "_namespace", "_off")

    def __init__(self, namespace: Namespace, engine: Engine) -> None:
        self._namespace = namespace
        self._engine = engine
        self._off = False

    @hide
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a wanted module by the finders that follow; None for every other."""
        if self._off:
            return None
        finders = sys.meta_path
        if finders and finders[0] is not self:
            finders = list(finders)
            self._come_first()
        if name == INLINES:
            self._engine.inlined()
        elif name in INTERPRETERS:
            self._engine.elsewhere()
        verdict = self._namespace.of_name(name)
        if verdict is not None and not verdict.wanted:
            return None
        spec = self._ask(finders, name, path, target)
        if spec is None:
            return None
        loader, origin = spec.loader, spec.origin
        if loader is None or (
            verdict is None and not (origin and self._namespace.of_place(origin).wanted)
        ):
            return spec
        wrap(loader, name, self._engine)
        return spec

    @hide
    def _ask(
        self,
        finders: list[Any],
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None,
    ) -> ModuleSpec | None:
        """Ask the finders behind this one."""
        try:
            behind = finders.index(self) + 1
        except ValueError:  # taken off the path by somebody, yet asked
            return None
        for finder in finders[behind:]:
            try:
                find = finder.find_spec
            except AttributeError:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None

    def _come_first(self) -> None:
        """Go to the head of the path, since a finder before us would load modules unseen.

        Import hooks put themselves at the head as they are installed (typeguard's does); asked
        behind us, they work as before.
        """
        try:
            sys.meta_path.remove(self)
        except ValueError:
            return
        sys.meta_path.insert(0, self)

    def install(self) -> None:
        """Put the finder at the head of `sys.meta_path`."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Take the finder away; harmless when it is gone."""
        self._off = True
        if self in sys.meta_path:
            sys.meta_path.remove(self)
