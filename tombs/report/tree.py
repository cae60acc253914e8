"""The packages of a program as a tree, each with what its functions and lines are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.standing import DEAD, MAIN, NEVER_LOADED, STATES
from tombs.report.lines import shares

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tombs.evidence.exposure import Exposure
    from tombs.evidence.standing import Standing


class Module:
    """One module.

    Args:
        name: its dotted name.
        functions: its functions, in the order of their lines.
    """

    __slots__ = ("exposures", "file", "functions", "lines", "name", "owners", "path")

    def __init__(self, name: str, functions: list[Standing]) -> None:
        self.name = name
        self.functions = functions
        self.lines = shares(functions)
        # Of the functions of which it matters how long they were watched.
        self.exposures = {one.exposure for one in functions if one.awaited}
        self.file = functions[0].file  # as it is shown
        self.path = ""  # of the source, where it is at hand
        self.owners: tuple[str, ...] = ()

    def parts(self) -> list[str]:
        """Give the parts of its name; a script's is one."""
        return [self.name] if self.name.startswith(f"{MAIN}(") else self.name.split(".")


class Node:
    """A package with all that is in it, or a module.

    Args:
        name: its dotted name.
        label: what it is called within the node above.
    """

    __slots__ = ("below", "counts", "exposures", "label", "lines", "name")

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label
        self.below: dict[str, Node] = {}
        self.counts = dict.fromkeys(STATES, 0)
        self.lines = dict.fromkeys(STATES, 0)
        self.exposures: set[Exposure] = set()

    @property
    def functions(self) -> int:
        """How many functions it has."""
        return sum(self.counts.values())

    def share(self, state: str = DEAD) -> float:
        """Give the share of its lines that is of functions with a state."""
        return self.lines[state] / max(sum(self.lines.values()), 1)

    def add(self, counts: dict[str, int], module: Module) -> None:
        """Take in what a module has; the counts are of its functions, by state."""
        for state in STATES:
            self.counts[state] += counts[state]
            self.lines[state] += module.lines[state]
        self.exposures |= module.exposures

    def ordered(self) -> list[Node]:
        """Give the nodes below, those with the most dead lines first."""
        return sorted(
            self.below.values(),
            key=lambda node: (
                -node.lines[DEAD],
                -node.counts[DEAD],
                -node.lines[NEVER_LOADED],
                node.name,
            ),
        )


def modules(standings: Iterable[Standing]) -> list[Module]:
    """Group functions by module, in the order of names."""
    groups: dict[str, list[Standing]] = {}
    for standing in standings:
        groups.setdefault(standing.module, []).append(standing)
    for functions in groups.values():
        functions.sort(key=lambda one: (one.start, -one.end, one.qualname, one.ordinal))
    return [Module(name, groups[name]) for name in sorted(groups)]


def tree(program: Iterable[Module]) -> Node:
    """Make the tree; a package that holds but one other is told together with it."""
    root = Node("", "")
    for module in program:
        counts = dict.fromkeys(STATES, 0)
        for function in module.functions:
            counts[function.state] += 1
        node = root
        node.add(counts, module)
        name = ""
        for part in module.parts():
            name = f"{name}.{part}" if name else part
            below = node.below.get(part)
            if below is None:
                below = node.below[part] = Node(name, part)
            node = below
            node.add(counts, module)
    _join(root)
    return root


def _join(root: Node) -> None:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node.below = {key: _only(below) for key, below in node.below.items()}
        waiting += node.below.values()


def _only(node: Node) -> Node:
    """Go down as long as there is only one way, and name where it ends by the whole of it."""
    while len(node.below) == 1:
        (only,) = node.below.values()
        if only.functions != node.functions:  # the package's own module has some, too
            break
        only.label = f"{node.label}.{only.label}"
        node = only
    return node


def walk(node: Node, depth: int) -> Iterator[tuple[int, Node]]:
    """Yield the nodes below, each after the one above it, with how deep it lies."""
    waiting = [(1, below) for below in reversed(node.ordered())]
    while waiting:
        level, one = waiting.pop()
        yield level, one
        if level < depth:
            waiting += [(level + 1, below) for below in reversed(one.ordered())]
