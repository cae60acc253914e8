"""All that a report tells, gathered in one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tombs.evidence.standing import DEAD, NEVER_LOADED
from tombs.report.checkout import Checkout
from tombs.report.lines import span
from tombs.report.tested import ANSWERS, TESTED
from tombs.report.tree import modules, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tombs.evidence.exposure import Exposure
    from tombs.evidence.standing import Standing, Standings
    from tombs.evidence.windows import Window
    from tombs.report.blame import Change
    from tombs.report.tested import Tests
    from tombs.report.tree import Module, Node

UNCALLED = frozenset({DEAD, NEVER_LOADED})


class Report:
    """What is reported of a program.

    Args:
        applications: its names.
        standings: what is known of its functions.
        trees: directories of its source.
        tests: what its test suite calls.
    """

    def __init__(
        self,
        applications: Sequence[str],
        standings: Standings,
        trees: Sequence[str] = (),
        tests: Tests | None = None,
    ) -> None:
        self.applications = applications
        self.exposure: Exposure = standings.exposure
        self.windows: dict[Window, list[int]] = standings.windows
        self.modules: list[Module] = modules(standings.functions.values())
        self.root: Node = tree(self.modules)
        self.tests = tests
        self.ages: dict[str, Change] = {}
        self.unasked = 0  # modules of which git told nothing
        Checkout(trees).place(self.modules)

    def longest(self, most: int) -> list[tuple[Module, Standing]]:
        """Give the dead functions with the most lines."""
        return _longest(self._dead(), most)

    def kept(self, most: int) -> list[tuple[Module, Standing]]:
        """Give those that nothing but the tests keeps alive, with the most lines."""
        tests = self.tests
        if tests is None:
            return []
        return _longest((pair for pair in self._dead() if tests.of(pair[1]) == TESTED), most)

    def _dead(self) -> Iterator[tuple[Module, Standing]]:
        return (
            (module, one)
            for module in self.modules
            for one in module.functions
            if one.state == DEAD and not one.qualname.endswith(("<lambda>", "<genexpr>"))
        )

    def tested(self) -> dict[str, int]:
        """Count the dead functions by what the tests say of them; nothing without tests."""
        counts = dict.fromkeys(ANSWERS, 0)
        if self.tests is None:
            return {}
        for module in self.modules:
            for one in module.functions:
                if one.state in UNCALLED:
                    counts[self.tests.of(one)] += 1
        return counts

    def owners(self) -> list[Share]:
        """Add up what each owner has, most dead lines first; nothing where nobody owns anything."""
        found: dict[str, list[Module]] = {}
        for module in self.modules:
            for owner in module.owners or ("",):
                found.setdefault(owner, []).append(module)
        if not found.keys() - {""}:
            return []
        shares = (_share(owner, owned) for owner, owned in found.items())
        dead = [share for share in shares if share.functions]
        return sorted(dead, key=lambda share: (-share.lines, -share.functions, share.owner))


def _longest(found: Iterable[tuple[Module, Standing]], most: int) -> list[tuple[Module, Standing]]:
    return sorted(found, key=lambda pair: (-length(pair[1]), pair[1].id))[:most]


class Share(NamedTuple):
    """What of the dead code is one owner's."""

    owner: str  # empty: nobody's
    functions: int
    lines: int


def _share(owner: str, owned: Iterable[Module]) -> Share:
    functions = lines = 0
    for module in owned:
        functions += sum(one.state == DEAD for one in module.functions)
        lines += module.lines[DEAD]
    return Share(owner, functions, lines)


def length(function: Standing) -> int:
    """Count a function's lines, those of functions in it included."""
    first, last = span(function)
    return last - first + 1
