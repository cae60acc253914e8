"""Tombs finds the functions a Python program has loaded and never called.

PYTEST_DONT_REWRITE: this package brings a plugin for pytest; where a test suite runs under Tombs it
is loaded long before pytest, which would warn of that.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from tombs.session import Session

__all__ = ["__version__", "start", "stop"]


def __getattr__(name: str) -> str:
    """Give the version when it is asked for: a start loads what holds it in quicker ways."""
    if name != "__version__":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from tombs.version import __version__  # noqa: PLC0415 - as above

    return __version__


class Off:
    """What `start` gives where Tombs is off: a handle of the same form that has nothing to stop."""

    path = None
    address = None

    def stop(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def start(namespace: Iterable[str] | str | None = None, **settings: object) -> Session | Off:
    """Start watching, from here on, in this process and in those that come of it.

    Without arguments it goes by the environment, and does nothing where no TOMBS_* variable is set
    (or TOMBS_ENABLE is 0): fit for a sitecustomize.py. Arguments override the environment. Started
    already, it gives the same handle.

    Args:
        namespace: dotted prefixes to watch.
        **settings: any other option of `tombs-run` by its name, for example `engine="rewrite"` or
            `dump="tombs.json"`.

    Returns:
        A handle, also a context manager, whose `stop` may be called any number of times. What goes
        wrong is told on stderr and never raised.
    """
    import os  # noqa: PLC0415 - whoever imports tombs without starting it pays for nothing

    if namespace is not None:
        settings["namespace"] = namespace
    enabled = os.environ.get("TOMBS_ENABLE", "1") != "0"
    if not enabled or not (settings or any(name.startswith("TOMBS_") for name in os.environ)):
        return Off()
    import gc  # noqa: PLC0415 - as above

    # The thousands of objects that a start makes are to stay: looking through them five times would
    # only bring the program's own full collections forward.
    collecting = gc.isenabled()
    gc.disable()
    try:
        from tombs import ahead  # noqa: PLC0415 - as above

        try:
            ahead.open_bundle()
            ahead.load(ahead.START)
            from tombs.process import begin_with  # noqa: PLC0415 - as above

            return begin_with(os.environ, settings) or Off()
        finally:
            ahead.close_bundle()
    finally:
        if collecting:
            gc.enable()


def stop() -> None:
    """Stop watching; harmless where nothing was started."""
    import sys  # noqa: PLC0415 - as above

    process = sys.modules.get("tombs.process")
    current = process.current() if process is not None else None
    if current is not None:
        current.stop()
