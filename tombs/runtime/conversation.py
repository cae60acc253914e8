"""One client, from the accept to the close.

It may ask for something, then gets the answer, then is left. What it may ask, in a line:

    tombs [json|function]    the tombs; nothing, or what is no request, is that in the run's format
    graveyard                the graveyard file
    tombs changes [RESUME]   the stream of changes, which has no end

Where a token is demanded (over TCP, by --token-file) its first line must be that, and nothing
else; the request is the line after it.

Rules:

- Nothing here waits, but for a moment: a step does what can be done at once, and says what it waits
  for (`events`) and until when (`due`). The moment is WAIT, within a write of an answer: while its
  reader keeps up, the write goes on in the system, where it needs no interpreter, and what would
  have taken many turns of the interpreter's lock takes one. For who follows changes there is none.
- What goes with one write is a share: SHARE first, then as much as the client has taken in AHEAD,
  twice the last one and MOST at the most. So one that keeps up costs the program few turns of its
  interpreter's lock, and one that doesn't keeps this thread no longer than that from its duties,
  and a fork waiting. What fits the socket's buffer says nothing of that: the time is that from one
  share to the next.
- Nothing is copied with the lock held that can go as it lies in the mapping; `sendmsg` copies it
  without the lock. What can't is pulled for HOLD at a time; then, where the write was soon over,
  the thread sleeps for PAUSE: one that waits for the lock isn't awake before it is taken again.
- A write is of 16 KiB at least, unless it is the last: each costs the program a turn of its
  interpreter's lock.
- The token is compared in a time that tells nothing of it. Who hasn't said it in time, or says
  anything else, is closed without an answer; no more is read of it than a request may be long.
- Over TCP, where none is demanded, one line that is no request is passed over: who has a token
  sends it, and can't know.
- Who is slow is closed: at once with no byte in STALL seconds, and after PATIENCE unless the bytes
  come at PACE.
- Who asks for changes (tombs.changes) is told what there is, GATHER at a time with a REST between;
  then left in peace until there is more, which is looked for every POLL seconds; and hears a beat
  after QUIET seconds of nothing, so that both sides notice when the other is gone. Each time there
  is something the deadlines begin anew. The system keeps little for such a client: one that has
  stopped reading is soon found out.
- After the answer the client's own bytes are read away for a moment. Closing with some unread
  would reset the connection, and over TCP that takes back what the client didn't read yet.
"""

from __future__ import annotations

import _socket
import _struct as struct  # struct itself would be a module more
import errno
import time
from _operator import _compare_digest  # hmac.compare_digest, without what hmac imports
from select import POLLIN, POLLOUT

from tombs.changes import BEAT
from tombs.runtime import descriptors, sockets
from tombs.runtime.originals import original

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final, Protocol

    class Source(Protocol):
        """What there is to send."""

        def lines(self, format: str) -> Iterator[bytes | memoryview]:  # noqa: A002 - the user's word
            """Give the lines of all tombs, in pieces."""

        def raw(self) -> Iterator[bytes | memoryview]:
            """Give the graveyard file, in pieces."""

        def changes(self, resume: str) -> Iterator[bytes | memoryview]:
            """Give the stream of changes, in pieces; an empty one where nothing is to be told."""


REQUEST_MOST: Final = 256
REQUESTS: Final = (b"", b"tombs", b"tombs json", b"tombs function", b"graveyard")
LEAST: Final = 16 * 1024
GATHER: Final = 64 * 1024
SHARE: Final = 512 * 1024
MOST: Final = 8 * 1024 * 1024
BUFFERS: Final = 512
HOLD: Final = 0.0005
PAUSE: Final = 0.0001
WAIT: Final = 0.01
AHEAD: Final = 0.03
POLL: Final = 0.25
REST: Final = 0.1
QUIET: Final = 5.0
_CHANGES: Final = b"tombs changes"
_READ_AWAY: Final = 1024 * 1024
_sleep: Final = original("time", "sleep")
_TIMEVAL: Final = struct.pack("@ll", 0, int(WAIT * 1e6))
_FLAGS: Final = getattr(_socket, "MSG_NOSIGNAL", 0)
_LATER: Final = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class Limits:
    """How long a client may take, in seconds.

    Args:
        token: to say the token; while others may be waiting, no longer than `crowded`.
        request: to say what it wants.
        stall: without taking a byte.
        crowded: the same, while others may be waiting for its place.
        patience: for everything, unless it keeps the pace.
        pace: bytes a second.
        leave: to go, once it has its answer.
    """

    __slots__ = ("crowded", "leave", "pace", "patience", "request", "stall", "token")

    def __init__(
        self,
        *,
        request: float = 0.05,
        stall: float = 10.0,
        crowded: float = 1.0,
        patience: float = 60.0,
        pace: int = 64 * 1024,
        leave: float = 1.0,
        token: float = 5.0,
    ) -> None:
        self.request = request
        self.stall = stall
        self.crowded = crowded
        self.patience = patience
        self.pace = pace
        self.leave = leave
        self.token = token


class Conversation:
    """What goes on with one client.

    Args:
        sock: the client's connection, not blocking.
        source: what there is to send.
        format: the run's own.
        now: the moment.
        limits: how long it may take.
        refuse: gives what is said to one that asks for changes and can't have them; else nothing.
        token: what it has to say first; None for nothing.
    """

    __slots__ = (
        "_begun", "_chunks", "_deaf", "_ended", "_format", "_held", "_limits", "_look", "_more",
        "_moved", "_pieces", "_read", "_refuse", "_request", "_sent", "_share", "_size", "_sock",
        "_source", "_state", "_stray", "_token", "_went", "fd", "follows",
    )  # fmt: skip

    def __init__(
        self,
        sock: _socket.socket,
        source: Source,
        format: str,  # noqa: A002 - the user's word
        now: float,
        limits: Limits,
        refuse: Callable[[], bytes] = bytes,
        token: bytes | None = None,
    ) -> None:
        self._sock = sock
        self._source = source
        self._format = format
        self._limits = limits
        self._held = descriptors.Held(sock.fileno())
        self.fd = sock.fileno()
        self._state = "asking" if token is None else "knocking"
        self._token = token or b""
        self._stray = token is None and sock.family != _socket.AF_UNIX
        self._request = b""
        self._chunks: Iterator[bytes | memoryview] = iter(())
        self._pieces: list[bytes | memoryview] = []  # what is to be sent next
        self._size = self._sent = self._read = 0  # bytes in there, that went, that came for nothing
        self._share = SHARE  # so many at once
        self._went = 0  # the last time
        self._ended = self._deaf = False
        self._more = True  # whether there was more to pull, the last time
        self._begun = self._moved = self._look = now
        self._refuse = refuse
        self.follows = False  # whether it has asked for changes, and gets them

    @property
    def over(self) -> bool:
        """Whether the connection is closed."""
        return self._state == "over"

    def events(self) -> int:
        """What to wait for, as poll calls it."""
        if self._state == "answering":
            return POLLOUT
        return 0 if self._deaf else POLLIN

    def due(self, *, crowded: bool) -> float:
        """When something has to be done even if nothing happens.

        Args:
            crowded: whether others may be waiting for this client's place.
        """
        limits = self._limits
        if self._state == "asking":
            return self._begun + limits.request
        if self._state == "waiting":
            return self._look
        if self._state == "knocking":
            return self._begun + (min(limits.token, limits.crowded) if crowded else limits.token)
        if self._state == "leaving":
            return self._moved + (min(limits.leave, limits.request) if crowded else limits.leave)
        hurry = crowded and not self.follows  # who follows has a place that nobody else wants
        stalled = self._moved + (min(limits.stall, limits.crowded) if hurry else limits.stall)
        return min(stalled, self._begun + max(limits.patience, self._sent / limits.pace))

    def expire(self, now: float) -> None:
        """Do what is due: take silence for the usual request, look for changes, or close."""
        if self._state == "asking":
            self._answer(b"", now)
        elif self._state == "waiting":
            self._look_again(now)
        else:
            self.close()

    def step(self, now: float) -> None:
        """Do what can be done at once."""
        if not self._held.ok():
            self.close()
            return
        try:
            if self._state in ("knocking", "asking"):
                self._hear(now)
            elif self._state == "answering":
                self._send(now)
            elif self._state == "leaving":
                self._read_away()
            elif self._state == "waiting":
                self._listen()
        except OSError as fault:
            if fault.errno not in _LATER:
                self.close()  # it went away: nobody's loss

    def close(self) -> None:
        """Close the connection, if it still is ours."""
        if self._state != "over":
            self._state = "over"
            self._chunks = iter(())
            self._pieces.clear()
            sockets.close(self._sock, self._held)

    def _hear(self, now: float) -> None:
        got = self._sock.recv(REQUEST_MOST + 1 - len(self._request))
        self._request += got
        ended = not got or len(self._request) > REQUEST_MOST
        if self._state == "knocking":
            if b"\n" not in self._request and not ended:
                return
            if not _compare_digest(self._line(), self._token):
                self.close()
                return
            self._state = "asking"
            self._begun = now
            ended = not got
        if self._stray and b"\n" in self._request:
            self._stray = False
            before = self._request
            line = self._line()
            if line in REQUESTS or line.startswith(_CHANGES):
                self._request = before
        if b"\n" in self._request:
            self._answer(self._line(), now)
        elif ended:
            self._answer(b"", now)

    def _line(self) -> bytes:
        """Take the first line, without its end, from what was read."""
        line, _, self._request = self._request.partition(b"\n")
        return line.rstrip(b"\r")

    def _answer(self, words: bytes, now: float) -> None:
        if words == b"graveyard":
            self._chunks = self._source.raw()
        elif words in (b"tombs json", b"tombs function"):
            self._chunks = self._source.lines(words[6:].decode())
        elif words == _CHANGES or words.startswith(_CHANGES + b" "):
            self._follow(words[len(_CHANGES) + 1 :].decode("ascii", "replace"))
        else:
            self._chunks = self._source.lines(self._format)
        if self._sock.family == _socket.AF_UNIX:
            # Half of it, and what the system takes at once is 16 KiB at least, on macOS too.
            self._sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SHARE)
        if not self.follows:
            self._sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _TIMEVAL)
            self._sock.setblocking(True)  # noqa: FBT003 - it takes no keyword
        self._moved = now
        self._state = "answering"

    def _follow(self, resume: str) -> None:
        refusal = self._refuse()
        self.follows = not refusal
        self._chunks = iter((refusal,)) if refusal else self._source.changes(resume)

    def _send(self, now: float) -> None:
        self._send_share(now)
        if self._ended and not self._pieces:
            self._sock.setblocking(False)  # noqa: FBT003 - as above
            self._sock.shutdown(_socket.SHUT_WR)
            self._state = "leaving"
        elif not self._pieces and self.follows:
            if not self._more:
                self._sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, LEAST)
            self._state = "waiting"
            self._look = now + (REST if self._more else POLL)

    def _send_share(self, now: float) -> None:
        if self._went:
            at_this_rate = int(self._went * AHEAD / max(now - self._moved, 1e-6))
            self._share = max(min(self._share * 2, MOST, at_this_rate), GATHER)
        long = False
        if not self._ended and (not self.follows or self._size < LEAST):
            long = self._gather(GATHER if self.follows else self._share)
        if not self._pieces:
            return
        before = time.monotonic()
        self._went = self._sock.sendmsg(self._first(min(self._size, self._share)), (), _FLAGS)
        self._gone(self._went)
        self._moved = now
        if long and time.monotonic() - before < PAUSE:
            _sleep(PAUSE)

    def _first(self, most: int) -> list[bytes | memoryview]:
        """Give the first bytes of what is to be sent, and no more than so many."""
        if self._size <= most:
            return self._pieces
        first: list[bytes | memoryview] = []
        for piece in self._pieces:
            first.append(piece if len(piece) <= most else memoryview(piece)[:most])
            most -= len(piece)
            if most <= 0:
                break
        return first

    def _gone(self, size: int) -> None:
        """Take away the first bytes of what is to be sent: they are."""
        self._sent += size
        self._size -= size
        whole = 0
        for piece in self._pieces:
            if len(piece) > size:
                break
            size -= len(piece)
            whole += 1
        del self._pieces[:whole]
        if size:
            self._pieces[0] = memoryview(self._pieces[0])[size:]

    def _look_again(self, now: float) -> None:
        self._gather(GATHER)
        if not self._pieces and now - self._moved >= QUIET:
            self._pieces.append(BEAT)
            self._size = len(BEAT)
        if self._pieces:
            self._state = "answering"
            self._begun = self._moved = now
            self._sent = 0
        else:
            self._look = now + POLL

    def _listen(self) -> None:
        """Hear from one that waits for changes: it may close its side, and says nothing of use."""
        got = 0 if self._deaf else len(self._sock.recv(GATHER))
        self._read += got
        if self._deaf or self._read > _READ_AWAY:
            self.close()  # the second time, it is gone altogether
        self._deaf = not got

    def _gather(self, most: int) -> bool:
        """Pull so many bytes, or what there is; gives whether it was ended for taking too long."""
        until = time.monotonic() + HOLD
        pieces = self._pieces
        self._more = True
        while self._size < most:
            if len(pieces) >= BUFFERS:
                if self._size >= GATHER:
                    break
                pieces[:] = [b"".join(pieces)]
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                break
            if chunk:
                pieces.append(chunk)
                self._size += len(chunk)
            elif self.follows:
                self._more = False
                break
            if self._size >= LEAST and time.monotonic() > until:
                return True
        return False

    def _read_away(self) -> None:
        got = len(self._sock.recv(GATHER))
        self._read += got
        if not got or self._read > _READ_AWAY:
            self.close()
