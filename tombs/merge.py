"""Evidence of many runs, united."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.errors import GraveyardError
from tombs.evidence.model import Evidence, Run, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tombs.evidence.model import Listed


def merge(parts: Iterable[Evidence]) -> Evidence:
    """Unite evidence: inventories united, calls ORed, exposure by run, the larger counters kept.

    Associative, commutative and idempotent: what is merged in whatever order, and however often,
    gives the same.
    """
    united = Evidence()
    for part in parts:
        for item, key in part.keyed():
            united.add(item, key)
    return united


def labelled(evidence: Evidence, release: str) -> Evidence:
    """Name the release of those runs that were started without one."""
    named = Evidence()
    for item, key in evidence.keyed():
        if isinstance(item, Run) and not item.release:
            named.add(item._replace(about=item.about | {"release": release}), key)
        elif isinstance(item, Seen) and item.calls is not None:
            named.add(item._replace(calls=item.calls.labelled(release)), key)
        else:
            named.add(item, key)
    return named


class Merging:
    """Evidence that is united as it is read, a piece at a time: no source is held as a whole.

    Args:
        one_application: refuse evidence of another application than the first.
    """

    def __init__(self, *, one_application: bool = True) -> None:
        self.evidence = Evidence()
        self._one = one_application
        self.first: tuple[str, str] | None = None  # application, and the source that named it

    def add(self, items: Iterable[tuple[Run | Seen | Listed, bytes | None]], source: str) -> None:
        """Take in a source's evidence.

        Raises:
            GraveyardError: it is of another application.
        """
        for item, key in items:
            if isinstance(item, Run) and self._one:
                self._check(item, source)
            self.evidence.add(item, key)

    def _check(self, run: Run, source: str) -> None:
        if self.first is None:
            self.first = run.application, source
        application, first = self.first
        if run.application != application:
            raise GraveyardError(
                f"{source}: is of the application {run.application!r}, and {first} of"
                f" {application!r}",
                "Evidence of two applications is mixed only with --across-applications.",
            )
