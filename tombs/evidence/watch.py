"""Which modules a program's runs would have seen, had they been loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence.exposure import Exposure, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from tombs.evidence.model import Run


class Watch:
    """The namespaces of all runs.

    Args:
        runs: of which there is evidence.
        loaded: modules that they have registered.
    """

    def __init__(self, runs: Iterable[Run], loaded: Iterable[str]) -> None:
        self._runs = list(runs)
        self._tops = {name.partition(".")[0] for name in loaded}
        self._exposures: dict[tuple[str, ...], Exposure] = {}

    def of(self, name: str) -> tuple[str, str, Exposure]:
        """Say what a function of a module is that no run has registered.

        Returns:
            A state (empty: the module is outside of what was watched), its reason, and the
            exposure.
        """
        watching = [run for run in self._runs if _wants(run.about, name)]
        if not watching:
            return "", "", Exposure()
        if any(run.dropped for run in watching):
            return "unknown", "functions were dropped for want of room", Exposure()
        if name.partition(".")[0] not in self._tops and not any(
            run.about.get("namespace") for run in watching
        ):
            # First-party code is watched; whether this is first-party where it runs, nobody saw.
            return "unknown", "nothing of its package was ever loaded", Exposure()
        key = tuple(run.key for run in watching)
        if key not in self._exposures:
            self._exposures[key] = measure((run, run.created) for run in watching)
        return "never loaded", "", self._exposures[key]


def _wants(about: dict[str, Any], name: str) -> bool:
    if covers(about.get("exclude") or [], name):
        return False
    namespace = about.get("namespace") or []
    return not namespace or covers(namespace, name)


def covers(prefixes: Sequence[str], name: str) -> bool:
    """Tell whether a module stands within dotted prefixes; `*` takes everything."""
    return any(prefix in {"*", name} or name.startswith(f"{prefix}.") for prefix in prefixes)
