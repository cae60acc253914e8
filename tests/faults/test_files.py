"""Files of ours that somebody has spoiled, swapped or taken away: never executed, never trusted."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim, many
from tombs import layout
from tombs.errors import GraveyardError
from tombs.snapshot import read

USES = "import m\nm.called()\nprint(m.called())\n"


def warm(tmp_path: Path, engine: str) -> tuple[Victim, Path]:
    """Run a program often enough to have its module in the cache; gives the pack."""
    victim = Victim(tmp_path, engine)
    for _ in range(3):
        victim.run(USES)
    (pack,) = (tmp_path / "cache").glob("m-*.pack")
    victim.clear()
    return victim, pack


def runs_well(victim: Victim) -> None:
    """See that the program does what it does without Tombs, and the tombs are right."""
    ran = victim.run(USES)
    assert (ran.out, ran.told, ran.rest) == (["1"], [], "")
    assert victim.tombs() == ["m.dead"]
    victim.clear()


def cut(pack: Path) -> None:
    """Cut it short."""
    os.truncate(pack, pack.stat().st_size // 2)


def empty(pack: Path) -> None:
    """Leave nothing of it."""
    os.truncate(pack, 0)


def garbage(pack: Path) -> None:
    """Write something else."""
    pack.write_bytes(random.randbytes(1 << 16))


def other_python(pack: Path) -> None:
    """Make it one of another Python's."""
    data = bytearray(pack.read_bytes())
    data[20:24] = struct.pack("<I", 0x030100F0)
    pack.write_bytes(data)


def open_to_all(pack: Path) -> None:
    """Let others write to it."""
    pack.chmod(0o666)


def foreign(pack: Path) -> None:
    """Make it somebody else's."""
    os.chown(pack, 12345, 12345)


def link(pack: Path) -> None:
    """Put a link in its place."""
    os.rename(pack, pack.with_suffix(".real"))
    pack.symlink_to(pack.with_suffix(".real"))


def directory(pack: Path) -> None:
    """Put a directory in its place."""
    pack.unlink()
    pack.mkdir(0o700)


SPOILS = (cut, empty, garbage, other_python, open_to_all, foreign, link, directory)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_spoiled_pack_is_ignored_and_made_anew(
    tmp_path: Path, engine: str, spoil: Callable[[Path], None]
) -> None:
    """The program runs its own code, whatever lies there; a directory stays as it is."""
    if spoil is foreign and os.geteuid():
        pytest.skip("only root can give a file away")
    victim, pack = warm(tmp_path, engine)
    spoil(pack)
    if spoil is directory:
        ran = victim.run(USES)
        assert (ran.out, ran.rest) == (["1"], "")
        assert len(ran.told) == 1
        assert pack.is_dir()
        return
    runs_well(victim)
    assert pack.is_file()
    assert not pack.is_symlink()
    assert pack.stat().st_mode & 0o077 == 0
    runs_well(victim)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_flipped_byte_of_a_pack_is_executed(tmp_path: Path, engine: str) -> None:
    """One flipped byte after the other: the entry is made anew, the program runs its own code."""
    victim, pack = warm(tmp_path, engine)
    whole = pack.read_bytes()
    for at in random.sample(range(len(whole)), min(len(whole), many(25))):
        data = bytearray(whole)
        data[at] ^= 1 << random.randrange(8)
        pack.write_bytes(data)
        runs_well(victim)


def test_a_pack_that_can_not_be_written_is_no_trouble(tmp_path: Path) -> None:
    """A cache directory that is a file, or read-only: the program runs."""
    victim, pack = warm(tmp_path, "auto")
    shutil.rmtree(pack.parent)
    pack.parent.write_text("mine")
    ran = victim.run(USES)
    assert (ran.out, ran.rest) == (["1"], "")
    assert pack.parent.read_text() == "mine"
    assert victim.tombs() == ["m.dead"]


HEADS = {
    "newer": (8, struct.pack("<I", layout.VERSION + 1)),
    "older": (8, struct.pack("<I", 0)),
    "other byte order": (12, struct.pack(">I", layout.PROBE)),
    "no graveyard": (0, b"something else altogether"),
    "lengths": (16, struct.pack("<Q", 1 << 62)),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_graveyard_of_another_format(tmp_path: Path, kind: str) -> None:
    """It is refused by name and nothing of it is overwritten; readers say what it is."""
    victim = Victim(tmp_path)
    victim.run(USES, TOMBS_RUN="app-00000000")
    (path,) = victim.graveyards()
    data = bytearray(Path(path).read_bytes())
    at, what = HEADS[kind]
    data[at : at + len(what)] = what
    Path(path).write_bytes(data)
    ran = victim.run(USES, TOMBS_RUN="app-00000000")
    assert (ran.out, ran.rest) == (["1"], "")
    assert len(ran.told) == 1
    assert path in ran.told[0]
    assert Path(path).read_bytes() == data
    with pytest.raises(GraveyardError, match="app-00000000"):
        read(path)


def test_two_applications_on_one_path(tmp_path: Path) -> None:
    """Two that are given one run share its graveyard; neither spoils what the other has there."""
    victim = Victim(tmp_path)
    victim.write("app.py", "def called(): pass\ndef dead(): pass\n")
    victim.run(USES, TOMBS_RUN="same-00000000")
    ran = victim.run("import app; app.called()", TOMBS_RUN="same-00000000", TOMBS_SLOTS="7")
    assert (ran.told, ran.rest) == ([], "")
    assert victim.tombs() == ["app.dead", "m.dead"]


CHANGES = {
    "removed": "os.unlink(path)",
    "replaced": "os.rename(other, path)",
    "directory removed": "import shutil; shutil.rmtree(os.path.dirname(path))",
    "renamed": "os.rename(path, path + '.old')",
    "closed to us": "os.chmod(path, 0)",
    "lock removed": "os.unlink(path.replace('.graveyard', '.lock'))",
    "socket removed": "os.unlink(path.replace('.graveyard', '.sock'))",
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_graveyard_that_goes_while_it_is_used(tmp_path: Path, how: str) -> None:
    """The program goes on: it imports, calls, forks and ends as if nothing had happened."""
    victim = Victim(tmp_path)
    victim.write("app.py", "def called(): return 2\ndef dead(): pass\n")
    ran = victim.run(
        "import os, sys, m\n"
        "session = sys.modules['tombs.process'].current()\n"
        "path, other = session.path, session.path + '.other'\n"
        "m.called(); session._last_words()\n"
        "open(other, 'wb').write(b'somebody else wrote this')\n"
        f"{CHANGES[how]}\n"
        "session._background.wake()\n"
        "import app; print(app.called())\n"
        "session._last_words(); session._liveness.keep(); session.graveyard.beat()\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(app.called())\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n",
        TOMBS_SOCKET="",
    )
    assert (ran.out, ran.rest) == (["2", "2"], "")
    assert len(ran.told) <= 1, ran.told
    if how == "replaced":
        (path,) = victim.graveyards()
        assert Path(path).read_bytes() == b"somebody else wrote this"


def test_readers_of_a_graveyard_that_is_being_spoiled(tmp_path: Path) -> None:
    """Bytes flipped while it is read: a clear error or an answer, never anything else."""
    victim = Victim(tmp_path)
    victim.run(USES, TOMBS_SLOTS="100", TOMBS_STRINGS="64K")
    (path,) = victim.graveyards()
    whole = Path(path).read_bytes()
    used = layout.regions(100, 1)[1] + 2048
    for _ in range(many(1000)):
        with open(path, "r+b") as file:
            for _ in range(random.randrange(1, 4)):
                file.seek(random.choice((random.randrange(320), random.randrange(used))))
                file.write(random.randbytes(random.choice((1, 1, 4, 8))))
        with contextlib.suppress(GraveyardError):
            snapshot = read(path)
            b"".join(snapshot.lines("json"))
            snapshot.notes()
        Path(path).write_bytes(whole)


def test_a_graveyard_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    """From outside, again and again: a reader reads, and never maps what somebody may cut."""
    victim = Victim(tmp_path)
    victim.run(USES, TOMBS_SLOTS="100", TOMBS_STRINGS="64K")
    (path,) = victim.graveyards()
    whole = Path(path).read_bytes()
    answers = {"whole": 0, "refused": 0}
    done = threading.Event()
    read_once = threading.Event()

    def cut() -> None:
        while not done.is_set():
            os.truncate(path, random.randrange(len(whole)))
            with open(path, "r+b") as file:
                file.write(whole)
            if not random.randrange(50):  # or the two could keep step for ever
                for _ in range(2):  # one may have begun before
                    read_once.clear()
                    done.is_set() or read_once.wait(20)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        for number in range(many(2000)):
            if number >= many(200) and all(answers.values()):
                break
            try:
                assert b"".join(read(path).lines("function")) in (b"m.dead\n", b"")
                answers["whole"] += 1
            except GraveyardError:
                answers["refused"] += 1
            read_once.set()
    finally:
        done.set()
        read_once.set()
        cutter.join()
    assert all(answers.values()), answers
