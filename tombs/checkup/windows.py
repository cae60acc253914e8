"""The windows of confidence: what is wrong with them, and which of them can't fit anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.checkup.findings import Section, several
from tombs.cli.demands import from_project
from tombs.evidence import durations
from tombs.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Sequence


def look_at_windows(namespace: Sequence[str]) -> Section:
    """Look at `[tool.tombs.windows]`, as the commands that read evidence will.

    Args:
        namespace: the prefixes that are watched; none for all first-party code.
    """
    section = Section("windows of confidence")
    windows, faults = from_project()
    for fault in faults:
        section.problem(fault, "tombs status, report, diff and why end with 2 until it is right.")
    for pattern, window in windows.items():
        fits = Patterns([pattern])
        if not namespace or any(
            one == "*" or fits.reach(one) or fits.fit(one) for one in namespace
        ):
            section.ok(f"{pattern}: {durations.show(window.length)}")
        else:
            section.note(
                f"{pattern} fits no name within {several([*namespace])}",
                "Names begin with that of the package: 'app.billing.**'.",
            )
    if not section.findings:
        section.ok("none: a function can be called dead however short it was watched")
    return section
