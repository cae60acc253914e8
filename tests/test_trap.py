"""Functions marked by the team: who first calls one is kept, however young it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import python
from tests.support_graveyard import module_image, opened
from tests.support_session import ENGINES, Program
from tombs import layout
from tombs.block import digest
from tombs.patterns import Patterns
from tombs.runtime import graveyard as module
from tombs.snapshot import read

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """\
def legacy_report():
    return 1

def other():
    return 2

class Fax:
    def send(self):
        return legacy_report()
"""
USES = """\
import m
def job():
    m.other()
    return m.Fax().send()
def main():
    for _ in range(3):
        job()
main()
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_caller_is_kept_once(engine: str, tmp_path: Path) -> None:
    """With nothing in the cache and with all; over a restart; of what is marked alone."""
    program = Program(tmp_path)
    program.write("m.py", MODULE)
    options = ["-n", "m", "--engine", engine, "--name", "it", "--trap", "m.legacy_*,m.Fax.**"]
    for release in ("1", "1", "2"):
        launch = (*options, "--release", release)
        ran = program.run(USES, launch=launch, TOMBS_CACHE=str(tmp_path / "cache"))
        assert ran.told == []
    graveyards = program.graveyards()
    assert len(graveyards) == 2
    for path in graveyards:
        snapshot = read(path)
        assert snapshot.waiting == 0
        kept = {stack["frames"][0][1]: stack["frames"] for stack in snapshot.stacks()}
        assert len(kept) == len(snapshot.stacks()) == 2
        assert [name for _, name, _ in kept["Fax.send"]] == ["Fax.send", "job", "main", "<module>"]
        assert kept["legacy_report"][1] == [str(tmp_path / "m.py"), "Fax.send", 9]
        assert kept["legacy_report"][2][1:] == ["job", 4]
    words = ["-m", "tombs.cli.main", "why", "legacy_report", graveyards[0]]
    told = python(words, program.env(), check=True).stdout
    assert "  first called 20" in told
    assert f"UTC, by\n    {tmp_path}/m.py:9 in Fax.send\n" in told
    assert "in legacy_report" not in told


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_marked_is_set_aside_as_ever(engine: str, tmp_path: Path) -> None:
    """A pattern that leads elsewhere costs a module nothing, and keeps nothing."""
    program = Program(tmp_path)
    program.write("m.py", MODULE)
    launch = ("-n", "m", "--engine", engine, "--trap", "n.**")
    ran = program.run(USES, launch=launch, TOMBS_CACHE="0")
    assert ran.told == []
    assert program.snapshot().stacks() == []


def test_stacks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, and by the room that modules need."""
    monkeypatch.setattr(module, "STACKS", 5)
    graveyard = opened(tmp_path)
    graveyard.traps = Patterns(["m.**"])
    data = module_image("".join(f"def f{number}(): pass\n" for number in range(50)))
    base = graveyard.register(data, digest(data)).base
    for number in range(20):
        graveyard.vacate(base + number)
    graveyard.fold(1.0)
    assert len(read(graveyard.path).stacks()) == 5
    monkeypatch.setattr(module, "STACKS", 1000)
    graveyard.shorten = lambda path: path * 5
    for number in range(20, 50):
        graveyard.vacate(base + number)
    graveyard.fold(1.0)
    assert 5 < len(read(graveyard.path).stacks()) < 35
    used = graveyard.region.words[layout.USED]
    assert used <= graveyard.region.strings - (graveyard.region.strings >> 2)
