"""Which dead functions the tests keep alive, by the graveyard of the test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.standing import ALIVE, DEAD, NEVER_LOADED, Standings
from tombs.evidence.watch import Watch

if TYPE_CHECKING:
    from typing import Final

    from tombs.evidence.model import Evidence
    from tombs.evidence.standing import Standing

TESTED: Final = "tested"
UNTESTED: Final = "untested"
NOT_KNOWN: Final = "not known"
ANSWERS: Final = (TESTED, UNTESTED, NOT_KNOWN)


class Tests:
    """What a test suite has called.

    Args:
        evidence: of the suite's run.
    """

    __test__ = False  # pytest: these are not tests

    def __init__(self, evidence: Evidence) -> None:
        self._standings = Standings(evidence)
        self._watch = Watch(evidence.runs.values(), self._standings.loaded)

    def of(self, function: Standing) -> str:
        """Say whether the tests have called a function."""
        found = self._standings.functions.get(function.id)
        if found is not None:
            state = found.state
        elif function.module in self._standings.loaded:
            return NOT_KNOWN  # they ran another state of the module
        else:
            state, _, _ = self._watch.of(function.module)
        if state == ALIVE:
            return TESTED
        return UNTESTED if state in {DEAD, NEVER_LOADED} else NOT_KNOWN
