"""Real programs against an independent tracer: the tombs are what was loaded and did not run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ground_truth, support_runs

PLACE = support_runs.PROGRAMS / "truth"


class Program(NamedTuple):
    """A program, the namespace that is watched, and how many functions it must at least load."""

    file: str
    namespace: tuple[str, ...]
    loaded: int


PROGRAMS = {
    "pygments": Program("use_pygments.py", ("pygments",), 250),
    "jinja2": Program("use_jinja2.py", ("jinja2",), 700),
    "django": Program("use_django.py", ("django", "site_project"), 6000),
    "sympy": Program("use_sympy.py", ("sympy",), 10000),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the programs."""
    made = tmp_path_factory.mktemp("truth")
    shutil.copytree(PLACE, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_tombs_are_what_never_ran(
    name: str, engine: str, rundir: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not one function differs from what sys.setprofile saw, by file, line and name."""
    program = PROGRAMS[name]
    record, dump = place / f"{name}.{engine}.record", place / f"{name}.{engine}.tombs"
    words = ground_truth.traced(record, program.namespace, place / program.file)
    command = support_runs.under_tombs(
        engine,
        rundir,
        [sys.executable, *words],
        namespace=program.namespace,
        options=["--dump", str(dump), "--socket", "0"],
    )
    suite = {k: v for k, v in os.environ.items() if k == "TOMBS_TEST_JINJA2"}
    finished = support_runs.run(command, place, env=suite, deadline=300)
    assert (finished.code, finished.told) == (0, []), finished.err[-2000:]
    truth = ground_truth.truth(record)
    found = ground_truth.observed(support_runs.dumped(dump))
    with capsys.disabled():
        left_out = "; ".join(f"{n} {why}" for why, n in truth.left_out.items()) or "nothing"
        print(  # noqa: T201 - what was compared is part of the result
            f"\n{name} ({engine}): {truth.modules} modules, {truth.loaded} functions,"
            f" {truth.ran} ran, {truth.tombs.total()} tombs; left out: {left_out}"
        )
    assert ground_truth.differences(truth, found) == ""
    assert truth.loaded >= program.loaded
