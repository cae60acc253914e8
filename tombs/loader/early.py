"""Early calls: functions that start before their module is registered, while a program imports.

Theory of operation. Between two imports a registration finds cold caches, and takes three times
what it takes in a row, when imports are over. So the first call into a module that awaits its
registration only writes the module down, in a journal in the graveyard (tombs.journal), and
remembers the function. Should the process be killed before the rest is done, no reader calls
anything dead of what stands in an unsettled journal. Not so where another process has registered
the module: there to mark a function costs little more than to remember it.

Whoever settles (the background thread; who fetches, forks or ends) begins a new book, then
registers all that awaits it, marks what the old one holds, and settles its journals. Who calls
writes into a book, and then looks whether it is still the one in use. If so, whoever settles finds
it all there; else he marks the function himself. That both do it does no harm.
"""

from __future__ import annotations

import time

import tombs.journal  # noqa: F401 - the graveyard makes one, perhaps where it can't be loaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Final

    from tombs.loader.contracts import Graveyard, Journal

MOST: Final = 16  # journals of a process; what comes then is registered at once


class _Book:
    """What was called early, and is settled together."""

    __slots__ = ("codes", "done", "journals", "noted")

    def __init__(self) -> None:
        self.noted: set[str] = set()  # the paths of the modules that stand in the journals
        self.journals: list[Journal] = []
        self.codes: list[CodeType] = []  # the functions
        self.done = 0  # so many of them are marked


class Early:
    """What this process has called early.

    Args:
        graveyard: the run's.
        digest: gives the digest of a module's image, by its path; None where it is to be
            registered at once.
        mark: marks a function that was remembered, its module registered.
    """

    __slots__ = ("_begun", "_book", "_closing", "_digest", "_graveyard", "_mark")

    def __init__(
        self,
        graveyard: Graveyard,
        digest: Callable[[str], bytes | None],
        mark: Callable[[CodeType], object],
    ) -> None:
        self._graveyard = graveyard
        self._digest = digest
        self._mark = mark
        self._begun = 0
        self._book = _Book()
        self._closing: list[_Book] = []

    def started(self, code: CodeType, file: str) -> bool:
        """Take notice of a function that starts, of a module that awaits its registration.

        Args:
            code: the function's.
            file: the module's path.

        Returns:
            False where it is to be registered, and the function marked, at once.
        """
        book = self._book
        if file not in book.noted and not self._note(file, book):
            return False
        book.codes.append(code)
        return book is self._book

    def entered(self, file: str) -> bool:
        """Take notice of the same where the module's vacate remembers which function it is."""
        book = self._book
        return (file in book.noted or self._note(file, book)) and book is self._book

    def _note(self, file: str, book: _Book) -> bool:
        digest = self._digest(file)
        if digest is None:
            return False
        if not (book.journals and book.journals[-1].add(digest)):
            journal = self._begin(digest, book)
            if journal is None or not journal.add(digest):
                return False
        book.noted.add(file)
        return True

    def _begin(self, digest: bytes, book: _Book) -> Journal | None:
        journal = self._graveyard.journal(digest) if self._begun < MOST else None
        if journal is None:
            return None
        self._begun += 1
        book.journals.append(journal)
        if book is not self._book:  # whoever settles may have seen all of its journals
            journal.settle()
            return None
        return journal

    def turn(self, *, whole: bool) -> None:
        """Begin a new book, before what stands in the old one is registered.

        Args:
            whole: even if an older one isn't settled yet; else there would soon be many of them.
        """
        book = self._book
        if book.journals and (whole or not self._closing):
            new = _Book()
            self._closing.append(book)
            if self._book is book:  # else another thread was quicker
                self._book = new

    def settle(self, end: float | None) -> bool:
        """Mark what is remembered in the books before this one, all of it registered by now.

        Args:
            end: stop at that moment, by `time.thread_time`; None for none.

        Returns:
            Whether all is done, and nothing stands in this one.
        """
        while self._closing:
            book = self._closing[0]
            # The one in use is another thread's, who is about to begin a new one.
            if book is self._book or not self._marked(book, end):
                return False
            for journal in book.journals:
                journal.settle()
            if book in self._closing:  # else another thread was quicker
                self._closing.remove(book)
        return not self._book.journals

    def _marked(self, book: _Book, end: float | None) -> bool:
        # A handler may interrupt this and do the same: what is marked is counted after it.
        while (at := book.done) < len(book.codes):
            if end is not None and time.thread_time() >= end:
                return False
            self._mark(book.codes[at])
            book.done = at + 1
        return True

    def reborn(self) -> None:
        """Be another process, in a forked child: what was called before is the parent's."""
        self._book = _Book()
        self._closing = []
