"""The progress bar: on a terminal and after a second only, and gone at the end.

No test waits: the clock of the command is one that jumps whenever it is looked at.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import TIMEOUT, environment
from tests.support_evidence import evidence, save

RICH = find_spec("rich") is not None
PROGRAM = """
import itertools, sys
from tombs.cli import progress
ticks = itertools.count(100.0, float(sys.argv[1]))
progress._clock = lambda: next(ticks)
if sys.argv[2] == "without":
    sys.modules["rich"] = None
from tombs.cli.main import main
sys.exit(main(sys.argv[3:]))
"""
SLOW, QUICK = "0.6", "0"
ESCAPES = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")
DRAWINGS = ["with", "without"] if RICH else ["without"]


class Screen:
    """What somebody sees: as much of a terminal as a bar needs."""

    def __init__(self, sent: str) -> None:
        self.sent = sent
        self.rows = [""]
        self.row = self.column = 0
        self.cursor = True
        self.widest = 0
        while sent:
            escape = ESCAPES.match(sent)
            if escape:
                self._obey(*escape.groups())
                sent = sent[escape.end() :]
            else:
                self._put(sent[0])
                sent = sent[1:]

    def _put(self, char: str) -> None:
        assert char != "\x1b", "an escape that isn't known here"
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
            self.rows += [""] * (self.row + 1 - len(self.rows))
        else:
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + char + row[self.column + 1 :]
            self.column += 1
            if not self.rows[self.row].startswith("tombs: "):  # what is told may be of any length
                self.widest = max(self.widest, self.column)

    def _obey(self, private: str, number: str, letter: str) -> None:
        if letter == "A":
            self.row = max(self.row - int(number or 1), 0)
        elif letter == "K":
            row = self.rows[self.row]
            self.rows[self.row] = "" if number == "2" else row[: self.column]
        elif private:
            assert number == "25"
            self.cursor = letter == "h"
        else:
            assert letter == "m"

    @property
    def left(self) -> str:
        """What stands there at the end."""
        return "\n".join(row.rstrip() for row in self.rows).strip("\n")


class Ended:
    """A command that ran with a terminal for its stderr."""

    def __init__(self, place: Path, clock: str, drawing: str, *args: str, **env: str) -> None:
        master, other = os.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        changes = {"TERM": "xterm", "NO_COLOR": None, "COLUMNS": None, "LINES": None, **env}
        with (place / "stdout").open("w+") as stdout:
            child = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, clock, drawing, *args],
                env=environment(**changes, TOMBS_CACHE="0"),
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=other,
            )
            os.close(other)
            try:
                sent = b"".join(_pieces(master))
                self.code = child.wait(TIMEOUT)
            finally:
                child.kill()
                child.wait()
                os.close(master)
            stdout.seek(0)
            self.out = stdout.read()
        self.screen = Screen(sent.decode())


def _pieces(master: int) -> Iterator[bytes]:
    """Read all that is sent to a terminal, until nobody has its other end."""
    while select.select([master], [], [], TIMEOUT)[0]:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # Linux says it so
            return
        if not piece:
            return
        yield piece
    pytest.fail("nothing came, and no end")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make two snapshots and a source tree."""
    program = {f"shop.part{at}": {"f": "dead", "g": "alive"} for at in range(8)}
    save(evidence(program), tmp_path / "old.json")
    save(evidence(program), tmp_path / "new.json")
    (tmp_path / "src/shop").mkdir(parents=True)
    for at in range(8):
        (tmp_path / f"src/shop/part{at}.py").write_text("def f(): return 1\n\ndef g(): return 2\n")
    (tmp_path / "src/shop/bad.py").write_text("def (\n")
    return tmp_path


COMMANDS = {
    "reading new.json": ("status", "new.json"),
    "reading src": ("inventory", "--source", "src"),
    "merging": ("merge", "old.json", "new.json", "old.json", "-o", "merged.json"),
    "writing merged.json": ("merge", "old.json", "new.json", "-o", "merged.json"),
    "writing saved.json": ("snapshot", "new.json", "-o", "saved.json"),
    "writing diff.json": ("diff", "old.json", "new.json", "--format", "json=diff.json"),
}


@pytest.mark.parametrize("drawing", DRAWINGS)
@pytest.mark.parametrize("label", COMMANDS)
def test_who_waits_is_shown_how_far_it_is(place: Path, label: str, drawing: str) -> None:
    """What is done is named, within 80 columns; at the end nothing is left, and nothing missing."""
    slow = Ended(place, SLOW, drawing, *COMMANDS[label])
    assert slow.code == 0
    assert label in slow.screen.sent
    assert re.search(r" [1-9]\d*(/| of |\b)", ESCAPES.sub("", slow.screen.sent))
    assert slow.screen.widest <= 80
    assert slow.screen.cursor
    quick = Ended(place, QUICK, drawing, *COMMANDS[label])
    assert slow.out == quick.out
    assert slow.screen.left == quick.screen.left


@pytest.mark.skipif(not RICH, reason="rich isn't installed")
def test_the_page_has_its_bar(place: Path) -> None:
    """Writing HTML is what takes longest."""
    pytest.importorskip("jinja2")
    pytest.importorskip("pygments")
    words = ("report", "new.json", "--source", "src", "--html", "page.html", "--no-git")
    ended = Ended(place, SLOW, "with", *words)
    assert "writing page.html" in ended.screen.sent
    told = ended.screen.left.splitlines()
    assert len(told) == 2
    assert "bad.py: can't be read" in told[0]
    assert told[1] == "tombs: page.html is written; a browser shows it"


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_nobody_is_told_within_a_second(place: Path, drawing: str) -> None:
    """Not a byte is sent to the terminal."""
    assert not Ended(place, QUICK, drawing, "status", "new.json").screen.sent


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_terminal_that_can_erase_nothing_gets_nothing(place: Path, drawing: str) -> None:
    """TERM says what it can."""
    assert not Ended(place, SLOW, drawing, "status", "new.json", TERM="dumb").screen.sent


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_in_a_pipe_there_is_nothing(place: Path, drawing: str) -> None:
    """However long it takes."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SLOW, drawing, "status", "new.json"],
        env=environment(TERM="xterm", TOMBS_CACHE="0"),
        cwd=place,
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert not done.stderr
    assert done.stdout.startswith(b"shop")
    assert b"\x1b" not in done.stdout


@pytest.mark.skipif(not RICH, reason="rich isn't installed")
@pytest.mark.parametrize(("value", "colored"), [("1", False), ("", True)])
def test_colour_is_for_who_wants_it(place: Path, value: str, colored: bool) -> None:
    """NO_COLOR leaves the bar, and takes its colours."""
    ended = Ended(place, SLOW, "with", "merge", "old.json", "new.json", "-o", "m", NO_COLOR=value)
    assert "merging" in ended.screen.sent
    assert (re.search(r"\x1b\[[\d;]*3[0-7;][\d;]*m", ended.screen.sent) is not None) is colored


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_fault_finds_the_line_free(place: Path, drawing: str) -> None:
    """The bar is gone when the error is told."""
    whole = (place / "new.json").read_bytes().splitlines(keepends=True)
    (place / "cut.json").write_bytes(b"".join(whole[:-1]))
    ended = Ended(place, SLOW, drawing, "status", "cut.json")
    assert ended.code == 2
    assert "reading cut.json" in ended.screen.sent
    assert ended.screen.left.startswith("tombs: cut.json:")
    assert "reading" not in ended.screen.left
    assert ended.screen.cursor
