"""The token: who says it is served, and nobody else hears a byte."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support_server import (
    Running,
    Source,
    ask,
    connect,
    rest,
    serving_program,
    tcp_address,
    wait_until,
)
from tombs.runtime.conversation import REQUEST_MOST, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = b"the-token-of-the-tests"
SOME = Source(1000)
JSON = b"json:" + SOME.text


def guarded(**limits: float) -> Running:
    """Serve over TCP to who knows the token."""
    quick = Limits(**({"request": 0.02} | limits))  # type: ignore[arg-type]
    return Running(SOME, tcp_address(), limits=quick, token=TOKEN).start()


@pytest.fixture
def patient() -> Iterator[Running]:
    """Serve with much time for the token: what is closed there was refused for what it said."""
    running = guarded(token=60.0, crowded=60.0)
    yield running
    running.stop()


@pytest.fixture
def hasty() -> Iterator[Running]:
    """Serve with little time for the token."""
    running = guarded(token=0.2, crowded=0.05)
    yield running
    running.stop()


def heard(running: Running, said: bytes, *, end: bool = False) -> bytes:
    """Say something, and give all that comes until the connection is closed."""
    client = connect(running.address)
    got = b""
    with client, suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(said)
        if end:
            client.shutdown(socket.SHUT_WR)
        while piece := client.recv(1 << 20):
            got += piece
    return got


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"", JSON),
        (b"tombs\n", JSON),
        (b"tombs function\r\n", b"function:" + SOME.text),
        (b"graveyard\n", b"\0raw\0" + SOME.text),
        (b"no such thing\n", JSON),
        (b"x" * (REQUEST_MOST * 2), JSON),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_who_says_the_token_is_served(
    patient: Running, request_: bytes, answer: bytes, line_end: bytes
) -> None:
    """Its next line is the request, or its silence."""
    assert heard(patient, TOKEN + line_end + request_) == answer


def test_a_token_may_be_ended_by_the_end(patient: Running) -> None:
    """As it is by who sends nothing but the file."""
    assert heard(patient, TOKEN, end=True) == JSON
    assert heard(patient, TOKEN + b"\n", end=True) == JSON


@pytest.mark.parametrize("at", range(1, len(TOKEN) + 3))
def test_a_token_may_come_in_two_pieces(patient: Running, at: int) -> None:
    """It is the same wherever the network cuts it."""
    said = TOKEN + b"\ntombs\n"
    with connect(patient.address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(said[:at])
        held = patient.server._clients
        wait_until(
            lambda: any(
                len(one._request) == at or one._state != "knocking" for one in held.values()
            )
        )
        client.sendall(said[at:])
        assert rest(client) == JSON


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"tombs\n",
        b"graveyard\n",
        b"tombs\n" + TOKEN + b"\ntombs\n",
        TOKEN[:-1] + b"\n",
        TOKEN + b"x\n",
        b" " + TOKEN + b"\n",
        TOKEN + b" \n",
        TOKEN + b"\0\n",
        TOKEN.upper() + b"\n",
        TOKEN[:5] + b"\n" + TOKEN[5:] + b"\n",
        b"token " + TOKEN + b"\n",
        b"\xff" * 20 + b"\n",
        TOKEN * 100,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_wrong_token_gets_no_answer(patient: Running, said: bytes) -> None:
    """Whatever is not the token, to the last byte, is closed at once, and nobody else is."""
    assert heard(patient, said) == b""
    assert heard(patient, TOKEN + b"\n") == JSON
    assert patient.told == []


@pytest.mark.parametrize("said", [b"", TOKEN[:7], TOKEN])
def test_no_token_gets_no_answer(hasty: Running, said: bytes) -> None:
    """Silence, half a token, and a token whose line doesn't end are waited for, and not long."""
    assert heard(hasty, said) == b""
    wait_until(lambda: not hasty.server._clients)


@pytest.mark.parametrize("said", [b"", TOKEN[:7]])
def test_an_end_without_a_token_gets_no_answer(patient: Running, said: bytes) -> None:
    """Who closes its side has said what it says."""
    assert heard(patient, said, end=True) == b""


def test_a_slow_token_gets_no_answer(hasty: Running) -> None:
    """A byte now and then doesn't put the deadline off."""
    client = connect(hasty.address)
    with client, suppress(ConnectionResetError, BrokenPipeError):
        for byte in TOKEN * 50:
            client.sendall(bytes([byte]))
            client.settimeout(0.02)  # this is the slowness
            with suppress(TimeoutError):
                assert client.recv(1) == b""
                break
        else:
            pytest.fail("it was never closed")
    wait_until(lambda: not hasty.server._clients)


def test_a_gigabyte_of_token_is_not_read(patient: Running) -> None:
    """Who sends without end is closed after the first bytes."""
    client = connect(patient.address)
    sent = 0
    with client, suppress(ConnectionResetError, BrokenPipeError):
        while sent < 1 << 30:
            sent += client.send(b"x" * (1 << 20))
    assert sent < 64 << 20  # what the system's own buffers take
    wait_until(lambda: not patient.server._clients)


def test_who_has_no_token_keeps_nobody_waiting(hasty: Running) -> None:
    """One takes a place and says nothing, another is served; so it is where they take all."""
    silent = [connect(hasty.address)]
    assert ask(hasty.address, TOKEN + b"\n") == JSON
    silent += [connect(hasty.address) for _ in range(20)]
    begun = time.monotonic()
    assert ask(hasty.address, TOKEN + b"\n") == JSON
    assert time.monotonic() - begun < 10
    for client in silent:
        client.close()


def test_a_token_where_none_is_wanted(tmp_path: object) -> None:
    """Over TCP one line is passed over, so who has a token is served."""
    running = Running(SOME, tcp_address(), limits=Limits(request=0.02)).start()
    try:
        assert ask(running.address, TOKEN + b"\ngraveyard\n") == b"\0raw\0" + SOME.text
        assert ask(running.address, TOKEN + b"\n") == JSON
        assert ask(running.address, b"a\nb\ngraveyard\n") == JSON
        assert ask(running.address, b"tombs function\ngraveyard\n") == b"function:" + SOME.text
    finally:
        running.stop()


def test_a_child_that_takes_over_demands_it_too(tmp_path: object) -> None:
    """It has the token from its parent."""
    code = f"""
    address = tcp_address()
    running = Running(source, address, FileLeader(path + ".tcp"), token={TOKEN!r}).start(forks=True)
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        wait_until(lambda: running.server.leading)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        running.stop()
        os._exit(0)
    running.stop()
    os.read(ready[0], 1)
    print(ask(address, {TOKEN!r} + b"\\n") == whole)
    try:
        print(ask(address))
    except ConnectionResetError:
        print(b"")
    os.write(go[1], b".")
    print(ended(child))
    """
    assert serving_program(tmp_path, code) == "True\nb''\n0\n"
