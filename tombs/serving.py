"""Where a session serves: its socket, who leads among the run's processes, and the token."""

from __future__ import annotations

from tombs import address, rundir
from tombs.errors import TombsError
from tombs.runtime.locks import Leader
from tombs.runtime.say import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tombs import config
    from tombs.runtime.conversation import Source
    from tombs.runtime.region import Region
    from tombs.runtime.server import Server


class Serving:
    """What there is of it; None where the socket is off."""

    __slots__ = ("address", "changes", "leader", "server")

    def __init__(self) -> None:
        self.address: address.Address | None = None
        self.leader: Leader | None = None
        self.server: Server | None = None
        self.changes: Callable[[Region, str], Iterator[bytes | memoryview]] | None = None


def serve(
    source: Source,
    settings: config.Settings,
    stem: str,
    undo: list[Callable[[], object]],
    *,
    first: bool,
) -> Serving:
    """Make the server, and open it where this process leads; why it can't be is told.

    Args:
        source: what is served.
        settings: what was settled.
        stem: the path that the run's files begin with.
        undo: gets what takes it away again.
        first: this process is the run's first.
    """
    serving = Serving()
    try:
        _open(serving, source, settings, stem, undo, first=first)
    except (OSError, TombsError) as fault:
        say(f"the socket is off: {getattr(fault, 'message', None) or fault}")
        serving.address = serving.server = None
    return serving


def _open(
    serving: Serving,
    source: Source,
    settings: config.Settings,
    stem: str,
    undo: list[Callable[[], object]],
    *,
    first: bool,
) -> None:
    where = serving.address = address.parse(settings.socket or f"unix://{stem}{rundir.SOCKET}")
    if where is None:
        return
    from tombs.runtime import mapped, server  # noqa: PLC0415 - not where the socket is off

    # Looked up when it is called: until then that module is asleep (tombs.ahead).
    serving.changes = lambda region, resume: mapped.changes(region, resume)  # noqa: PLW0108
    token = _token(where, settings.token_file, first=first)
    serving.leader = leader = Leader(stem + rundir.SERVE)
    undo.append(leader.close)
    made = server.Server(source, where, leader, settings.format, token=token)
    made.open(joins=not first)
    undo.append(lambda: made.close(unlink=True))
    serving.server = made


def _token(where: address.Address, path: str | None, *, first: bool) -> bytes | None:
    """Read what clients have to know, once: whoever takes over may not have the right to."""
    if where.kind != "tcp":
        return None  # a unix socket knows who its clients are
    if path is None:
        if first:
            say(
                f"any user of this machine can read the tombs at {where}:"
                " give --token-file, or use a unix socket"
            )
        return None
    from tombs.secret import read  # noqa: PLC0415 - seldom needed

    return read(path)
