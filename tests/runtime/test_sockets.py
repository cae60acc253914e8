"""Where the server listens: what it takes, what it leaves alone, and what it leaves behind."""

from __future__ import annotations

import os
import resource
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from tests import support
from tombs.address import Address
from tombs.errors import ServerError
from tombs.runtime import descriptors, sockets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Name a place for a socket."""
    return tmp_path / "s"


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set a umask, from open to closed."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def bind(place: Path) -> sockets.Listener:
    """Listen there."""
    return sockets.bind(Address("unix", str(place)))


def test_socket_is_for_its_user_alone(place: Path, umask: None) -> None:
    """The mode is 0600 whatever the umask, and the umask stays what it is."""
    before = os.umask(0)
    os.umask(before)
    listener = bind(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    listener.close(unlink=True)
    now = os.umask(before)
    assert now == before


def test_socket_is_closed_before_it_has_its_mode(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no moment at which others could connect."""
    modes = []

    class Watched(sockets._socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            modes.append(stat.S_IMODE(place.stat().st_mode))
            super().listen(backlog)

    monkeypatch.setattr(sockets._socket, "socket", Watched)
    before = os.umask(0)
    try:
        bind(place).close(unlink=True)
    finally:
        os.umask(before)
    assert modes == [0o600]


def test_orderly_end_takes_the_place_away(place: Path) -> None:
    """Nothing is left behind."""
    bind(place).close(unlink=True)
    assert not place.exists()


def test_end_leaves_a_place_that_is_not_its_own(place: Path) -> None:
    """Whatever was put in the place meanwhile stays."""
    listener = bind(place)
    place.unlink()
    place.write_text("mine")
    assert not listener.in_place()
    listener.close(unlink=True)
    assert place.read_text() == "mine"


def test_stale_socket_is_replaced(place: Path) -> None:
    """A socket that a killed program left is taken over."""
    bind(place).close(unlink=False)
    assert place.is_socket()
    listener = bind(place)
    assert listener.in_place()
    listener.close(unlink=True)


def test_live_socket_is_left_alone(place: Path) -> None:
    """A socket at which somebody listens is theirs, also with their queue full."""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(place))
        theirs.listen(0)
        for _ in range(3):
            with pytest.raises(sockets.NotNowError, match=r"/s: it is in use by another process"):
                bind(place)
        assert place.is_socket()


def test_datagram_socket_is_left_alone(place: Path) -> None:
    """So is one of another kind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as theirs:
        theirs.bind(str(place))
        with pytest.raises(sockets.NotNowError):
            bind(place)
        assert place.is_socket()


@pytest.mark.parametrize("kind", ["file", "directory", "link to a file", "link to nothing"])
def test_what_is_no_socket_is_left_alone(place: Path, kind: str) -> None:
    """A file, a directory and a symbolic link stay, and the message says what to do."""
    other = place.parent / "other"
    if kind == "file":
        place.write_text("mine")
    elif kind == "directory":
        place.mkdir()
    else:
        if kind == "link to a file":
            other.write_text("mine")
        place.symlink_to(other)
    before = place.lstat()
    with pytest.raises(ServerError, match="isn't a socket is there\nRemove it, or"):
        bind(place)
    assert place.lstat().st_ino == before.st_ino
    assert other.exists() == (kind == "link to a file")


def test_link_to_a_stale_socket_is_left_alone(place: Path) -> None:
    """Not even what the link points to is taken."""
    other = place.parent / "other"
    bind(other).close(unlink=False)
    place.symlink_to(other)
    with pytest.raises(ServerError, match="isn't a socket"):
        bind(place)
    assert other.is_socket()
    assert place.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's socket")
def test_another_users_stale_socket_is_left_alone(place: Path) -> None:
    """A dead socket may still be somebody's."""
    bind(place).close(unlink=False)
    os.chown(place, 12345, 12345)
    with pytest.raises(ServerError, match="another user's socket"):
        bind(place)
    assert place.is_socket()


def test_directory_that_is_not_there(tmp_path: Path) -> None:
    """The reason is told."""
    with pytest.raises(ServerError, match="/no/s: No such file or directory"):
        bind(tmp_path / "no" / "s")


def test_tcp_port_in_use() -> None:
    """A port at which somebody listens is theirs."""
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        address = Address("tcp", host="127.0.0.1", port=theirs.getsockname()[1])
        with pytest.raises(sockets.NotNowError, match="in use by another process"):
            sockets.bind(address)


def test_tcp_host_unknown() -> None:
    """A name that no address has is told, with the name."""
    with pytest.raises(ServerError, match=r"can't listen at tcp://no\.invalid:1"):
        sockets.bind(Address("tcp", host="no.invalid", port=1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_other_users_get_no_answer(tmp_path: Path) -> None:
    """The same user and root may ask; others find the connection closed."""
    code = """if True:
        import os, sys
        from tests.support_server import Source, ask, serving
        with serving(Source(), sys.argv[1], forks=True) as running:
            os.chmod(sys.argv[1], 0o666)  # as if somebody had opened it
            for uid in (0, 12345):
                child = os.fork()
                if child == 0:
                    os.setuid(uid)
                    try:
                        got = len(ask(running.address))
                    except (ConnectionResetError, BrokenPipeError):
                        got = 0
                    os._exit(got > 0)
                print(uid, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    done = support.python(["-c", code, tmp_path / "s"])
    assert (done.stdout, done.stderr) == ("0 1\n12345 0\n", "")


def test_descriptors_are_out_of_the_way(place: Path) -> None:
    """The listening socket has a high number, and no program that is executed inherits it."""
    listener = bind(place)
    fd = listener.sock.fileno()
    assert fd >= 200
    assert not os.get_inheritable(fd)
    assert not os.get_blocking(fd)
    listener.close(unlink=True)


def test_descriptor_under_a_low_limit() -> None:
    """Where the limit forbids a high number it is the next best, but never a standard stream's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        fd = descriptors.high(os.open(os.devnull, os.O_RDONLY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert 64 <= fd < 128
    os.close(fd)


def test_descriptor_that_became_somebody_elses(tmp_path: Path) -> None:
    """It is noticed, and left open."""
    held = descriptors.Held(os.open(os.devnull, os.O_RDONLY))
    assert held.ok()
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    os.dup2(other, held.fd)
    assert not held.ok()
    held.close()
    os.fstat(held.fd)
    os.close(held.fd)
    os.close(other)
    assert not held.ok()
    held.close()
