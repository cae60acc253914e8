"""Kept graveyards: restarts go on, releases follow each other, and the files stay few."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support_graveyard import module_image
from tombs import layout, rundir
from tombs.block import digest
from tombs.cli.main import main
from tombs.client import kept, source
from tombs.client.source import Access, load
from tombs.errors import GraveyardError
from tombs.evidence.standing import ALIVE, DEAD, Standings
from tombs.formats.words import size
from tombs.runtime import opening
from tombs.runtime.committing import Refused
from tombs.runtime.opening import identity, stem
from tombs.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a", "b", "c")


class Process:
    """A program that is started under a kept graveyard, without a program."""

    def __init__(self, directory: Path, release: str, changed: str = "") -> None:
        run = rundir.kept_id("web", release, ("m",))
        who = identity(run, ["m"], [], "auto", release)
        self.run = run
        made = opening.take_part(stem(str(directory), run), 100, 64 << 10, who, kept=True)
        self.graveyard, self.liveness, self.first = made
        self.graveyard.join()
        # A release changes the body of one function.
        source = "".join(f"def {name}(): return {name == changed}\n" for name in NAMES)
        data = module_image(source, "m", "/srv/m.py")
        self.base = self.graveyard.register(data, digest(data)).base

    def call(self, name: str) -> None:
        """Call a function."""
        self.graveyard.vacate(self.base + NAMES.index(name))

    def end(self, *, in_order: bool = True) -> None:
        """End, or be killed."""
        if in_order:
            self.graveyard.fold(1.0)
            self.graveyard.end()
        self.liveness.leave()
        self.graveyard.close()


def states(directory: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Say what is known of each function under the name."""
    monkeypatch.setenv("TOMBS_DIR", str(directory))
    standings = Standings(load("web"))
    return {one.qualname: one.state for one in standings.functions.values()}


def test_a_restart_goes_on_in_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first process called is alive in the second, and its slots are found again."""
    os.chmod(tmp_path, 0o700)
    for name in "ab":
        process = Process(tmp_path, "1")
        assert process.first == (name == "a")
        process.call(name)
        process.end()
    assert len(rundir.graveyards(str(tmp_path))) == 1
    assert read(rundir.graveyards(str(tmp_path))[0]).functions == 3
    assert states(tmp_path, monkeypatch) == {"a": ALIVE, "b": ALIVE, "c": DEAD}


def test_old_generations_become_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forgotten; a release that runs is left alone, and a few ended ones stay."""
    os.chmod(tmp_path, 0o700)
    running = Process(tmp_path, "0")
    running.call("b")
    for release in range(1, 9):
        process = Process(tmp_path, str(release), "c")
        if release == 1:
            process.call("a")
        process.end()
        kept.compact(str(tmp_path), process.run)
    left = rundir.graveyards(str(tmp_path))
    assert running.graveyard.path in left
    assert len(left) <= kept.NEWEST + 2
    assert states(tmp_path, monkeypatch) == {"a": ALIVE, "b": ALIVE, "c": DEAD}


def test_ten_thousand_workers_take_no_more_room_than_one(tmp_path: Path) -> None:
    """A month of recycled workers: the same functions, found by their module's digest."""
    os.chmod(tmp_path, 0o700)
    process = Process(tmp_path, "1")
    before = os.stat(process.graveyard.path).st_blocks, process.graveyard.region.words[layout.USED]
    process.end()
    for number in range(10_000):
        process = Process(tmp_path, "1")
        process.call(NAMES[number % 2])
        process.end(in_order=number % 3 > 0)
    path = rundir.graveyards(str(tmp_path))[0]
    process = Process(tmp_path, "1")
    after = os.stat(path).st_blocks, process.graveyard.region.words[layout.USED]
    assert after[1] == before[1]
    assert after[0] <= before[0] + 16  # a page more or less is the file system's own business
    assert process.graveyard.region.words[layout.PROCESSES] == 10_002
    process.end()


def test_deployments_without_a_label_find_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation that they have filled becomes history at the next start, and none before."""
    os.chmod(tmp_path, 0o700)
    begun = refused = 0
    for deployment in range(80):
        kept.compact(str(tmp_path), rundir.kept_id("web", "", ("m",)))
        process = Process(tmp_path, "", "c")
        begun += process.first
        text = f"def deployed(): return {deployment}\ndef stays(): pass\n"
        data = module_image(text, "d", "/srv/d.py")
        try:
            base = process.graveyard.register(data, digest(data)).base
        except Refused as fault:
            process.graveyard.drop(digest(data), "d", 2, fault.reason)
            refused += 1
        else:
            process.graveyard.vacate(base + 1 - deployment % 2)
        process.end()
    assert begun == 1 + refused == 2  # 100 slots are full after 48 deployments
    assert len(rundir.kept(str(tmp_path), "web")) == 2
    monkeypatch.setenv("TOMBS_DIR", str(tmp_path))
    found = Standings(load("web")).functions
    assert found["d:stays"].state == found["d:deployed"].state == ALIVE
    assert found["d:stays"].exposure.runs == 2
    assert found["m:c"].state == DEAD


def test_what_one_deployment_has_too_much_begins_no_other_file(tmp_path: Path) -> None:
    """It would be as full as the one there is."""
    os.chmod(tmp_path, 0o700)
    for _ in range(2):
        assert kept.compact(str(tmp_path), rundir.kept_id("web", "", ("m",))) == 0
        process = Process(tmp_path, "")
        text = "".join(f"def f{number}(): pass\n" for number in range(90))
        for name, functions in (("d", text), ("e", text)):
            data = module_image(functions, name, f"/srv/{name}.py")
            if name == "d":
                process.graveyard.register(data, digest(data))
            else:
                process.graveyard.drop(digest(data), name, 90, "slots full")
        process.end()
    assert not os.path.exists(tmp_path / "web.history.gz")


def test_a_graveyard_of_another_version_is_put_aside(tmp_path: Path) -> None:
    """The program isn't left without one, and the old file isn't lost."""
    process = Process(tmp_path, "1")
    process.end()
    path = process.graveyard.path
    with open(path, "r+b") as file:
        file.seek(8)
        file.write((99).to_bytes(4, "little"))
    process = Process(tmp_path, "1")
    assert process.first
    assert [name for name in os.listdir(tmp_path) if name.endswith(".spoiled")]
    process.end()


def test_an_old_release_of_another_version_is_put_aside_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Readers say what to do; the next start does it, unless a process is at work in there."""
    os.chmod(tmp_path, 0o700)
    old, new = Process(tmp_path, "1"), Process(tmp_path, "2")
    new.call("a")
    with open(old.graveyard.path, "r+b") as file:
        file.seek(8)
        file.write((99).to_bytes(4, "little"))
    assert main(["status", "web", "--dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "its format is 99" in told
    assert "Move it away" in told
    kept.compact(str(tmp_path), new.run)
    assert os.path.exists(old.graveyard.path)
    old.end()
    kept.compact(str(tmp_path), new.run)
    assert [name for name in os.listdir(tmp_path) if name.endswith(rundir.SPOILED)]
    assert states(tmp_path, monkeypatch) == {"a": ALIVE, "b": DEAD, "c": DEAD}
    new.end()


def test_time_when_nobody_watched_is_no_exposure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night between two runs is counted apart."""
    process = Process(tmp_path, "1")
    process.end()
    words = process.graveyard.region.words
    night = 8 * 3600 * 10**9
    for word in (layout.CREATED, layout.SEEN):
        words[word] -= night
    steady = time.monotonic_ns  # the machine may be up for less than that
    monkeypatch.setattr(time, "monotonic_ns", lambda: steady() + night)
    process = Process(tmp_path, "1")
    paused = read(process.graveyard.path).paused
    assert night <= paused < night + 60 * 10**9
    process.end()


steps = st.lists(
    st.tuples(
        st.sampled_from("123456"),  # release
        st.sampled_from(("", *NAMES)),  # what it changed
        st.lists(st.sampled_from(NAMES), max_size=2),  # calls
        st.sampled_from(("end", "killed", "goes on")),
        st.booleans(),  # whether the next start compacts
    ),
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_what_was_called_is_never_dead(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[str, str, list[str], str, bool]],
) -> None:
    """Whatever runs, restarts, releases, crashes and compactions follow each other."""
    directory = tmp_path_factory.mktemp("kept")
    os.chmod(directory, 0o700)
    called: set[str] = set()
    running = []
    for release, changed, calls, how, compacts in steps:
        process = Process(directory, release, changed)
        for name in calls:
            process.call(name)
            called.add(name)
        if how == "goes on":
            running.append(process)
        else:
            process.end(in_order=how == "end")
        if compacts:
            kept.compact(str(directory), process.run)
        found = states(directory, monkeypatch)
        assert {name for name in found if found[name] == ALIVE} == called
    for process in running:
        process.end()


def test_every_reader_finds_a_name_in_the_directory_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--dir` is where kept graveyards are looked for, whatever the environment says."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "other").mkdir(mode=0o700)
    process = Process(tmp_path / "run", "1")
    process.call("a")
    process.end()
    monkeypatch.setenv("TOMBS_DIR", str(tmp_path / "other"))
    output = str(tmp_path / "it.json")
    commands = [
        ["status", "web"],
        ["report", "web"],
        ["why", "m.a", "web"],
        ["snapshot", "web", "-o", output],
        ["merge", "web", "-o", output],
        ["diff", "web", "web"],
    ]
    for words in commands:
        assert main([*words, "--dir", str(tmp_path / "run")]) == 0, words
        assert main(words) == 2, words
        assert "web: No such file or directory" in capsys.readouterr().err
    assert (
        load(output).modules.keys()
        == load("web", Access(directory=str(tmp_path / "run"))).modules.keys()
    )


def test_what_it_takes_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all files together, and how large one may become; of each by `tombs ls`."""
    os.chmod(tmp_path, 0o700)
    monkeypatch.setenv("TOMBS_DIR", str(tmp_path))
    for release in range(kept.NEWEST + 2):
        process = Process(tmp_path, str(release))
        process.end()
    kept.compact(str(tmp_path), process.run)
    paths = rundir.kept(str(tmp_path), "web")
    taken = sum(os.stat(path).st_blocks for path in paths) * 512
    most = os.stat(paths[-1]).st_size
    assert kept.room([*paths, f"{paths[-1]}.gone"]) == (3, True, taken, most)
    assert main(["status", "web"]) == 0
    told = f"  kept: 3 generations and the history of older ones, {size(taken)} on disk\n"
    told += f"  a generation takes {size(most)} at most\n"
    assert told in capsys.readouterr().out
    assert main(["status", "web", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"]["taken"] == taken
    assert main(["status", paths[-1]]) == 0
    assert "kept" not in capsys.readouterr().out
    assert main(["ls"]) == 0
    own = os.stat(paths[-1]).st_blocks * 512
    assert f"  {size(own)}  " in capsys.readouterr().out


def test_the_generation_that_runs_is_the_one_to_watch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where none runs it is the last that did; where two do, somebody has to choose."""
    os.chmod(tmp_path, 0o700)
    assert kept.running([]) is None
    old = Process(tmp_path, "1")
    new = Process(tmp_path, "2")
    with pytest.raises(GraveyardError, match="several generations") as told:
        kept.running(rundir.kept(str(tmp_path), "web"))
    assert old.graveyard.path in told.value.message
    assert new.graveyard.path in told.value.message
    new.end()
    assert kept.running(rundir.kept(str(tmp_path), "web")) == old.graveyard.path
    old.end()
    os.utime(new.graveyard.path)
    assert kept.running(rundir.kept(str(tmp_path), "web")) == new.graveyard.path
    assert main(["watch", "web", "--dir", str(tmp_path), "--patience", "0s", "--plain"]) == 0
    assert "the run has ended; 3 functions, 0 vacated" in capsys.readouterr().out


def test_a_generation_that_becomes_history_while_it_is_read_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listed the files before looks again; a file that is spoiled is still an error."""
    os.chmod(tmp_path, 0o700)
    process = Process(tmp_path, "1")
    process.call("a")
    process.end()
    (path,) = rundir.kept(str(tmp_path), "web")
    listings = [[f"{path}.gone"], [path], [path]]
    monkeypatch.setattr(source, "kept_files", lambda *_: listings.pop(0))
    assert len(load("web").modules) == 1
    listings += [[f"{path}.gone"], [f"{path}.gone"]]
    with pytest.raises(GraveyardError, match=r"\.gone: No such file"):
        load("web")
