"""Reading [tool.tombs] of pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tombs import config
from tombs.cli.project import from_project

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, text: str) -> str:
    """Write a pyproject.toml and give its path."""
    path = directory / "pyproject.toml"
    path.write_text(text)
    return str(path)


def test_every_option_has_its_key(tmp_path: Path) -> None:
    """Each kind of value is read: lists, strings, integers."""
    write(tmp_path, '[tool.tombs]\nnamespace = ["app", "lib"]\nslots = 9\nstrings = "64K"\n')
    layer, faults = from_project(str(tmp_path))
    settings = config.settle([layer])
    assert not faults
    assert (settings.namespace, settings.slots, settings.strings) == (("app", "lib"), 9, 65536)


def test_the_nearest_file_that_speaks_of_tombs_is_read(tmp_path: Path) -> None:
    """A package's own pyproject.toml doesn't hide that of its repository, unless it speaks."""
    inner = tmp_path / "package" / "src"
    inner.mkdir(parents=True)
    write(tmp_path, "[tool.tombs]\nslots = 1\n")
    write(tmp_path / "package", "[tool.other]\nslots = 2\n")
    assert from_project(str(inner))[0]["slots"].texts == ["1"]
    write(inner, "[tool.tombs]\n")
    assert from_project(str(inner)) == ({}, [])


def test_tables_of_other_commands_are_no_fault(tmp_path: Path) -> None:
    """[tool.tombs.windows] is for the readers of graveyards."""
    write(tmp_path, '[tool.tombs.windows]\n"app.**" = "400d"\n')
    assert from_project(str(tmp_path)) == ({}, [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.tombs]\nnamspace = 'a'", "tool.tombs.namspace: no such option; did you mean name"),
        ("[tool.tombs]\nxyz = 1", "tool.tombs.xyz: no such option; allowed are namespace, exclude"),
        ("[tool.tombs]\nslots = true", "tool.tombs.slots: True is not allowed; a string or an"),
        ("[tool.tombs]\nslots = 1.5", "tool.tombs.slots: 1.5 is not allowed"),
        ("[tool.tombs]\nslots = ['1']", "tool.tombs.slots: ['1'] is not allowed"),
        ("[tool.tombs]\nexclude = [1]", "tool.tombs.exclude: [1] is not allowed; a string or a l"),
        ("[tool.tombs]\nwindows = 1", "tool.tombs.windows: no such option"),
        ("[tool]\ntombs = 1", "tool.tombs is no table"),
        ("[tool.tombs\n", "line 1"),
    ],
)
def test_a_fault_names_the_file_and_the_key(tmp_path: Path, text: str, told: str) -> None:
    """What can't be used is told with its file and key."""
    path = write(tmp_path, text)
    _, (fault,) = from_project(str(tmp_path))
    assert fault.startswith(f"{path}: ")
    assert told in fault


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """Settings that may be there are never passed over in silence."""
    (tmp_path / "pyproject.toml").mkdir()
    _, (fault,) = from_project(str(tmp_path))
    assert "can't be read" in fault
