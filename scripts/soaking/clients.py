"""Those who come to the run's socket: most read what there is, some do what they shouldn't."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soaking.round import Round

HANGING = 5  # that are left hanging at a time


class Clients:
    """A client after the other.

    Args:
        of: the round.
    """

    def __init__(self, of: Round) -> None:
        self._of = of
        self._hanging: list[socket.socket] = []
        self.counts = dict.fromkeys(("read", "vanished", "hung", "garbage", "slow", "refused"), 0)
        self.early: set[str] = set()  # tombs that were told and had been called before

    def run(self) -> None:
        """Come and go until the end."""
        ways = [self.read, self.read, self.vanish, self.hang, self.garbage, self.slow]
        while time.monotonic() < self._of.end:
            time.sleep(0.1)
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            try:
                client.connect(self._of.path(".sock"))
                keep = random.choice(ways)(client)  # noqa: S311
            except OSError:  # the one that serves was killed
                self.counts["refused"] += 1
                keep = False
            if not keep:
                client.close()
        for client in self._hanging:
            client.close()

    def read(self, client: socket.socket) -> bool:
        """Read it all, and look for what had been called before it was asked for."""
        called = set(self._of.program.answered)
        client.sendall(b"tombs json\n")
        whole = b"".join(iter(lambda: client.recv(1 << 16), b""))
        if whole.endswith(b"\n"):
            lines = whole.decode().splitlines()
            self.counts["read"] += 1
            with contextlib.suppress(ValueError):  # cut off by a kill
                self.early |= self._of.program.early(lines, called)
        return False

    def vanish(self, _: socket.socket) -> bool:
        """Come and go."""
        self.counts["vanished"] += 1
        return False

    def hang(self, client: socket.socket) -> bool:
        """Follow the changes, and read nothing."""
        client.sendall(b"tombs changes\n")
        self._hanging.append(client)
        if len(self._hanging) > HANGING:
            self._hanging.pop(0).close()
        self.counts["hung"] += 1
        return True

    def garbage(self, client: socket.socket) -> bool:
        """Say what is no request."""
        client.sendall(os.urandom(random.randrange(1, 4096)))  # noqa: S311
        self.counts["garbage"] += 1
        return False

    def slow(self, client: socket.socket) -> bool:
        """Read some bytes, one after the other."""
        client.sendall(b"graveyard\n")
        for _ in range(20):
            client.recv(1)
            time.sleep(0.02)
        self.counts["slow"] += 1
        return False
