"""What the commands that read evidence have in common."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar

import click

from tombs.cli.entry import tell
from tombs.client.graveyards import the_live_one
from tombs.client.source import load
from tombs.inventory import inventory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tombs.evidence.model import Evidence

Item = TypeVar("Item")

directory_option = click.option(
    "--dir",
    "directory",
    envvar="TOMBS_DIR",
    metavar="PATH",
    help="The run directory to look in where no SOURCE is given (TOMBS_DIR).",
)


def chosen(source: str | None, directory: str | None) -> str:
    """Give the source that was named, or the only live graveyard."""
    return source or the_live_one(directory, os.environ)


def gather(source: str, directories: Sequence[str] = (), namespace: Sequence[str] = ()) -> Evidence:
    """Read evidence, and add what the source trees have."""
    evidence = load(source)
    for directory in directories:
        add_inventory(evidence, directory, namespace)
    return evidence


def add_inventory(evidence: Evidence, directory: str, namespace: Sequence[str]) -> None:
    """Add what a source tree has; a file that can't be read is told on stderr."""
    listing = inventory(directory, namespace, lambda fault: tell("tombs", _clean(fault)))
    for listed in progress(listing, f"reading {directory}"):
        evidence.add(listed)


def progress(items: Iterable[Item], label: str, length: int | None = None) -> Iterator[Item]:
    """Pass items on and show on a terminal how far it is; nothing where nobody waits."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
        yield from bar


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
