"""`tombs watch`: the screen on a terminal, and lines everywhere else."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import environment, python
from tests.support_graveyard import opened, register
from tombs import layout
from tombs.cli import screen
from tombs.client.view import Event, View
from tombs.runtime.locks import Liveness
from tombs.tomb import Tomb
from tombs.wire import line as wire_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tombs.runtime.graveyard import Graveyard

WATCH = (sys.executable, "-m", "tombs.cli.main", "watch")
EVIL = "f\x1b[31m\n\u202e[red]"
DEADLINE = 30.0
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def graveyard(tmp_path: Path) -> Iterator[Graveyard]:
    """Open the graveyard of a run that lives."""
    yard = opened(tmp_path, strings=1 << 20)
    liveness = Liveness(yard.path)
    register(yard)
    yield yard
    liveness.leave()
    yard.close()


class Terminal:
    """A terminal with a command on it."""

    def __init__(self, *args: str, columns: int = 80, **env: str) -> None:
        self.fd, other = os.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.child = subprocess.Popen(
            [*WATCH, *args],
            env=environment(TERM="xterm-256color", COLUMNS=None, LINES=None) | env,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self.shown = ""

    def resize(self, rows: int, columns: int) -> None:
        """Make it another size."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: str) -> str:
        """Read until a text was shown; give all that was read."""
        end = time.monotonic() + DEADLINE
        while text not in self.shown:
            left = end - time.monotonic()
            assert left > 0, self.shown
            if select.select([self.fd], [], [], left)[0]:
                self.shown += self._read()
        return self.shown

    def _read(self) -> str:
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the last one that had it open has ended
            data = b""
        assert data or self.child.poll() is None or self.child.wait(DEADLINE) is not None
        if not data:
            raise AssertionError(self.shown)
        return data.decode("utf-8", "replace")

    def end(self, number: int) -> int:
        """Send a signal, and give the exit code."""
        self.child.send_signal(number)
        code = None
        end = time.monotonic() + DEADLINE
        while code is None:
            assert time.monotonic() < end, self.shown
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.fd, 65536).decode("utf-8", "replace")
                except OSError:
                    code = self.child.wait(DEADLINE)
            else:
                code = self.child.poll()
        return code

    def close(self) -> None:
        """End it, however it is."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(DEADLINE)
        os.close(self.fd)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Keep the terminals of a test, closed at its end."""
    opened_ones: list[Terminal] = []
    yield opened_ones
    for one in opened_ones:
        one.close()


def test_the_screen_shows_what_happens(graveyard: Graveyard, terminals: list[Terminal]) -> None:
    """Totals and packages at once, a function when it is vacated; Ctrl-C ends with 0."""
    terminal = Terminal(graveyard.path)
    terminals.append(terminal)
    terminal.until("3 functions")
    graveyard.markers[1] = layout.VACATED
    shown = terminal.until("m.Second::method")
    assert "\x1b[?1049h" in shown
    assert "1 vacated" in shown
    assert terminal.end(signal.SIGINT) == 0
    ended = terminal.shown
    assert "\x1b[?1049l" in ended
    assert "\x1b[?25h" in ended
    assert "3 functions, 1 vacated, 2 tombs" in ended
    assert "Traceback" not in ended


def test_the_terminal_is_put_back_after_sigterm(
    graveyard: Graveyard, terminals: list[Terminal]
) -> None:
    """Whoever ends it in another way has a usable terminal too."""
    terminal = Terminal(graveyard.path)
    terminals.append(terminal)
    terminal.until("3 functions")
    assert terminal.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert "\x1b[?1049l" in terminal.shown


def test_no_color_and_eighty_columns(graveyard: Graveyard, terminals: list[Terminal]) -> None:
    """NO_COLOR is heard, and no line is longer than the terminal is wide."""
    register(graveyard, f"def {'x' * 200}(): pass\n", f"p{'a' * 100}.q")
    terminal = Terminal(graveyard.path, NO_COLOR="1")
    terminals.append(terminal)
    terminal.until("4 functions")
    graveyard.markers[3] = layout.VACATED
    terminal.until("1 vacated")
    terminal.end(signal.SIGINT)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", terminal.shown)
    framed = re.sub(r"\x1b\[(H|\?1049l)", "\n", terminal.shown)
    drawn = ESCAPE.sub("", framed).splitlines()
    assert max(map(len, drawn)) <= 80


def test_a_terminal_that_is_resized(graveyard: Graveyard, terminals: list[Terminal]) -> None:
    """The next drawing has the new size, and what matters most is left where it is small."""
    terminal = Terminal(graveyard.path)
    terminals.append(terminal)
    terminal.until("% vacated")
    terminal.resize(24, 30)
    terminal.until("3 tom…")
    terminal.shown = ""
    drawn = terminal.until("3 tom…")  # a whole drawing lies between the two
    assert "tombs" in drawn
    assert max(map(len, ESCAPE.sub("", drawn.replace("\x1b[H", "\n")).splitlines())) <= 30
    assert "% vacated" not in drawn
    terminal.resize(30, 120)
    terminal.shown = ""
    terminal.until("% vacated")
    assert terminal.end(signal.SIGINT) == 0


def test_the_end_of_the_run_ends_the_screen(tmp_path: Path, terminals: list[Terminal]) -> None:
    """The terminal is put back, the totals stay, and the exit code is 0."""
    yard = opened(tmp_path, strings=1 << 20)
    liveness = Liveness(yard.path)
    register(yard)
    terminal = Terminal(yard.path, "--patience", "1s")
    terminals.append(terminal)
    terminal.until("3 functions")
    yard.markers[1] = layout.VACATED
    liveness.leave()
    terminal.until("3 functions, 1 vacated, 2 tombs")
    assert terminal.child.wait(DEADLINE) == 0
    assert "\x1b[?1049l" in terminal.shown


def test_a_terminal_that_can_do_little_gets_lines(
    graveyard: Graveyard, terminals: list[Terminal]
) -> None:
    """With TERM=dumb, and with --plain."""
    for args, env in (((), {"TERM": "dumb"}), (("--plain",), {})):
        terminal = Terminal(graveyard.path, *args, **env)
        terminals.append(terminal)
        terminal.until("start")
        assert terminal.end(signal.SIGINT) == 0
        assert "\x1b" not in terminal.shown


def test_without_rich_there_are_lines_and_a_word(
    graveyard: Graveyard, terminals: list[Terminal], tmp_path: Path
) -> None:
    """The extra is named."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class No:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'rich': sys.modules[name] = None\n"
        "sys.meta_path.insert(0, No())\n"
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'rich' else found(name, *rest)\n"
    )
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    terminal = Terminal(graveyard.path, PYTHONPATH=path)
    terminals.append(terminal)
    shown = terminal.until("start")
    assert "tombs[watch]" in shown
    assert terminal.end(signal.SIGINT) == 0


def test_lines_where_there_is_no_terminal(graveyard: Graveyard) -> None:
    """One for each event, written at once; the end of the run ends it with 0."""
    with subprocess.Popen(
        [*WATCH, graveyard.path, "--patience", "1s"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline().split(maxsplit=1)[1] == (
                "start  3 functions, 0 vacated, 3 tombs\n"
            )
            graveyard.markers[0] = layout.VACATED
            assert child.stdout.readline().split(maxsplit=1)[1] == "vacated  m.first  /srv/m.py:1\n"
        finally:
            child.send_signal(signal.SIGINT)
        assert child.wait(DEADLINE) == 0


def test_events_as_json(tmp_path: Path) -> None:
    """A finished graveyard: its start, its end, and the exit code 0."""
    yard = opened(tmp_path)
    register(yard)
    yard.markers[0] = layout.VACATED
    yard.close()
    done = python(["-m", "tombs.cli.main", "watch", yard.path, "--format", "jsonl"], environment())
    events = [json.loads(one) for one in done.stdout.splitlines()]
    for event in events:
        del event["time"]
    counts = {"functions": 3, "vacated": 1, "unknown": 0, "dropped": 0}
    who = {"application": "app", "run": "app-00000000"}
    assert events == [{"event": "start"} | who | counts, {"event": "ended"} | who | counts]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["/no/such"], "No such file"),
        (["unix:///no/such"], "nothing is listening"),
        (["x", "--patience", "long"], "is no length of time"),
    ],
)
def test_what_cannot_be_watched_is_an_error(args: list[str], told: str) -> None:
    """It ends with 2, and says why."""
    done = python(["-m", "tombs.cli.main", "watch", *args], environment())
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def fed(module: str, names: list[str], states: str) -> View:
    """Make a view of one module."""
    view = View()
    who = {"application": "a\x1b[2J", "pid": 7}
    lines = [
        json.dumps(one)
        for one in (
            {"tombs": 1, "event": "start", "resumed": False, "created": 1, "identity": who},
            {"event": "module", "slot": 0, "functions": len(names), "module": module, "file": "",
             "resume": "1"},
        )
    ]  # fmt: skip
    lines += [wire_line("/f", 1, 1, None, name) for name in names]
    lines += [f'{{"event": "states", "slot": 0, "states": "{states}"}}', '{"event": "live"}']
    for one in lines:
        list(view.feed(one.encode()))
    return view


@pytest.mark.parametrize("width", [20, 80, 200])
@pytest.mark.parametrize("height", [5, 24])
def test_names_cannot_spoil_the_screen(width: int, height: int) -> None:
    """Control characters are escaped, markup is text, and all of it fits."""
    view = fed(EVIL, [EVIL] * 3, "011")
    shown = screen.Screen(view, 2)
    for _ in range(50):
        shown.add(Event("vacated", 0.0, EVIL, Tomb("/f", 1, 1, None, EVIL)))
    console = screen.Console(width=width, height=height, color_system=None, record=True, quiet=True)
    with console.capture() as drawn:
        console.quiet = False
        console.print(shown.render(width, height))
    lines = drawn.get().splitlines()
    assert "\x1b" not in drawn.get()
    assert "\u202e" not in drawn.get()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 12)
    if width == 200:
        assert "[red]" in drawn.get()


@pytest.mark.parametrize(
    ("width", "heads"),
    [(30, "package tombs"), (50, "package vacated tombs %"),
     (80, "package functions vacated tombs unknown % vacated")],
)  # fmt: skip
def test_a_name_has_room_however_narrow_the_terminal(width: int, heads: str) -> None:
    """Columns are left out before names are."""
    shown = screen.Screen(fed("shop.cart.items", ["a", "b", "c"], "012"), 2)
    console = screen.Console(width=width, height=24, color_system=None)
    with console.capture() as drawn:
        console.print(shown.render(width, 24))
    lines = [" ".join(line.split()) for line in drawn.get().splitlines()]
    assert heads in lines
    assert any(line.startswith("shop.cart ") for line in lines)
    assert "0.0/s" in lines[0]


def test_the_rate_is_of_the_last_seconds() -> None:
    """What was vacated longer ago, or while nobody looked, doesn't count."""
    now = [100.0]
    shown = screen.Screen(fed("m", ["m.f"], "0"), 1, lambda: now[0])
    tomb = Tomb("/f", 1, 1, None, "m.f")
    for _ in range(20):
        shown.add(Event("vacated", 0.0, "m", tomb))
    shown.add(Event("vacated", 0.0, "m", tomb, away=True))
    assert shown.rate() == pytest.approx(2.0)
    now[0] += 11
    assert shown.rate() == 0


def test_packages_stand_by_their_tombs() -> None:
    """The one with most of them first, and modules of a package in one row."""
    view = fed("shop.cart.items", ["a", "b", "c"], "120")
    assert screen.Screen(view, 2).packages() == {"shop.cart": (3, 1, 1)}
    assert list(screen.Screen(view, 1).packages()) == ["shop"]
