"""What a checkup finds: lines in sections, each fine, worth knowing, or in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

OK: Final = "ok"
NOTE: Final = "note"
PROBLEM: Final = "problem"


class Finding(NamedTuple):
    """One line.

    Args:
        state: OK, NOTE, or PROBLEM: something that was asked for would not be watched.
        text: what was found, of which thing.
        advice: what to do about it; may be empty.
    """

    state: str
    text: str
    advice: str = ""


class Section:
    """Findings about one subject.

    Args:
        title: what it is about.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.findings: list[Finding] = []

    def ok(self, text: str) -> None:
        """Add what is as it should be."""
        self.findings.append(Finding(OK, text))

    def note(self, text: str, advice: str = "") -> None:
        """Add what is worth knowing and stands in nobody's way."""
        self.findings.append(Finding(NOTE, text, advice))

    def problem(self, text: str, advice: str = "") -> None:
        """Add what keeps Tombs from watching what was asked for."""
        self.findings.append(Finding(PROBLEM, text, advice))


def several(names: list[str], most: int = 5) -> str:
    """Name a few of many, and say how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
