"""What is done in the background now and then: what had to wait, a sign of life, a clean-up."""

from __future__ import annotations

import time

from tombs.runtime.background import Duty
from tombs.runtime.ending import sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from tombs.runtime.graveyard import Graveyard
    from tombs.runtime.locks import Liveness

BEAT: Final = 30.0
_AGAIN: Final = 0.5
_SLICE: Final = 0.004
_NOTHING: Final = 0.0002
_QUIET: Final = 2.0
_CALM: Final = 0.02  # seconds; without a module for so long, imports are taken to be over
_SELDOM: Final = 0.1  # seconds; so long nothing is looked at while imports go on and nothing waits
_LONG: Final = 5.0  # seconds; imports that go on for longer aren't waited for
# Time enough for a program to import something; then it is worth a line that nothing is watched.
NOTHING_AFTER: Final = 60.0


class Housekeeping(Duty):
    """The duty.

    Args:
        graveyard: the run's graveyard.
        liveness: this process's sign of life.
        settle: registers what had to wait, for so many seconds; gives how many modules wait still.
        flush: writes the cache, and lets go of what was read of it.
        seen: gives how many modules have begun to load, and whether `settle` has something to do.
        swept: the run directory and the application whose old graveyards are removed; None where
            this process opens no files in the background, and leaves the cache for its end.
        nothing: tells that nothing is watched; called once, if so, after a while.
    """

    name = "housekeeping"

    def __init__(
        self,
        graveyard: Graveyard,
        liveness: Liveness,
        settle: Callable[[float], int],
        flush: Callable[[], None],
        seen: Callable[[], tuple[int, bool]],
        swept: tuple[str, str] | None,
        nothing: Callable[[], None],
    ) -> None:
        self._graveyard = graveyard
        self._liveness = liveness
        self._settle = settle
        self._flush = flush
        self._seen = seen
        self._modules = 0
        self._waits = False
        self._calm_at = 0.0
        self._importing: float | None = None  # since when
        self._may_open = swept is not None
        self._settle_at = 0.0
        self._tidy_at: float | None = None
        self._swept: tuple[str, str] | None = swept
        self._nothing = nothing
        self._started: float | None = None
        self._told = False
        self._joined = False
        self._beat_at = 0.0

    def tick(self, now: float) -> float:
        """Do what is due."""
        if self._started is None:
            self._started = now
            self._tidy_at = now + _QUIET
        if not self._joined:
            self._graveyard.join()
            self._joined = True
        if now >= self._beat_at:
            self._tidy_at = self._tidy_at or now
            self._beat_at = now + BEAT
            try:  # noqa: SIM105 - contextlib is an import that costs the program
                self._liveness.keep()
            except OSError:  # it gave up its rights: the other work goes on
                pass
            self._graveyard.beat()
            self._graveyard.fold()
        if not self._told and now - self._started >= NOTHING_AFTER:
            self._told = True
            self._nothing()
        return min(self._work(now), self._beat_at - now)

    def _work(self, now: float) -> float:
        """Make images once imports are over, for a sixth of the time: it is the program's."""
        due = max(self._settle_at, self._calm(now))
        if now < due:
            # To be awake costs the program more than what is done: the interpreter changes hands.
            return due - now if self._waits else max(due - now, _SELDOM)
        # Not what it waited for the interpreter: the program had that.
        began = time.thread_time()
        left = self._settle(_SLICE)
        spent = time.thread_time() - began
        if spent > _NOTHING:
            self._tidy_at = now + _QUIET
        self._settle_at = now + 6 * spent
        if left:
            return max(6 * spent, _AGAIN if spent < _NOTHING else 0.0)
        if self._tidy_at is None or not self._may_open:
            return BEAT
        if now >= self._tidy_at:
            self._tidy_at = None
            self.tidy()
            return BEAT
        return self._tidy_at - now

    def _calm(self, now: float) -> float:
        """Give when imports can be taken to be over; what has waited for long waits no more."""
        modules, self._waits = self._seen()
        if modules != self._modules:
            self._modules = modules
            self._calm_at = now + _CALM
            if self._importing is None:
                self._importing = now
        if now >= self._calm_at:
            self._importing = None
        elif self._importing is not None and now >= self._importing + _LONG:
            return now
        return self._calm_at

    def tidy(self) -> None:
        """Write the cache, and remove old graveyards, once a process.

        This opens files, which a program that closes all descriptors doesn't expect: so it is done
        when the program has been quiet for a while, or at its end.
        """
        if self._swept is not None:
            swept, self._swept = self._swept, None
            sweep(*swept)
        self._flush()

    def reborn(self) -> None:
        """Be another process: one more that takes part, and not the one to tidy up or to tell."""
        self._joined = False
        self._swept = None
        self._told = True
