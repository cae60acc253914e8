"""The ignore file: functions that may be dead, for how long, and why.

One entry a line; empty lines and lines that begin with `#` say nothing:

    PATTERN    YYYY-MM-DD    REASON

    shop.billing.year_end.*    2027-02-01    runs once a year, seen last in January
    shop.api.*.legacy_*        2026-12-31    the old mobile application, see issue 417

A pattern is of dotted names, as the reports write them: `*` is any text, `?` any character, `[..]`
one of these. The date is the last day on which the entry holds. One that has expired hides nothing
any more and fails the gate, so that no list of exceptions grows old unseen.
"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import translate
from typing import TYPE_CHECKING, NamedTuple

from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Entry(NamedTuple):
    """One entry of an ignore file."""

    place: str  # file and line
    pattern: str
    until: date
    reason: str


class Ignore:
    """The entries that hold today, and those that don't any more.

    Args:
        entries: all there are.
        today: by which day they are judged.
    """

    def __init__(self, entries: Iterable[Entry] = (), today: date | None = None) -> None:
        day = today or date.min
        self.holding: list[Entry] = []
        self.expired: list[Entry] = []
        for entry in entries:
            (self.holding if entry.until >= day else self.expired).append(entry)
        # One expression for all: a hundred thousand names are asked.
        self._any = re.compile("|".join(translate(entry.pattern) for entry in self.holding))

    def of(self, name: str) -> Entry | None:
        """Give the first entry that hides a function; None where none does."""
        if not self.holding or not self._any.match(name):
            return None
        for entry in self.holding:
            if re.match(translate(entry.pattern), name):
                return entry
        return None


def parse(text: str, source: str) -> list[Entry]:
    """Read an ignore file.

    Raises:
        TombsError: with every line that is wrong.
    """
    entries = []
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        place = f"{source}:{number}"
        try:
            entries.append(_entry(place, words))
        except ValueError as fault:
            faults.append(f"{place}: {fault}")
    if faults:
        raise TombsError("\n".join(faults), "An entry is PATTERN YYYY-MM-DD REASON, on one line.")
    return entries


def _entry(place: str, words: list[str]) -> Entry:
    if len(words) < 2 or not _DAY.fullmatch(words[1]):
        raise ValueError("there is no date behind the pattern")
    try:
        until = date.fromisoformat(words[1])
    except ValueError:
        raise ValueError(f"there is no day {words[1]}") from None
    if len(words) < 3:
        raise ValueError("there is no reason behind the date")
    return Entry(place, words[0], until, words[2].strip())
