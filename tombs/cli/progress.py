"""Shows how far a command is, where somebody sits before it and has waited for a second.

On stderr, only where that is a terminal that can erase a line, and never for longer than the work:
nothing of it is left at the end. With rich (the extra tombs[watch]) it is a bar, without it a line.

It is drawn when a piece of the work is done, by no thread: a command starts processes and has
signals, and shall not have to think of another thread.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from tombs.formats.words import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

Item = TypeVar("Item")

PATIENCE: Final = 1.0  # seconds of the command that nobody needs to be told of
_EVERY: Final = 0.1  # seconds between two drawings
_LABEL: Final = 36  # columns, of 80
_BEGAN: Final = "tombs.began"  # among what click keeps for a command
_clock = time.monotonic


class _Shown(Protocol):
    def draw(self, done: int) -> None:
        """Show how much is done."""

    def close(self) -> None:
        """Take it off the terminal."""


def progress(items: Iterable[Item], label: str, length: int | None = None) -> Iterator[Item]:
    """Pass items on, and show how many were: once the command has taken more than a second.

    Args:
        items: pieces of work; each is done when the next is asked for.
        label: what is done, for people.
        length: how many there are; None where nobody knows.
    """
    if not _on_a_terminal():
        yield from items
        return
    patient_until = _began() + PATIENCE
    due = patient_until
    shown: _Shown | None = None
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            now = _clock()
            if now >= due:
                due = now + _EVERY
                if shown is None:
                    shown = _bar(_fitted(clean(label)), length)
                shown.draw(done)
    finally:
        if shown is not None:
            shown.close()


def _on_a_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _began() -> float:
    """Tell when the command first had somebody wait: many short waits are a long one."""
    context = click.get_current_context(silent=True)
    now = _clock()
    began: float = context.meta.setdefault(_BEGAN, now) if context is not None else now
    return began


def _fitted(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[:12]}...{label[15 - _LABEL :]}"


def _bar(label: str, length: int | None) -> _Shown:
    try:
        return _Bar(label, length)
    except ImportError:
        return _Line(label, length)


class _Bar:
    """A bar, drawn by rich."""

    def __init__(self, label: str, length: int | None) -> None:
        from rich import progress as drawn  # noqa: PLC0415 - only after a second, if it is there
        from rich.console import Console  # noqa: PLC0415 - as above

        columns = [
            drawn.TextColumn("{task.description}", markup=False),
            drawn.BarColumn(None if length is None else 20),
            drawn.MofNCompleteColumn(),
        ]
        self._progress = drawn.Progress(
            *columns,
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(label, total=length)
        self._progress.start()

    def draw(self, done: int) -> None:
        self._progress.update(self._task, completed=done, refresh=True)

    def close(self) -> None:
        self._progress.stop()


class _Line:
    """A line, where there is no rich."""

    def __init__(self, label: str, length: int | None) -> None:
        self._label = label
        self._of = "" if length is None else f" of {length:,}"

    def draw(self, done: int) -> None:
        self._write(f"{self._label}  {done:,}{self._of}")

    def close(self) -> None:
        self._write("")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
