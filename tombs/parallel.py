"""The same work on many things, by several processes where there are the processors for it."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Final

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST: Final = 4  # each needs memory of its own
_AT_ONCE: Final = 8  # items that a process gets handed


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def mapped(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | None = None,
    at_once: int = _AT_ONCE,
) -> Iterator[Result]:
    """Do the work on each item, and yield what comes of it in the items' order.

    Where no process can be started, or one is lost, this one does what is left: so the work must
    not matter if it is done twice.

    Args:
        work: a function of some module; what it takes and gives can be pickled.
        items: what to work on.
        workers: how many processes; as many as there are processors, but few, where not given.
        at_once: how many items a process gets handed; their results come together.
    """
    done = 0
    number = min(processors(), _MOST) if workers is None else workers
    if number > 1:
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - only where it pays
        from multiprocessing import get_context  # noqa: PLC0415

        try:
            # Spawned, not forked: nobody knows what threads the caller has. None lives long, or
            # makes garbage that is worth a search.
            context = get_context("spawn")
            pool = ProcessPoolExecutor(number, mp_context=context, initializer=gc.disable)
        except (OSError, ImportError):
            number = 1
        else:
            try:
                for result in pool.map(work, items, chunksize=at_once):
                    done += 1
                    yield result
            except (OSError, RuntimeError):  # BrokenProcessPool is a RuntimeError
                pass
            finally:
                pool.shutdown(cancel_futures=True)
    for item in items[done:]:
        yield work(item)
