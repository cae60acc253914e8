"""How long a run was watched, whatever becomes of the clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support_clock import shifted
from tests.support_graveyard import opened, register
from tests.support_session import Program
from tombs import layout
from tombs.evidence import taken
from tombs.evidence.exposure import measure
from tombs.evidence.model import Run, Seen
from tombs.runtime import watching
from tombs.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path

    from tombs.runtime.graveyard import Graveyard

SECOND = 10**9
DAY = 86400 * SECOND


class Clocks:
    """The clock on the wall and the steady one, as the test sets them.

    Args:
        wall: nanoseconds since the epoch.
    """

    def __init__(self, wall: int) -> None:
        self.wall = wall
        self.steady = 1000 * SECOND

    def time_ns(self) -> int:
        """Give the one."""
        return self.wall

    def monotonic_ns(self) -> int:
        """Give the other."""
        return self.steady

    def passes(self, nanoseconds: int) -> None:
        """Have time pass."""
        self.wall += nanoseconds
        self.steady += nanoseconds


class Watched:
    """A graveyard, and the clocks by which it is watched."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.graveyard: Graveyard = opened(place)
        self.clocks = Clocks(self.graveyard.region.words[layout.CREATED])
        monkeypatch.setattr(watching, "time", self.clocks)
        self.graveyard.join()
        register(self.graveyard)

    def beats(self, count: int) -> None:
        """Have so many times half a minute pass, with a sign of life each."""
        for _ in range(count):
            self.clocks.passes(30 * SECOND)
            self.graveyard.beat()

    @property
    def seconds(self) -> float:
        """For how long the functions that are registered were watched."""
        items = list(taken.items(read(self.graveyard.path)))
        (by,) = (item for item in items if isinstance(item, Run))
        found = [measure([(by, item.runs[by.key])]) for item in items if isinstance(item, Seen)]
        return max(one.watched for one in found) / SECOND


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """One of them."""
    return Watched(tmp_path, monkeypatch)


@pytest.mark.parametrize("jump", [60, 299, 301, 400 * 86400])
def test_a_clock_that_jumps_ahead_lengthens_nothing(watched: Watched, jump: int) -> None:
    """By whatever it jumps; time that passes after it counts."""
    watched.beats(10)
    watched.clocks.wall += jump * SECOND
    watched.beats(10)
    assert watched.seconds == pytest.approx(600, abs=0.1)


def test_a_clock_that_is_set_ahead_again_and_again(watched: Watched) -> None:
    """Four minutes each time, which is no pause: it is no time that was watched, either."""
    for _ in range(50):
        watched.clocks.wall += 240 * SECOND
        watched.beats(1)
    assert watched.seconds == pytest.approx(1500, rel=0.01)


def test_a_clock_that_is_set_back_adds_nothing_until_it_is_there_again(watched: Watched) -> None:
    """And what is registered meanwhile wasn't watched from its time on."""
    watched.beats(100)
    watched.clocks.wall -= DAY
    watched.beats(100)
    assert watched.seconds == pytest.approx(3000, abs=0.1)
    register(watched.graveyard, "def late(): pass\n", "n")
    late = [item for item in taken.items(read(watched.graveyard.path)) if isinstance(item, Seen)]
    assert min(late[1].runs.values()) >= watched.graveyard.region.words[layout.SEEN]
    watched.clocks.wall += DAY
    watched.beats(10)
    assert watched.seconds == pytest.approx(3300, abs=60)


def test_sleep_and_a_new_start_of_the_machine(watched: Watched) -> None:
    """While it slept the steady clock stood still; started anew it begins again."""
    watched.beats(10)
    watched.clocks.wall += 200 * SECOND
    watched.beats(1)
    assert watched.seconds == pytest.approx(330, abs=0.1)
    watched.clocks.wall += 120 * SECOND
    watched.clocks.steady = 5 * SECOND
    watched.graveyard.join()
    assert watched.seconds == pytest.approx(330, abs=0.1)
    watched.beats(10)
    assert watched.seconds == pytest.approx(630, abs=0.1)


def test_a_lock_that_is_held_puts_it_off(watched: Watched, tmp_path: Path) -> None:
    """No sign is given without it; the next one speaks for both, and claims no more."""
    watched.beats(2)
    other = opened(tmp_path)
    assert other.lock.acquire(0.0)
    watched.clocks.wall += 400 * DAY
    watched.beats(2)
    assert watched.seconds == pytest.approx(60, abs=0.1)
    other.lock.release()
    watched.beats(1)
    assert watched.seconds == pytest.approx(150, abs=0.2)


def test_an_older_graveyard_has_no_steady_clock(watched: Watched) -> None:
    """Then the clock on the wall is believed, for five minutes at most."""
    watched.beats(2)
    watched.graveyard.region.words[layout.STEADY] = 0
    watched.beats(1)
    assert watched.seconds == pytest.approx(90, abs=0.1)
    watched.graveyard.region.words[layout.STEADY] = 0
    watched.clocks.wall += DAY
    watched.beats(1)
    assert watched.seconds == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize("jump", [240, 400 * 86400])
def test_a_program_whose_clock_is_set_ahead(jump: int, tmp_path: Path) -> None:
    """Of a real one, whose clock really jumps: what it was watched is what it ran."""
    env = shifted(tmp_path, 0)
    if not env:
        pytest.skip("no compiler for a clock that can be set")
    program = Program(tmp_path)
    ran = program.run(
        "import os, sys, time, m\n"
        "began = time.monotonic()\n"
        "session = sys.modules['tombs.process'].current()\n"
        "m.called(); session.settle(); session.graveyard.beat()\n"
        f"before = time.time(); os.environ['SHIFTED'] = '{jump}'\n"
        f"assert time.time() >= before + {jump}\n"
        "session.graveyard.beat()\n"
        "print(time.monotonic() - began)\n",
        launch=("-n", "m"),
        **env,
    )
    assert ran.told == []
    snapshot = program.snapshot()
    assert snapshot.seen - snapshot.created > jump * SECOND
    watched = (snapshot.seen - snapshot.created - snapshot.paused) / SECOND
    assert watched < float(ran.out[0]) + 60
    assert program.tombs() == ["m.dead"]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("beats"), st.integers(1, 3)),
        st.tuples(st.just("jumps"), st.integers(-10_000, 10_000)),
        st.tuples(st.just("loads"), st.integers(0, 3)),
    ),
    max_size=20,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_no_clock_makes_it_longer_than_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[str, int]],
) -> None:
    """Neither of the run nor of a module that it loads on the way."""
    watched = Watched(tmp_path_factory.mktemp("clocks"), monkeypatch)
    since = {"m": 0}
    real = beats = 0
    for what, number in steps:
        if what == "beats":
            watched.beats(number)
            beats += number
            real += 30 * number
        elif what == "jumps":  # by being set, or while the machine sleeps
            watched.clocks.wall += number * SECOND
        else:
            name = f"n{number}"
            register(watched.graveyard, SOURCE, name)
            since.setdefault(name, real)
    items = list(taken.items(read(watched.graveyard.path)))
    (by,) = (item for item in items if isinstance(item, Run))
    for item in items:
        if isinstance(item, Seen):
            claimed = measure([(by, item.runs[by.key])]).watched / SECOND
            assert claimed <= (real - since[item.module.name]) * 1.001 + beats * 0.001 + 0.001


SOURCE = "def loaded(): pass\n"
