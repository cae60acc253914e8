"""The README says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.table import FAULTS
from tombs import config

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(?P<flags>-.*?)`(?P<many> \(repeatable\))? \| `(?P<variable>\w+)` \|", re.MULTILINE
)


def row(option: config.Option) -> str:
    """Write an option's row of the table."""
    value = "" if option.switch else " " + option.metavar.replace("|", "\\|")
    flags = ", ".join(option.flags) + value
    many = " (repeatable)" if option.multiple else ""
    return f"| `{flags}`{many} | `{option.variable}` | {option.default} | {option.purpose} |"


def test_the_table_of_options_is_the_one_in_the_program() -> None:
    """Every option stands in the README with its variable, default and purpose, and no other."""
    rows = [line for line in README.splitlines() if ROW.match(line)]
    assert rows == [row(option) for option in config.OPTIONS]


def test_every_file_that_is_pointed_to_is_there() -> None:
    """A link in the README leads somewhere."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    missing = [link for link in links if not (Path(__file__).parent.parent / link).exists()]
    assert not missing


def test_the_faults_that_were_tried_are_those_of_the_table() -> None:
    """Their number is the table's."""
    (number,) = re.findall(r"(\d+) rows of \[a table\]\(tests/faults/table.py\)", README)
    assert int(number) == len(FAULTS)
