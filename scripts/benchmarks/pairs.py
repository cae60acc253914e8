"""Paired, alternating runs, and what follows from them: plain, other, plain, other, ...

A ratio is always one of neighbours in time, so that a machine that gets slower or busier during
the bench takes both along; the median of the ratios is the figure. Plain against the plain run
before it is the noise. Beside it stands the fastest run of one / the fastest of the other (less it,
for a difference), which is nearer to the truth where other work disturbs many of the runs: nothing
makes a run too fast.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import geometric_mean, median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Sample = dict[str, float]  # what one run measured, each figure by its name


class Spread(NamedTuple):
    """A figure: the median of several, the ends, and that of the fastest runs."""

    median: float
    low: float
    high: float
    times: int
    fastest: float | None = None

    @classmethod
    def of(cls, values: Iterable[float], fastest: float | None = None) -> Spread:
        """Make one from the values."""
        listed = sorted(values)
        return cls(median(listed), listed[0], listed[-1], len(listed), fastest)


class Pairs(NamedTuple):
    """The runs of one comparison, in their order."""

    plain: list[Sample]
    other: list[Sample]

    def ratios(self, key: str) -> list[float]:
        """Give other / plain, pair by pair."""
        both = zip(self.plain, self.other, strict=True)
        return [other[key] / plain[key] for plain, other in both]

    def differences(self, key: str) -> list[float]:
        """Give other - plain, pair by pair."""
        both = zip(self.plain, self.other, strict=True)
        return [other[key] - plain[key] for plain, other in both]

    def longer(self, key: str) -> Spread:
        """Give by how much the other is more: the differences, and that of the fastest runs."""
        fastest = min(one[key] for one in self.other) - min(one[key] for one in self.plain)
        return Spread.of(self.differences(key), fastest)

    def noise(self, key: str) -> list[float]:
        """Give each plain run / the one before it."""
        return [after[key] / before[key] for before, after in pairwise(self.plain)]

    def spread(self, key: str) -> Spread:
        """Give the figure: the ratios, and that of the fastest runs."""
        fastest = min(one[key] for one in self.other) / min(one[key] for one in self.plain)
        return Spread.of(self.ratios(key), fastest)

    def raw(self) -> dict[str, list[Sample]]:
        """Give everything, for the file."""
        return {"plain": self.plain, "other": self.other}


def alternate(
    repetitions: int, plain: Callable[[int], Sample], other: Callable[[int], Sample]
) -> Pairs:
    """Run both in turns; each gets the number of the repetition."""
    pairs = Pairs([], [])
    for number in range(repetitions):
        pairs.plain.append(plain(number))
        pairs.other.append(other(number))
    return pairs


def mean(spreads: Sequence[Spread]) -> Spread:
    """Give the geometric mean over several programs, of the medians and of the ends."""
    return Spread(
        geometric_mean([one.median for one in spreads]),
        geometric_mean([one.low for one in spreads]),
        geometric_mean([one.high for one in spreads]),
        min(one.times for one in spreads),
        geometric_mean([one.fastest for one in spreads if one.fastest] or [1.0]),
    )
