"""The screen of `tombs watch`: totals, the rate, packages, and what was vacated last."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tombs.client.follow import BACK, ENDED, LOST
from tombs.client.view import MODULE, START, VACATED
from tombs.formats.words import clean, count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from rich.console import RenderableType

    from tombs.client.view import Event, View

_EVERY: Final = 0.2  # seconds between two drawings
_SPAN: Final = 10.0  # seconds that the rate is taken over
_KEPT: Final = 200
_BAR: Final = 10
_LEAST: Final = 3
_WIDE: Final = 72  # columns for all that is told of a package, and its name
_NARROW: Final = 40


class Screen:
    """What is shown, apart from what the view knows.

    Args:
        view: what is known of the graveyard.
        depth: how many parts of a dotted name make a package.
        clock: tells the seconds.
    """

    def __init__(self, view: View, depth: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._depth = depth
        self._clock = clock
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._moments: deque[float] = deque()
        self.state = "connecting"

    def add(self, event: Event) -> None:
        """Take in an event."""
        stamp = time.strftime("%H:%M:%S", time.localtime(event.time))
        if event.kind == VACATED and event.tomb is not None:
            self._last.append(f"{stamp}  {clean(event.tomb.name)}")
            if not event.away:
                self._moments.append(self._clock())
        elif event.kind == MODULE:
            self._last.append(
                f"{stamp}  + {clean(event.module)} ({count(event.number, 'function')})"
            )
        elif event.kind in (START, BACK):
            self.state = "live"
        elif event.kind == LOST:
            self.state = f"waiting: {clean(event.text)}"
        elif event.kind == ENDED:
            self.state = "ended"

    def rate(self) -> float:
        """Give the functions that were vacated in a second, of the last ten."""
        since = self._clock() - _SPAN
        while self._moments and self._moments[0] < since:
            self._moments.popleft()
        return len(self._moments) / _SPAN

    def packages(self) -> dict[str, tuple[int, int, int]]:
        """Count each package's functions, vacated and unknown; the one with most tombs first."""
        found: dict[str, list[int]] = {}
        for module in self._view.modules:
            name = module.name
            if not name.startswith("__main__("):
                name = ".".join(name.split(".")[: self._depth])
            counts = found.setdefault(name, [0, 0, 0])
            for at, number in enumerate((module.functions, module.vacated, module.unknown)):
                counts[at] += number
        rows = {name: (one[0], one[1], one[2]) for name, one in found.items()}
        return dict(sorted(rows.items(), key=lambda row: (row[1][1] - row[1][0], row[0])))

    def render(self, width: int, height: int) -> RenderableType:
        """Draw it.

        Args:
            width: columns of the terminal.
            height: rows of the terminal; what is drawn has no more.
        """
        view = self._view
        identity = view.identity
        name = clean(str(identity.get("application", "")))
        head = Text(f"{name}  pid {clean(str(identity.get('pid', '?')))}", "bold")
        head.append(f"  {self.rate():.1f}/s")  # behind the totals a narrow terminal has no room
        head.append(f"  {self.state}", "green" if self.state == "live" else "yellow")
        tombs = view.functions - view.vacated - view.unknown
        totals = Text(f"{view.functions:,} functions  ")
        totals.append(f"{view.vacated:,} vacated", "green")
        totals.append(f"  {tombs:,} tombs", "red")
        totals.append(f"  {view.unknown:,} unknown  {view.dropped:,} dropped")
        for text in (head, totals):
            text.truncate(width, overflow="ellipsis")
        rows = self.packages()
        room = max(height - 6, 2 * _LEAST)  # two lines of head, three blank or titles, one spare
        shown = min(len(rows), max(room - max(len(self._last), _LEAST), room // 2))
        parts: list[RenderableType] = [head, totals, Text(), self._table(rows, shown, width)]
        for line in list(self._last)[-max(room - shown, 1) :][::-1]:
            text = Text(line)
            text.truncate(width, overflow="ellipsis")
            parts.append(text)
        return Group(*parts)

    def _table(self, rows: dict[str, tuple[int, int, int]], shown: int, width: int) -> Table:
        """Draw the packages; where there is little room, without what can be reckoned."""
        wide, narrow = width >= _WIDE, width < _NARROW
        table = Table(box=None, padding=(0, 1), pad_edge=False, width=min(width, 100))
        left = len(rows) - shown
        title = f"package (and {left:,} more)" if left > 0 else "package"
        table.add_column(title, ratio=1, no_wrap=True, overflow="ellipsis")
        heads = ["functions", "vacated", "tombs", "unknown"]
        kept = range(4) if wide else range(2, 3) if narrow else range(1, 3)
        for at in kept:
            table.add_column(heads[at], justify="right", no_wrap=True)
        if not narrow:
            table.add_column("% vacated" if wide else "%", no_wrap=True)
        for name, (functions, vacated, unknown) in list(rows.items())[:shown]:
            share = vacated / functions if functions else 0.0
            full = int(share * _BAR)
            bar = Text()
            if wide:
                bar.append("█" * full, "green")
                bar.append("·" * (_BAR - full), "dim")
            bar.append(f" {100 * share:3.0f}")
            numbers = (functions, vacated, functions - vacated - unknown, unknown)
            cells = (f"{numbers[at]:,}" for at in kept)
            table.add_row(Text(clean(name)), *cells, *(() if narrow else (bar,)))
        return table


def show(events: Iterable[Event], view: View, depth: int) -> None:
    """Show events on the terminal until they end, and leave the totals behind.

    Args:
        events: what happens.
        view: what is known of the graveyard.
        depth: how many parts of a dotted name make a package.
    """
    screen = Screen(view, depth)
    console = Console(highlight=False, markup=False, emoji=False)
    drawn = 0.0
    try:
        with Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            for event in events:
                screen.add(event)
                now = time.monotonic()
                if now - drawn >= _EVERY:
                    drawn = now
                    live.update(screen.render(*console.size), refresh=True)
    finally:
        if screen.state != "connecting":
            tombs = view.functions - view.vacated - view.unknown
            click.echo(f"{view.functions:,} functions, {view.vacated:,} vacated, {tombs:,} tombs")
