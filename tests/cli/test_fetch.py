"""The command `tombs fetch`: what a terminal gets of names that would steer it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import environment, python, run
from tests.support_graveyard import opened, register
from tombs.block import Entry, build, digest
from tombs.cli.fetch import _harmless
from tombs.wire import line

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b1m\u202e"


@pytest.fixture
def evil(tmp_path: Path) -> str:
    """Make a graveyard of a module, file and function with such names."""
    from binascii import crc32

    graveyard = opened(tmp_path)
    file = f"/srv/{EVIL}.py"
    image = build(EVIL, file, [Entry(EVIL, 1, 2, method=False)], [line(file, 1, 2, None, EVIL)])
    graveyard.register(image, digest(image), crc32(image), late=False, deadline=1.0)
    return graveyard.path


@pytest.mark.parametrize("form", ["json", "function"])
def test_a_terminal_is_not_steered(evil: str, form: str) -> None:
    """Whatever names hold, a terminal gets letters; a pipe gets what the wire has."""
    words = [sys.executable, "-m", "tombs.cli.main", "fetch", "--format", form, evil]
    leader, follower = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.dup2(follower, 1)
        os.execve(words[0], words, environment())
    os.close(follower)
    got = b""
    try:
        while piece := os.read(leader, 1 << 16):
            got += piece
    except OSError:  # so ends a terminal
        pass
    os.close(leader)
    assert os.waitpid(pid, 0)[1] == 0
    text = got.decode().replace("\r\n", "")
    assert "[2J" in text
    assert text.isprintable()
    piped = python(words[1:], check=True).stdout
    assert "\u202e" in piped


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_character_may_be_cut_in_two(size: int) -> None:
    """What comes in pieces is judged as a whole."""
    data = f"a{EVIL}\u00e9\n".encode() + b"\xff\n"
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    shown = b"".join(_harmless(pieces)).decode()
    assert shown == "a\\x1b[2J\\x1b]0;owned\\x07\\x9b1m\\u202e\u00e9\n\\xff\n"


@pytest.mark.parametrize("command", ["ls", "status", "report", "why"])
def test_no_command_shows_what_steers_a_terminal(evil: str, command: str) -> None:
    """Nor does what they say of errors, on either stream."""
    where = {"ls": ["--dir", os.path.dirname(evil)], "why": [EVIL, evil]}.get(command, [evil])
    wrong = ["--dir", f"/no/{EVIL}"] if command == "ls" else [f"/no/{EVIL}"]
    for words in ([command, *where], [command, *wrong]):
        done = run([sys.executable, "-m", "tombs.cli.main", *words])
        assert done.stdout + done.stderr
        for text in (done.stdout, done.stderr):
            assert text.replace("\n", "").isprintable(), words


@pytest.mark.parametrize("form", ["json", "function"])
def test_what_was_saved_or_piped_is_fetched_alike(tmp_path: Path, form: str) -> None:
    """The same lines come from the graveyard, from a snapshot of it, and from standard input."""
    graveyard = opened(tmp_path)
    record = register(graveyard)
    graveyard.vacate(record.base)
    saved = str(tmp_path / "saved.json.gz")
    fetched = [sys.executable, "-m", "tombs.cli.main", "fetch", "--format", form]
    wanted = python([*fetched[1:], graveyard.path], check=True).stdout
    assert len(wanted.splitlines()) == 2
    python(["-m", "tombs.cli.main", "snapshot", graveyard.path, "-o", saved], check=True)
    assert python([*fetched[1:], saved], check=True).stdout == wanted
    for path in (saved, graveyard.path):
        with open(path, "rb") as file:
            piped = subprocess.run(
                [*fetched, "-"],
                stdin=file,
                env=environment(),
                stdout=subprocess.PIPE,
                check=True,
                timeout=60,
            )
        assert piped.stdout.decode() == wanted


def test_fetch_names_what_it_can_not_read(tmp_path: Path) -> None:
    """File and line, as the other readers do."""
    (tmp_path / "bad.json").write_text("{}\n")
    done = python(["-m", "tombs.cli.main", "fetch", tmp_path / "bad.json"])
    assert done.returncode == 2
    assert "bad.json:1: this is no saved snapshot" in done.stderr
