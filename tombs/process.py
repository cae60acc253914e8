"""This process's one session: started once, forked with it, ended with it."""

from __future__ import annotations

import atexit
import os
import sys

from tombs import config, streams
from tombs.errors import ConfigError
from tombs.identity import is_main
from tombs.runtime.say import look, say
from tombs.session import Session, guarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_current: Session | None = None
_hooked: list[bool] = []


def begin(
    settings: config.Settings,
    *,
    main: int | None = None,
    pause: Callable[[], object] = int,
    run: str | None = None,
) -> Session | None:
    """Start Tombs in this process, or give the session that there is.

    Args:
        settings: what was settled.
        main: the main thread's ident, where the program runs already and this is another thread.
        pause: called now and then while starting.
        run: the run to take part in, where the environment doesn't tell.

    Returns:
        None where it can't be started; why was told on stderr.
    """
    global _current  # noqa: PLW0603 - one process, one session
    if _current is not None or not is_main():
        return _current
    look()
    refusal = _refusal()
    if refusal:
        say(f"off: {refusal}")
        return None
    taken = streams.hold()
    try:
        environ = os.environ if main is None else _plain(os.environ, run)
        _current = Session(settings, environ, _over, may_open=not taken, main=main, pause=pause)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the program runs without us
        say(f"off: {getattr(fault, 'message', None) or fault}")
        return None
    finally:
        streams.release(taken)
    if not _hooked:
        _hooked.append(True)
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child
        )
    atexit.register(_end)
    return _current


def _plain(environ: Mapping[str, str], run: str | None) -> dict[str, str]:
    """Give the environment without what was said of another run than this."""
    kept = {name: value for name, value in environ.items() if not name.startswith("TOMBS_")}
    return kept if run is None else {**kept, "TOMBS_RUN": run}


def begin_with(environ: Mapping[str, str], said: Mapping[str, object]) -> Session | None:
    """Start Tombs by the environment, and by what is said beside it: option names and values."""
    layer = {}
    known = {option.name for option in config.OPTIONS}
    faults = [f"tombs.start: there is no option {name}" for name in said if name not in known]
    for name, value in said.items():
        texts = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
        layer[name] = config.Given(
            f"tombs.start: {name}", [str(text) for text in texts], os.getcwd()
        )
    try:
        settings = config.settle([config.from_environ(environ), layer], faults)
    except ConfigError as found:
        look()
        for fault in found.faults:
            say(f"off: {fault}")
        return None
    return begin(settings)


def current() -> Session | None:
    """Give this process's session, if Tombs is started."""
    return _current


def _refusal() -> str:
    if "t" in getattr(sys, "abiflags", ""):
        return "a free-threaded build of Python is not supported yet"
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return "not in a setuid or setgid program"
    return ""


def _over() -> None:
    global _current  # noqa: PLW0603 - one process, one session
    _current = None
    atexit.unregister(_end)


def _end() -> None:
    if _current is not None:
        guarded(_current.end)


def _before_fork() -> None:
    if _current is not None:
        guarded(_current.before_fork)


def _after_in_parent() -> None:
    if _current is not None:
        guarded(_current.after_fork_in_parent)


def _after_in_child() -> None:
    if _current is not None:
        guarded(_current.after_fork_in_child)
