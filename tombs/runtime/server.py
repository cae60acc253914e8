"""Serves the tombs on a socket: who serves, whom, and how many at once.

Of all the processes of a run one serves: the one that leads. The others ask again every second
whether they may, so that when it ends, however it ends, another goes on. A forked process has its
parent's listening socket, with the clients that wait there, and goes on with that (it may have
given up the rights to make another); a process that has none makes one, at the same address.

At most CLIENTS are served at once. Whoever comes then waits in the system's queue, where it costs
the program no descriptor. Who asks for changes stays for long: such a client takes none of these
places but one of FOLLOWERS, and where there is none it is told so and left.
"""

from __future__ import annotations

import errno
import time
from select import POLLIN

from tombs import changes
from tombs.errors import ServerError
from tombs.runtime import conversation, sockets
from tombs.runtime.background import Duty
from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    from tombs.address import Address
    from tombs.runtime.conversation import Conversation, Limits, Source

    class Leader(Protocol):
        """The right to serve, which one process of the run has."""

        def try_lead(self) -> bool:
            """Take it, if nobody has it."""

        def resign(self) -> None:
            """Give it back."""


CLIENTS: Final = 8
FOLLOWERS: Final = 4
ASK_AGAIN: Final = 1.0
STAND_BACK: Final = 5.0
_LOST: Final = (errno.EBADF, errno.ENOTSOCK, errno.EINVAL)


class Server(Duty):
    """A listening socket and the clients it has.

    Args:
        source: what there is to send.
        address: where to listen.
        leader: says which process of the run serves.
        format: what a client gets that asks for nothing else.
        limits: how long a client may take.
        token: what a client has to say first; None where the system tells who it is.
    """

    name = "the socket"

    def __init__(
        self,
        source: Source,
        address: Address,
        leader: Leader,
        format: str = "json",  # noqa: A002 - the user's word
        limits: Limits | None = None,
        token: bytes | None = None,
    ) -> None:
        self._source = source
        self._address = address
        self._leader = leader
        self._format = format
        self._limits = limits
        self._token = token  # a forked child has it from its parent
        self._listener: sockets.Listener | None = None
        self._leading = False
        self._closed = False
        self._clients: dict[int, Conversation] = {}
        self._poll = original("select", "poll")
        self._look = 0.0  # when to see about leading, or whether the socket still is in place
        self._accept_again = 0.0

    @property
    def leading(self) -> bool:
        """Whether this process serves."""
        return self._leading

    def open(self, *, joins: bool = False) -> None:
        """Begin to listen, if this process leads; before the background thread starts.

        Args:
            joins: the run was there before this process. Then a place in use is no fault: one that
                led may just have been killed, and its forked children have its socket still.

        Raises:
            ServerError: it can't listen there.
        """
        self._look = time.monotonic() + ASK_AGAIN
        if self._leader.try_lead():
            try:
                self._listener = sockets.bind(self._address)
            except BaseException as fault:
                self._leader.resign()
                if joins and isinstance(fault, sockets.NotNowError):
                    return
                raise
            self._leading = True

    def close(self, *, unlink: bool) -> None:
        """Close everything and resign; once the background thread has stopped.

        Args:
            unlink: take the socket's place away too. For the last process of the run.
        """
        again, self._closed = self._closed, True
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close(unlink=unlink)
        if unlink and not again and self._leader.try_lead():
            # Who led before has left it to those that went on; and none of them came to take it.
            self._leading = True
            sockets.clear(self._address)
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._leading:
            self._leading = False
            self._leader.resign()

    def switch_off(self) -> None:
        """Leave the serving to the others."""
        self.close(unlink=False)

    def reborn(self) -> None:
        """In a forked child: the clients are the parent's, and so is the lead."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._leading = False
        self._look = time.monotonic() + ASK_AGAIN

    # What the background thread calls

    def watch(self) -> list[tuple[int, int]]:
        """Wait for clients, and for what each of them does."""
        watched = [(fd, client.events()) for fd, client in self._clients.items()]
        if self._leading and self._listener is not None and self._accepting(time.monotonic()):
            watched.append((self._listener.sock.fileno(), POLLIN))
        return watched

    def _accepting(self, now: float) -> bool:
        return self._served() < CLIENTS and now >= self._accept_again

    def _served(self) -> int:
        return len(self._clients) - self._following()

    def _following(self) -> int:
        return sum(client.follows for client in self._clients.values())

    def _refuse(self) -> bytes:
        return changes.full(FOLLOWERS) if self._following() >= FOLLOWERS else b""

    def ready(self, fd: int, event: int) -> None:
        """Go on with a client, or let the next one in."""
        del event
        now = time.monotonic()
        client = self._clients.get(fd)
        if client is not None:
            client.step(now)
            if client.over:
                del self._clients[fd]
        elif self._leading and self._accepting(now):
            self._accept(now)

    def tick(self, now: float) -> float:
        """Close who is too slow, and see about leading."""
        if self._closed:
            return STAND_BACK
        crowded = self._served() >= CLIENTS and self._others_wait()
        next_due = now + ASK_AGAIN
        for fd, client in list(self._clients.items()):
            if client.due(crowded=crowded) <= now:
                client.expire(now)
            if client.over:
                del self._clients[fd]
            else:
                next_due = min(next_due, client.due(crowded=crowded))
        if now >= self._look or self._lost():
            self._look = now + ASK_AGAIN
            self._see_about_leading(now)
        if self._accept_again > now:
            next_due = min(next_due, self._accept_again)
        return min(next_due, self._look) - now

    def _lost(self) -> bool:
        listener = self._listener
        return self._leading and (listener is None or not listener.ok())

    def _others_wait(self) -> bool:
        listener = self._listener
        if listener is None or not listener.ok():
            return False
        poller = self._poll()
        poller.register(listener.sock.fileno(), POLLIN)
        return bool(poller.poll(0))

    def _see_about_leading(self, now: float) -> None:
        if not self._leading and not self._leader.try_lead():
            return
        self._leading = True
        listener = self._listener
        if listener is not None and listener.ok() and listener.in_place():
            return
        if listener is not None:
            self._listener = None
            listener.close(unlink=False)
        try:
            self._listener = sockets.bind(self._address)
        except sockets.NotNowError:
            # Most likely a forked sibling has the socket of one that led before: let it lead.
            self._leading = False
            self._leader.resign()
            self._look = now + STAND_BACK

    def _accept(self, now: float) -> None:
        listener = self._listener
        if listener is None or not listener.ok():
            return
        try:
            sock = sockets.accept(listener.sock)
        except OSError as fault:
            if fault.errno in sockets.NO_ROOM:
                self._accept_again = now + ASK_AGAIN
            elif fault.errno in _LOST:
                raise ServerError(f"can't accept clients at {self._address}: {fault}") from fault
            return
        if sockets.welcome(sock):
            self._limits = limits = self._limits or conversation.Limits()
            client = conversation.Conversation(
                sock, self._source, self._format, now, limits, self._refuse, self._token
            )
            before = self._clients.get(client.fd)
            if before is not None:  # the program closed its descriptor, and this one got the number
                before.close()
            self._clients[client.fd] = client
        else:
            sock.close()
