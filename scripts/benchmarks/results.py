"""One figure, as it goes into the tables and the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.pairs import Spread
    from benchmarks.targets import Target

_FORMS = {"ratio": "{:.3f}", "ms": "{:.1f} ms", "ns": "{:.1f} ns", "µs": "{:.1f} µs",
          "bytes": "{:,.0f} B"}  # fmt: skip


class Result:
    """What came out for one contender in one measure.

    Args:
        measure: what was measured, `part.thing`.
        contender: who.
        unit: `ratio` (to the plain program), `ms`, `ns`, `µs` or `bytes`.
        spread: the figure; None where it failed.
        target: what it must reach, for Tombs.
        note: a remark; the reason, where it failed.
        raw: the single numbers.
    """

    def __init__(
        self,
        measure: str,
        contender: str,
        unit: str,
        spread: Spread | None,
        target: Target | None,
        note: str,
        raw: object,
    ) -> None:
        self.measure = measure
        self.contender = contender
        self.unit = unit
        self.spread = spread
        self.target = target
        self.note = note
        self.raw = raw

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.spread is not None and self.target.met(self.spread.median)

    def show(self, value: float) -> str:
        """Give a number in the unit."""
        return _FORMS[self.unit].format(value)

    @property
    def figure(self) -> str:
        """The figure for a table."""
        return self.show(self.spread.median) if self.spread else f"fails: {self.note}"

    @property
    def range(self) -> str:
        """The ends for a table."""
        if self.spread is None:
            return ""
        return f"{self.show(self.spread.low)} to {self.show(self.spread.high)}"

    def __str__(self) -> str:
        aim = ""
        if self.target is not None:
            verdict = "reached" if self.met else "MISSED"
            aim = f", {verdict}: {self.target.sign} {self.show(self.target.value)}"
        best = self.spread.fastest if self.spread else None
        fastest = f", fastest {self.show(best)}" if best else ""
        note = f"; {self.note}" if self.spread and self.note else ""
        return f"{self.measure} {self.contender}: {self.figure} ({self.range}{fastest}){aim}{note}"

    def data(self) -> dict[str, object]:
        """Give everything for the file."""
        found: dict[str, object] = {"measure": self.measure, "contender": self.contender}
        if self.spread is None:
            return found | {"error": self.note}
        found |= {"unit": self.unit, **self.spread._asdict()}
        if self.target is not None:
            found |= {"target": self.target.value, "met": self.met}
        return found | {"note": self.note, "raw": self.raw}
