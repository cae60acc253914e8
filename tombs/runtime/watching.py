"""How long the run was watched: signs of life, and the time between them.

A graveyard was watched from `created` to `seen`, less `paused`. What lies between two signs of life
counts where a process gave the later one within five minutes, and no more of it than the monotonic
clock has counted: it stands still while the machine sleeps, and nobody sets it. So a clock that
jumps ahead lengthens nothing, by whatever it jumps. One that is set back changes nothing: `seen`
stays where it is until the clock has come there again.

The words belong together and are written under the registration lock; where that can't be had no
sign is given, and the next one speaks for this one.
"""

from __future__ import annotations

import os
import time

from tombs import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from tombs.runtime.locks import FileLock
    from tombs.runtime.region import Region

_PAUSE: Final = 300 * 10**9  # without a sign of life for so long, nobody watched
_SLEW: Final = 10**6  # the clocks are read one after the other, and one of them is adjusted:
_SLOWER: Final = 1000  # by a thousandth at most
_PATIENCE: Final = 0.2


def join(region: Region) -> None:
    """Count a process among those that took part. Hold the registration lock."""
    _see(region)
    region.words[layout.PROCESSES] += 1
    region.words[layout.ENDED] = 0


def beat(region: Region, lock: FileLock, patience: float = 0.0) -> None:
    """Write down that the run lives now.

    Args:
        region: the graveyard.
        lock: its registration lock.
        patience: how long to wait for that, in seconds.
    """
    if lock.acquire(patience):
        try:
            _see(region)
        finally:
            lock.release()
    try:
        os.utime(region.fd())  # stores into a mapping don't show in the file's times
    except OSError:  # it was removed, or the right to it was given up
        return


def end(region: Region, lock: FileLock) -> None:
    """Write down an orderly end."""
    beat(region, lock, _PATIENCE)
    region.words[layout.ENDED] = region.words[layout.SEEN]


def moment(region: Region) -> int:
    """Give the time that a block is written at: never before the newest sign of life.

    What is registered while the clock is set back was not watched from that time on.
    """
    return max(time.time_ns(), int(region.words[layout.SEEN]))


def _see(region: Region) -> None:
    words = region.words
    steady, now = time.monotonic_ns(), time.time_ns()
    before = words[layout.STEADY]
    passed = now - words[layout.SEEN]
    if passed > 0:
        # Where the machine was started anew the steady clock was too: nothing is known then.
        counted = max(steady - before, 0)
        watched = min(passed, counted + counted // _SLOWER + _SLEW) if before else passed
        if watched > _PAUSE:
            watched = 0
        words[layout.PAUSED] += passed - watched
        words[layout.SEEN] = now
    words[layout.STEADY] = steady
