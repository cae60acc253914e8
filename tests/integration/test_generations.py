"""A kept graveyard over releases of a real package, under gunicorn whose workers are recycled.

Three releases of Flask and a hotfix follow one another: restarts, a start of which every process is
killed, two releases side by side, a clock that is set back, and old generations that become
history. What ran is known from the same requests, served by the same gunicorn in a run of its own
below a tracer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ground_truth, support_clock, support_runs
from tests import support_generations as support
from tests.support_generations import HOTFIX, Server, Truth
from tombs import rundir
from tombs.client.kept import NEWEST
from tombs.client.source import load
from tombs.evidence.standing import ALIVE, DEAD, Standing, Standings
from tombs.snapshot import read

OLD, NEXT, LATEST = support.VERSIONS
# What each release is asked for, start by start.
ASKED = {
    OLD: [["/", "/json"] * 4, ["/", "/session"], ["/", "/books/7"]],
    NEXT: [["/", "/template"], ["/", "/redirect"], ["/", "/session"]],
    LATEST: [["/", "/stream"]],
    HOTFIX: [["/", "/flash"]],
}
EPOCH = ("--epoch", "10s")
SECOND = 10**9


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The releases."""
    return support.packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def truths(packages: dict[str, Path]) -> Iterator[dict[str, Truth]]:
    """What each release ran, of all that it is asked for."""
    with support_runs.short_directory() as place:
        yield {
            release: support.traced(
                Server(place, package, release), [path for one in ASKED[release] for path in one]
            )
            for release, package in packages.items()
        }


class Deployments:
    """The program's history, told start by start.

    Args:
        engine: the engine.
        place: where it runs.
        packages: the releases.
    """

    def __init__(self, engine: str, place: Path, packages: dict[str, Path]) -> None:
        self.engine = engine
        self.run = place / "run"
        self.servers = {label: Server(place, path, label) for label, path in packages.items()}

    def start(self, release: str, asked: list[str], label: str = "", **env: str) -> list[str]:
        """Start a release, have it asked, end it; gives the answers."""
        server = self.servers[release]
        with server.watched(self.engine, label or release, **env):
            return server.ask(*asked)

    def killed(self, release: str, asked: list[str]) -> None:
        """Start a release, have it asked, and kill the master and its workers in one moment.

        What a process has loaded is registered by then: else its functions would be unknown.
        """
        server = self.servers[release]
        with server.watched(self.engine, release, killed=True):
            server.ask(*asked)
            path = self.file(release)
            support_runs.wait_for(lambda: not read(path).waiting or None, "the last module")

    def rolling(self) -> tuple[float, float]:
        """Run two releases side by side for more than an epoch; gives when its two parts began.

        Each has one worker that stays: only what is armed again can be seen to be called again.
        """
        old, new = self.servers[OLD], self.servers[NEXT]
        began = time.time()
        with (
            old.watched(self.engine, OLD, *EPOCH, recycled=False),
            new.watched(self.engine, NEXT, *EPOCH, recycled=False),
        ):
            for server, asked in ((old, ASKED[OLD][2]), (new, ASKED[NEXT][0])):
                server.ask(*asked)
            again = time.time()
            for server, release in ((old, OLD), (new, NEXT)):
                self.until_armed(server, release, again)
        return began, again

    def until_armed(self, server: Server, release: str, since: float) -> None:
        """Ask for the first page until its call is seen in an epoch that began later."""

        def seen() -> bool | None:
            server.ask("/")
            call = self.of(release)["shop:home"].call
            return True if call and call.last >= (since + 2) * SECOND else None

        support_runs.wait_for(seen, "the next epoch", 40.0)

    def file(self, release: str) -> str:
        """The generation of a release."""
        generation = rundir.kept_id("web", release, (*support.NAMESPACE, "-"))
        (found,) = self.run.glob(f"{generation}-*.graveyard")
        return str(found)

    def of(self, release: str) -> dict[str, Standing]:
        """What is known of one generation alone."""
        return Standings(load(self.file(release))).functions


@pytest.fixture
def deployments(
    rundir: Path, packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Deployments:
    """A history that is about to begin, with the engine that is this Python's own."""
    monkeypatch.setenv("TOMBS_DIR", str(rundir / "run"))
    return Deployments(support_runs.ENGINES[-1], rundir, packages)


def test_a_graveyard_that_is_kept_over_releases(
    deployments: Deployments, truths: dict[str, Truth]
) -> None:
    """In each generation, and in all together, it is as the tracer says, to the function."""
    workers = set(deployments.start(OLD, ASKED[OLD][0])[::2])
    assert len(workers) >= 2, "no worker was recycled"
    processes = deployments.of(OLD)["shop:home"].call
    assert processes is not None
    assert processes.processes == len(workers)
    deployments.start(OLD, ASKED[OLD][1])
    began, again = deployments.rolling()
    check_calls(deployments, began, again)
    deployments.killed(NEXT, ASKED[NEXT][2])
    # Set back for the restart of a generation, and for the begin of another one.
    back = support_clock.shifted(deployments.run.parent, -3 * 86400)
    deployments.start(NEXT, ASKED[NEXT][1], **back)
    deployments.start(LATEST, ASKED[LATEST][0], **back)
    for release in (OLD, NEXT, LATEST):
        check_generation(deployments, release, truths[release])
    for label in ("4", "5"):  # the same code under other labels
        deployments.start(HOTFIX, ASKED[HOTFIX][0], label)
    check_generation(deployments, "5", truths[HOTFIX])
    kept = rundir.kept(str(deployments.run), "web")
    assert kept[0].endswith(rundir.HISTORY)
    assert len(kept) <= 1 + NEWEST + 1
    check_all(Standings(load("web")), truths)


def check_generation(deployments: Deployments, release: str, truth: Truth) -> None:
    """Compare one generation with the truth: each tomb by file, line and name; and its times."""
    snapshot = read(deployments.file(release))
    tombs = b"".join(snapshot.lines("json")).decode().splitlines()
    assert ground_truth.differences(truth.whole, ground_truth.observed(tombs)) == ""
    assert truth.whole.loaded >= 350
    assert snapshot.created <= snapshot.seen
    assert snapshot.waiting == 0
    found = deployments.of(release)
    assert truth.loaded <= found.keys()
    for key in truth.loaded:
        assert found[key].state == (ALIVE if key in truth.ran else DEAD), key
        call = found[key].call
        assert (call is not None) == (key in truth.ran), key
        if call is not None:
            assert call.release == release
            assert snapshot.created - SECOND <= call.first <= call.last
            assert call.processes >= (release != NEXT)  # who was killed counts as nobody
        assert found[key].exposure.watched <= snapshot.seen - snapshot.created - snapshot.paused


def check_calls(deployments: Deployments, began: float, again: float) -> None:
    """Hold the times of first and last calls against those of the requests."""
    for release, called in ((OLD, "shop:book"), (NEXT, "shop:template")):
        found = deployments.of(release)
        once, often = found[called].call, found["shop:home"].call
        assert once is not None
        assert often is not None
        assert (began - 2) * SECOND <= once.first <= once.last <= (again + 1) * SECOND
        assert often.last >= (again + 2) * SECOND
        assert often.first <= (again + 1) * SECOND
    first = deployments.of(OLD)["shop:home"].call
    assert first is not None
    assert first.first < began * SECOND, "the first start's call is forgotten"


def check_all(standings: Standings, truths: dict[str, Truth]) -> None:
    """Compare all generations together, the history among them."""
    functions = standings.functions
    loaded = set().union(*(truth.loaded for truth in truths.values()))
    ran = set().union(*(truth.ran for truth in truths.values()))
    # A name that stands twice in one release is told apart there; its sum isn't the test's matter.
    both = {one.partition("#")[0] for one in functions if "#" in one}
    differing = {
        key: functions[key].state
        for key in loaded - both
        if functions[key].state != (ALIVE if key in ran else DEAD)
    }
    assert not differing
    labels = {"4", "5", OLD, NEXT, LATEST}
    assert set(standings.exposure.releases) == labels
    for key, label in (("shop:book", OLD), ("shop:flash", "5"), ("shop:home", "5")):
        call = functions[key].call
        assert call is not None
        assert call.release == label
    assert functions[support.REMOVED].state == DEAD
    assert set(functions[support.ADDED].exposure.releases) == {"4", "5"}
    # What was moved is the same code, and what was watched of it counts; what was changed is not.
    assert set(functions[support.MOVED].exposure.releases) >= {LATEST, "4", "5"}
    assert set(functions[support.CHANGED].exposure.releases) == {"4", "5"}
