"""Merging: one piece at a time, of one application, and fast enough for a fleet."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import environment, python
from tests.support_evidence import evidence, run, save
from tombs.errors import GraveyardError
from tombs.evidence import files
from tombs.evidence.model import Evidence, Function, Module, Run, Seen
from tombs.evidence.saved import write
from tombs.merge import Merging, merge

if TYPE_CHECKING:
    from pathlib import Path


def pieces(made: Evidence) -> list[tuple[object, None]]:
    """Give evidence as a reader does."""
    return [(item, None) for item in made.items()]


def test_merging_by_pieces_is_merging() -> None:
    """What is read piece by piece gives what whole evidence gives."""
    one = evidence({"shop.a": {"f": "dead"}}, by=run("shop-1"))
    two = evidence({"shop.a": {"f": "alive"}}, by=run("shop-2"))
    merging = Merging()
    merging.add(pieces(one), "one")  # type: ignore[arg-type]
    merging.add(pieces(two), "two")  # type: ignore[arg-type]
    assert merging.evidence == merge([one, two])


def test_two_applications_are_not_mixed() -> None:
    """Unless that is asked for; the source that is to blame is named."""
    one, two = evidence({}, by=run("a")), evidence({}, by=run("b", application="bank"))
    merging = Merging()
    merging.add(pieces(one), "one.json")  # type: ignore[arg-type]
    with pytest.raises(GraveyardError, match=r"two\.json: is of the application 'bank'"):
        merging.add(pieces(two), "two.json")  # type: ignore[arg-type]
    mixed = Merging(one_application=False)
    for made in (one, two):
        mixed.add(pieces(made), "it")  # type: ignore[arg-type]
    assert mixed.evidence.applications() == ["bank", "shop"]


def large(seed: int, functions: int, by: Run, a_module: int = 50) -> Evidence:
    """Make a large program's evidence; the program is the same for every seed."""
    draw = random.Random(seed)
    made = Evidence([by])
    for number in range(functions // a_module):
        rows = tuple(
            Function(f"Thing{at // 10}.method_{at}", 10 * at, 10 * at + 8, True, f"{at:016x}")
            for at in range(a_module)
        )
        name = f"shop.package{number % 20}.module{number}"
        module = Module(name, f"/srv/app/{name.replace('.', '/')}.py", "3531", rows)
        states = "".join(draw.choices("0013", k=a_module))
        made.add(Seen(module, states, {by.key: by.created + number}))
    return made


def peak(args: list[str]) -> int:
    """Run a command of tombs, two minutes at most; give its memory in MB."""
    program = (
        "import resource, sys; from tombs.cli.main import main; code = main(sys.argv[1:]);"
        "used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        # Linux counts in what the process was before exec: this test suite. This peak does not.
        "if sys.platform == 'linux': used = next(int(line.split()[1])"
        " for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(used, file=sys.stderr); sys.exit(code)"
    )
    done = python(["-c", program, *args], environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return int(done.stderr.split()[-1]) // unit


def test_a_thousand_snapshots(tmp_path: Path) -> None:
    """Ten thousand functions in each; 300 MB are enough."""
    paths = []
    for seed in range(50):
        path = tmp_path / f"{seed}.json"
        files.write(str(path), write(large(seed, 10_000, run(f"shop-{seed}"))))
        paths.append(str(path))
    # Fifty different ones stand for a thousand: each is given twenty times, and read each time.
    memory = peak(["merge", *(paths * 20), "-o", str(tmp_path / "all.json")])
    assert memory < 300


def test_a_diff_of_a_hundred_thousand_functions(tmp_path: Path) -> None:
    """In 400 MB, in the longest of its forms."""
    old = save(large(1, 100_000, run("shop-1")), tmp_path / "old.json")
    new = save(large(2, 100_000, run("shop-2")), tmp_path / "new.json")
    memory = peak(["diff", old, new, "--format", f"sarif={tmp_path / 'it.sarif'}"])
    assert memory < 400
