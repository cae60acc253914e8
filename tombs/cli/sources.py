"""What the commands that read evidence have in common."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import click

from tombs import rundir
from tombs.cli.entry import tell
from tombs.client.graveyards import the_live_one
from tombs.client.source import load
from tombs.errors import TombsError
from tombs.inventory import inventory
from tombs.listings import Listings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tombs.evidence.model import Evidence

Item = TypeVar("Item")
_KEPT = "tombs.token_file"  # among what click keeps for a command

directory_option = click.option(
    "--dir",
    "directory",
    envvar="TOMBS_DIR",
    metavar="PATH",
    help="The run directory to look in where no SOURCE is given (TOMBS_DIR).",
)


def _remember(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    context.meta[_KEPT] = value


token_option = click.option(
    "--token-file",
    envvar="TOMBS_TOKEN_FILE",
    metavar="PATH",
    callback=_remember,
    expose_value=False,
    help="The file with the token that a program at tcp:// may demand (TOMBS_TOKEN_FILE).",
)


def token_file() -> str | None:
    """Give the token file of the command that runs, if it was told one."""
    context = click.get_current_context(silent=True)
    path: str | None = context.meta.get(_KEPT) if context is not None else None
    return path


def chosen(source: str | None, directory: str | None) -> str:
    """Give the source that was named, or the only live graveyard."""
    return source or the_live_one(directory, os.environ)


def gather(source: str, directories: Sequence[str] = (), namespace: Sequence[str] = ()) -> Evidence:
    """Read evidence, and add what the source trees have."""
    evidence = load(source, token_file=token_file())
    for directory in directories:
        add_inventory(evidence, directory, namespace)
    return evidence


def add_inventory(evidence: Evidence, directory: str, namespace: Sequence[str]) -> None:
    """Add what a source tree has; a file that can't be read is told on stderr."""
    kept = Listings(_cache())
    listing = inventory(directory, namespace, lambda fault: tell("tombs", _clean(fault)), kept)
    for listed in progress(listing, f"reading {directory}"):
        evidence.add(listed)
    # A cache that can't be written costs time and nothing else.
    with suppress(OSError):
        kept.save()


def _cache() -> str | None:
    directories = rundir.find(os.environ.get("TOMBS_DIR") or None, os.environ)
    run = directories[0] if directories else ""
    return rundir.cache(os.environ.get("TOMBS_CACHE") or None, run, os.environ)


def progress(items: Iterable[Item], label: str, length: int | None = None) -> Iterator[Item]:
    """Pass items on and show on a terminal how far it is; nothing where nobody waits."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
        yield from bar


def need_for_html(*names: str) -> None:
    """See to it that the packages are there which a page is made with.

    Raises:
        TombsError: naming those that are missing.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise TombsError(
            f"HTML needs {' and '.join(missing)}: not installed here",
            "Install what is missing: pip install 'tombs[report]'",
        )


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
