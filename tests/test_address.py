"""The spelling of addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tombs import address
from tombs.errors import AddressError

READ = [
    ("unix:///run/app.sock", "unix:///run/app.sock"),
    ("unix://app.sock", "unix://app.sock"),
    ("UNIX:///run/app.sock", "unix:///run/app.sock"),
    ("/run/app.sock", "unix:///run/app.sock"),
    ("app.sock", "unix://app.sock"),
    ("./http://x", "unix://./http://x"),
    ("./localhost:4000", "unix://./localhost:4000"),
    ("00", "unix://00"),
    ("/run/b\udce9.sock", "unix:///run/b\udce9.sock"),
    ("tcp://localhost:4000", "tcp://localhost:4000"),
    ("tcp://LocalHost:4000", "tcp://localhost:4000"),
    ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
    ("tcp://10.0.0.9:65535", "tcp://10.0.0.9:65535"),
    ("tcp://[::1]:4000", "tcp://[::1]:4000"),
]
REFUSED = [
    ("", "names no socket file"),
    ("unix://", "names no socket file"),
    ("unix:///run/", "names no socket file"),
    ("/run/a\0b", "names no socket file"),
    ("http://localhost:1", "unknown scheme"),
    ("localhost:4000", "write tcp://localhost:4000 or ./localhost:4000"),
    ("tcp://", "names no host"),
    ("tcp://:4000", "names no host"),
    ("tcp://localhost", "names no host"),
    ("tcp://::1:4000", "names no host"),
    ("tcp://[::1:4000", "names no host"),
    ("tcp://[localhost]:4000", "names no host"),
    ("tcp://a b:4000", "names no host"),
    ("tcp://user@host:4000", "names no host"),
    ("tcp://localhost:", "names no port"),
    ("tcp://localhost:0", "names no port"),
    ("tcp://localhost:65536", "names no port"),
    ("tcp://localhost:+1", "names no port"),
    ("tcp://localhost:\u0663", "names no port"),
]


@pytest.mark.parametrize(("text", "canonical"), READ)
def test_each_spelling_has_one_canonical_form(text: str, canonical: str) -> None:
    """Every allowed spelling is read, and its canonical form is read as the same address."""
    found = address.parse(text)
    assert str(found) == canonical
    assert address.parse(canonical) == found
    assert hash(address.parse(canonical)) == hash(found)


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_a_refusal_names_the_value_and_what_is_wrong(text: str, reason: str) -> None:
    """What names no socket is refused, with the value given and the reason."""
    with pytest.raises(AddressError) as refusal:
        address.parse(text)
    assert repr(text) in refusal.value.message
    assert reason in str(refusal.value)


def test_exactly_zero_is_no_address() -> None:
    """`0` switches the socket off; nothing else does."""
    assert address.parse("0") is None


def test_the_parts_are_told_apart() -> None:
    """An address has the parts that its kind needs."""
    unix, tcp = address.parse("/run/app.sock"), address.parse("tcp://[::1]:4000")
    assert unix is not None
    assert tcp is not None
    assert (unix.kind, unix.path) == ("unix", "/run/app.sock")
    assert (tcp.kind, tcp.host, tcp.port) == ("tcp", "::1", 4000)
    assert unix != tcp


@pytest.mark.parametrize("char", ["a", "\u00e9"])
def test_a_unix_path_fits_into_its_structure(char: str) -> None:
    """The longest path is counted in bytes; one byte more is an error that tells the limit."""
    size = len(char.encode())
    longest = "/" * (address.UNIX_PATH_BYTES % size) + char * (address.UNIX_PATH_BYTES // size)
    assert address.parse(longest)
    with pytest.raises(AddressError, match=str(address.UNIX_PATH_BYTES)):
        address.parse("/" + longest)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("/run/app.sock", True),
        ("tcp://localhost:1", True),
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.8.9.10:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://0.0.0.0:1", False),
        ("tcp://[::]:1", False),
        ("tcp://127.0.0.1.example.org:1", False),
        ("tcp://127.example.0.1:1", False),
        ("tcp://10.127.0.1:1", False),
    ],
)
def test_loopback_is_known_by_its_text(text: str, *, loopback: bool) -> None:
    """Only what can't be reached from another machine is loopback."""
    found = address.parse(text)
    assert found is not None
    assert found.loopback is loopback


@given(st.text())
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    """No text makes the parser fail otherwise, and what it reads it can read again."""
    try:
        found = address.parse(text)
    except AddressError:
        return
    assert found is None or address.parse(str(found)) == found
