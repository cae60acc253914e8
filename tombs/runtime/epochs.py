"""Epochs: from time to time all that was called is armed again, so that its last call is known.

An epoch ends at the same moment in every process of the run: its length divides the time since the
graveyard was made. Then each process arms what was called in it, in the background and little by
little (STEP functions at a time, over SPREAD of the epoch), so that no request pays for all of it.
A function costs its one first call more in each epoch, and nothing in between.

What is called again before its turn has come isn't noticed: the last call that is known may be that
of the epoch before. So a function was last called no later than two epochs after what is told.
"""

from __future__ import annotations

import time

from tombs.runtime.background import Duty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Final

STEP: Final = 50
PAUSE: Final = 0.02  # seconds between two steps, at least
SPREAD: Final = 0.25
_LONGEST: Final = 60.0


class Epochs(Duty):
    """The duty.

    Args:
        turn: ends an epoch, and gives what was called in it.
        arm: has a code object's next call noticed again.
        created: when the graveyard was made, seconds since the epoch.
        length: of an epoch, in seconds.
    """

    name = "epochs"

    def __init__(
        self,
        turn: Callable[[], list[CodeType]],
        arm: Callable[[CodeType], object],
        created: float,
        length: float,
    ) -> None:
        self._turn = turn
        self._arm = arm
        self._created = created
        self._length = length
        self._epoch = self._now()
        self._left: list[CodeType] = []
        self._step = STEP
        self._pause = PAUSE
        self._step_at = 0.0

    def _now(self) -> int:
        return int((time.time() - self._created) // self._length)

    def tick(self, now: float) -> float:
        """End an epoch where it is time, and arm a few of the functions that are left."""
        epoch = self._now()
        if epoch != self._epoch:
            self._epoch = epoch
            self._left += self._turn()
            spread = min(self._length * SPREAD, _LONGEST)
            self._step, self._pause = STEP, spread * STEP / max(len(self._left), 1)
            if self._pause < PAUSE:  # many functions in a short epoch: more at a time
                self._step, self._pause = int(len(self._left) * PAUSE / spread) + 1, PAUSE
        if self._left and now >= self._step_at:
            self._step_at = now + self._pause
            for code in self._left[-self._step :]:
                self._arm(code)
            del self._left[-self._step :]
        if self._left:
            return max(self._step_at - now, 0.0)
        return (epoch + 1) * self._length - (time.time() - self._created) + 0.001
