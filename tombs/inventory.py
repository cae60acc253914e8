"""The functions of a source tree, without importing it.

They get the qualified names that Python would give them, so that what the source has and what a
graveyard has can be laid side by side: `<locals>` within functions, none behind `global`, and
nothing for the scope of type parameters.
"""

from __future__ import annotations

import ast
import gc
import os
import warnings
from bisect import bisect_left
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tombs import stubs
from tombs.errors import TombsError
from tombs.evidence.model import Listed, Source, digest
from tombs.evidence.watch import covers
from tombs.listings import Listings, rows, written
from tombs.parallel import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Final

_SKIPPED: Final = frozenset({"__pycache__", "node_modules"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_MUCH: Final = 4 << 20  # bytes of source from which on other processes are worth their start
# The fields of a statement, and of a part of one, in which other statements stand.
_BLOCKS: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    node: tuple(
        name
        for name in ("body", "orelse", "finalbody", "handlers", "cases")
        if name in node._fields
    )
    for node in (
        *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar),
        *(ast.Match, ast.ExceptHandler, ast.match_case),
    )
}


class Place(NamedTuple):
    """Where a module is."""

    path: str
    file: str  # relative to where imports look for it
    name: str


def inventory(
    directory: str,
    namespace: Sequence[str],
    fault: Callable[[str], None],
    kept: Listings | None = None,
) -> Iterator[Listed]:
    """List the functions of every module in a directory: `modules`, and then `listing`.

    Raises:
        TombsError: there is no such directory.
    """
    return listing(modules(directory, namespace), fault, kept)


def modules(directory: str, namespace: Sequence[str]) -> list[Place]:
    """Find the modules in a directory.

    Args:
        directory: where imports look for the modules, or a package's own directory.
        namespace: dotted prefixes of the modules that are wanted; none wants all.

    Raises:
        TombsError: there is no such directory.
    """
    if not os.path.isdir(directory):
        raise TombsError(f"{directory}: there is no such directory", "Name the one of the source.")
    found = (Place(path, file, module_name(file)) for path, file in files(directory))
    return [place for place in found if not namespace or covers(namespace, place.name)]


def listing(
    places: Iterable[Place], fault: Callable[[str], None], kept: Listings | None = None
) -> Iterator[Listed]:
    """List the functions of modules, one after the other.

    Args:
        places: where they are.
        fault: told of each file that can't be read, and why.
        kept: what was listed before; what is new is added to it.
    """
    kept = Listings(None) if kept is None else kept
    wanted = [(place, _known(place.path, kept)) for place in places]
    new = [place.path for place, functions in wanted if functions is None]
    size = 0
    for path in new:
        with suppress(OSError):
            size += os.path.getsize(path)
    listings = mapped(_read, new, None if size >= _MUCH else 1)
    for (path, file, name), known in wanted:
        functions = known
        if functions is None:
            source, told, reason = next(listings)
            if reason:
                fault(f"{path}: can't be read: {reason}")
                continue
            kept.put(source, told)
            functions = rows(told)
        yield Listed(name, file, functions)


def _known(path: str, kept: Listings) -> tuple[Source, ...] | None:
    """Give what a file was found to have before; None where it must be read."""
    if not kept:
        return None
    try:
        with open(path, "rb") as opened:
            return kept.get(digest(opened.read()))
    except OSError:
        return None


def _read(path: str) -> tuple[bytes, bytes, str]:
    """List the functions of a file.

    Returns:
        The digest of the source, and the listing; or why it can't be done.
    """
    try:
        with open(path, "rb") as opened:
            source = opened.read()
        return digest(source), written(of_source(source)), ""
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as found:
        return b"", b"", str(found) or type(found).__name__


def files(directory: str) -> Iterator[tuple[str, str]]:
    """Yield each Python file's path, and its path from where imports would look for it."""
    top = importable(directory)
    for folder, folders, names in os.walk(os.path.abspath(directory)):
        folders[:] = sorted(
            name for name in folders if _is_source(name, os.path.join(folder, name))
        )
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                yield path, os.path.relpath(path, top).replace(os.sep, "/")


def importable(directory: str) -> str:
    """Give the directory where imports look: above a package's own, else the directory itself."""
    top = os.path.abspath(directory)
    while os.path.isfile(os.path.join(top, "__init__.py")):
        top = os.path.dirname(top)
    return top


def _is_source(name: str, path: str) -> bool:
    hidden = name.startswith(".") or name in _SKIPPED
    return not hidden and not os.path.exists(os.path.join(path, "pyvenv.cfg"))


def module_name(file: str) -> str:
    """Give the name that a file would be imported by."""
    parts = file.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def of_source(source: bytes) -> tuple[Source, ...]:
    """List the functions of one module, in the order of their first lines.

    Raises:
        SyntaxError: this Python can't read it.
    """
    # A tree is made of many objects, none of them garbage: looking for some is lost time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            # What a compiler would tell the author is no business of who reads an inventory.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(source)
        walk = _Walk(_lambda_lines(source))
        walk.body(tree.body, _Scope())
        return tuple(sorted(walk.found, key=lambda found: (found.start, found.qualname)))
    finally:
        if collecting:
            gc.enable()


def _lambda_lines(source: bytes) -> list[int] | None:
    """Give the lines where the word stands, as comment or not; None where nobody can tell."""
    if b"coding" in b"".join(source.split(b"\n", 2)[:2]):
        return None
    if b"lambda" not in source:
        return []
    lines = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return [number for number, line in enumerate(lines, 1) if b"lambda" in line]


class _Scope:
    """Where a name stands.

    Args:
        prefix: what qualified names here begin with.
        is_global: names that a `global` here gives to the module.
        protocol: it is the body of a Protocol class.
        checkers: it is for type checkers only.
    """

    __slots__ = ("checkers", "is_global", "prefix", "protocol")

    def __init__(
        self,
        prefix: str = "",
        is_global: frozenset[str] = frozenset(),
        *,
        protocol: bool = False,
        checkers: bool = False,
    ) -> None:
        self.prefix = prefix
        self.is_global = is_global
        self.protocol = protocol
        self.checkers = checkers

    def qualify(self, name: str) -> str:
        """Give the qualified name of something defined here."""
        return name if name in self.is_global else self.prefix + name


class _Walk:
    """Goes through a module and keeps what functions it finds.

    Within expressions only lambdas are functions, and most statements have none: those are passed
    over, which is most of the work.

    Args:
        lambdas: the only lines where lambdas can be, ascending; None: anywhere.
    """

    def __init__(self, lambdas: list[int] | None) -> None:
        self.found: list[Source] = []
        self._lambdas = lambdas

    def _lambda_free(self, node: ast.AST) -> bool:
        """Tell whether a statement surely has no lambda; of a definition, its decorators aside."""
        if self._lambdas is None:
            return False
        if not self._lambdas or not isinstance(node, ast.stmt):
            return not self._lambdas
        at = bisect_left(self._lambdas, node.lineno)
        return at == len(self._lambdas) or self._lambdas[at] > (node.end_lineno or node.lineno)

    def body(self, nodes: Sequence[ast.AST], scope: _Scope) -> None:
        """Go through nodes that stand in one scope: expressions may nest deeper than calls can."""
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if isinstance(node, _FUNCTIONS):
                self._function(node, scope)
            elif isinstance(node, ast.Lambda):
                self._lambda(node, scope)
            elif isinstance(node, ast.ClassDef):
                self._class(node, scope)
            elif isinstance(node, ast.If):
                self._if(node, scope)
            elif isinstance(node, ast.GeneratorExp):
                # The first iterable is evaluated outside; nothing else is.
                waiting.append(node.generators[0].iter)
                inner = _Scope(scope.qualify("<genexpr>") + ".", checkers=scope.checkers)
                self.body([node.elt, *_inside(node.generators)], inner)
            elif isinstance(node, ast.AnnAssign):
                # Annotations are evaluated by nobody, or by functions that are none to us.
                waiting += [node.target, *([node.value] if node.value else [])]
            elif isinstance(node, ast.stmt) and self._lambda_free(node):
                for name in _BLOCKS.get(type(node), ()):
                    waiting += getattr(node, name)
            else:
                waiting += ast.iter_child_nodes(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope) -> None:
        qualname = scope.qualify(node.name)
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        why = stubs.of_function(node, in_protocol=scope.protocol, for_checkers=scope.checkers)
        self.found.append(Source(qualname, start, node.end_lineno or start, why))
        self.body([*node.decorator_list, *_defaults(node.args)], scope)
        inner = _Scope(f"{qualname}.<locals>.", _globals(node.body), checkers=scope.checkers)
        self.body(node.body, inner)

    def _lambda(self, node: ast.Lambda, scope: _Scope) -> None:
        qualname = scope.qualify("<lambda>")
        self.found.append(Source(qualname, node.lineno, node.end_lineno or node.lineno, ""))
        self.body(_defaults(node.args), scope)
        self.body([node.body], _Scope(f"{qualname}.<locals>.", checkers=scope.checkers))

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        self.body([*node.decorator_list, *node.bases, *node.keywords], scope)
        inner = _Scope(
            f"{scope.qualify(node.name)}.",
            _globals(node.body),
            protocol=stubs.is_protocol(node),
            checkers=scope.checkers,
        )
        self.body(node.body, inner)

    def _if(self, node: ast.If, scope: _Scope) -> None:
        self.body([node.test], scope)
        which = stubs.for_checkers(node.test)
        for branch, taken in ((node.body, True), (node.orelse, False)):
            checkers = scope.checkers or which is taken
            inner = _Scope(
                scope.prefix, scope.is_global, protocol=scope.protocol, checkers=checkers
            )
            self.body(branch, inner)


def _inside(generators: list[ast.comprehension]) -> list[ast.expr]:
    found: list[ast.expr] = []
    for at, generator in enumerate(generators):
        found += [generator.target, *generator.ifs]
        if at:
            found.append(generator.iter)
    return found


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(default for default in args.kw_defaults if default)]


def _globals(body: list[ast.stmt]) -> frozenset[str]:
    """Find the names that a scope's own `global` statements give to the module."""
    names: set[str] = set()
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif isinstance(node, (ast.stmt, ast.excepthandler, ast.match_case)) and not isinstance(
            node, (*_FUNCTIONS, ast.ClassDef)
        ):
            waiting += ast.iter_child_nodes(node)
    return frozenset(names)
