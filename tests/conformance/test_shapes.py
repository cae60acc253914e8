"""The table of function shapes: what a program does and sees, and which tombs there are.

The rows are the modules of programs/shapes and those that large_shapes makes. All are driven in one
process for each engine; the cases look at their own module's part of what came out.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest

from tests import ground_truth, support_runs
from tests.conformance import large_shapes

HERE = Path(__file__).parent / "programs"
MARK = re.compile(r"# tomb: (.+)$", re.MULTILINE)


def _modules() -> list[str]:
    written = [path.stem for path in (HERE / "shapes").glob("*.py") if path.stem != "__init__"]
    found = []
    for name in [*written, *large_shapes.sources()]:
        needed = re.search(r"_py3(\d+)$", name)
        if needed is None or sys.version_info >= (3, int(needed[1])):
            found.append(name)
    return sorted(found)


class Observed(NamedTuple):
    """One run of every shape: what each module's drive saw, and the tombs at the end."""

    seen: dict[str, Any]
    lines: dict[str, Any]
    tombs: list[str]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shapes, with the made ones among them."""
    place = tmp_path_factory.mktemp("shapes")
    shutil.copytree(HERE, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    support_runs.write(place / "shapes", {f"{k}.py": v for k, v in large_shapes.sources().items()})
    return place


@pytest.fixture(scope="module")
def rundir() -> Iterator[Path]:
    """A run directory of its own."""
    with support_runs.short_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def plain(workplace: Path) -> Observed:
    """What is seen without Tombs."""
    python = [sys.executable, "observe.py"]
    seen = support_runs.run(python, workplace)
    lines = support_runs.run([*python, "lines"], workplace)
    assert (seen.code, seen.err, lines.code, lines.err) == (0, "", 0, "")
    return Observed(_by_module(seen.out), _by_module(lines.out), [])


@pytest.fixture(scope="module", params=support_runs.ENGINES)
def watched(request: pytest.FixtureRequest, workplace: Path, rundir: Path) -> Observed:
    """What is seen under Tombs with one engine."""
    told = {}
    for what in ("seen", "lines"):
        dump = workplace / f"{request.param}.{what}.tombs"
        finished = support_runs.run(
            support_runs.under_tombs(
                request.param,
                rundir,
                [sys.executable, "observe.py", what],
                namespace=["shapes"],
                options=["--dump", str(dump)],
            ),
            workplace,
        )
        assert (finished.code, finished.own_err) == (0, "")
        told[what] = (_by_module(finished.out), support_runs.dumped(dump))
    # The tracer of lines enters nothing by itself: both runs leave the same tombs.
    assert sorted(told["seen"][1]) == sorted(told["lines"][1])
    return Observed(told["seen"][0], told["lines"][0], told["seen"][1])


@pytest.mark.parametrize("module", _modules())
class TestShape:
    """One module of shapes."""

    def test_behaves_the_same(self, module: str, plain: Observed, watched: Observed) -> None:
        """Results, output, warnings and the text of tracebacks are as without Tombs."""
        for part in ("result", "problem", "written", "warned"):
            assert watched.seen[module][part] == plain.seen[module][part]

    def test_inspects_the_same(self, module: str, plain: Observed, watched: Observed) -> None:
        """What inspect and the code objects tell is as without Tombs, before and after the call."""
        for part in ("before", "after"):
            assert watched.seen[module][part] == plain.seen[module][part]

    def test_traces_the_same(self, module: str, plain: Observed, watched: Observed) -> None:
        """A tracer of lines goes through the same lines."""
        mine, others = watched.lines[module]["lines"], plain.lines[module]["lines"]
        if module == "zz_recursion":
            # A prologue that stays needs a frame of its own: the limit is met one call earlier.
            mine, others = sorted(set(mine)), sorted(set(others))
        assert mine == others

    def test_tombs_are_exactly_right(self, module: str, watched: Observed, workplace: Path) -> None:
        """The tombs are the functions marked as such in the source, by name and by line."""
        file = str(workplace / "shapes" / f"{module}.py")
        found = ground_truth.observed(watched.tombs)
        of_module = {place: n for place, n in found.items() if place.file == file}
        assert of_module == _marked(Path(file), module)

    def test_last_lines_are_right(self, module: str, watched: Observed, workplace: Path) -> None:
        """A tomb ends with its last line of code, that of what is nested in it included."""
        file = str(workplace / "shapes" / f"{module}.py")
        last = {}
        for code in ground_truth.functions(f"shapes.{module}", file):
            name = ground_truth.wire_name(f"shapes.{module}", code.co_qualname)
            last[code.co_firstlineno, name] = _last_line(code)
        for line in watched.tombs:
            tomb = json.loads(line)
            if tomb["location"]["file"] == file:
                (name,) = support_runs.names([line])
                start = tomb["location"]["start"]
                assert tomb["location"]["end"] == last[start, name], line


def _last_line(code: CodeType) -> int:
    own = max(line for _, _, line in code.co_lines() if line)
    return max([own, *(_last_line(c) for c in code.co_consts if isinstance(c, CodeType))])


def _marked(file: Path, module: str) -> Counter[ground_truth.Place]:
    found: Counter[ground_truth.Place] = Counter()
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        mark = MARK.search(line)
        for name in mark[1].split() if mark else ():
            found[ground_truth.Place(str(file), number, f"shapes.{module}.{name}")] += 1
    return found


def _by_module(out: str) -> dict[str, Any]:
    return {told["module"]: told for told in map(json.loads, out.splitlines())}
