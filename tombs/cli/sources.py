"""What the commands that read evidence have in common."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tombs import rundir
from tombs.cli.entry import tell
from tombs.cli.progress import progress
from tombs.client.graveyards import the_live_one
from tombs.client.source import Access, items
from tombs.errors import TombsError
from tombs.evidence import files, saved
from tombs.evidence.model import Evidence
from tombs.inventory import listing, modules
from tombs.listings import Listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tombs.evidence.reading import Item, Known

Command = TypeVar("Command", bound="Callable[..., Any]")

source_argument = click.argument("source", metavar="[SOURCE]", required=False)
output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    help="Where to; compressed where the name ends in .gz or .zst; - is standard output.",
)
namespace_option = click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    multiple=True,
    help="Of the source tree, take only modules with this dotted prefix.",
)


def tree_option(told: str, flag: str = "--source", name: str = "trees") -> Callable[..., Any]:
    """Make the option that names source trees; `told` is its help."""
    return click.option(flag, name, metavar="DIR", multiple=True, help=told)


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    context.meta[f"tombs.{parameter.name}"] = value


def _told(name: str) -> str | None:
    context = click.get_current_context(silent=True)
    value: str | None = context.meta.get(f"tombs.{name}") if context is not None else None
    return value


directory_option = click.option(
    "--dir",
    "directory",
    envvar="TOMBS_DIR",
    metavar="PATH",
    callback=_remember,
    expose_value=False,
    help="The run directory to look in for live and for kept graveyards (TOMBS_DIR).",
)
_token_option = click.option(
    "--token-file",
    envvar="TOMBS_TOKEN_FILE",
    metavar="PATH",
    callback=_remember,
    expose_value=False,
    help="The file with the token that a program at tcp:// may demand (TOMBS_TOKEN_FILE).",
)


def reading_options(command: Command) -> Command:
    """Add what all readers of evidence take; `chosen` and `gather` see to it."""
    return directory_option(_token_option(command))


def directory() -> str | None:
    """Give the run directory of the command that runs, if it was told one."""
    return _told("directory")


def token_file() -> str | None:
    """Give the token file of the command that runs, if it was told one."""
    return _told("token_file")


def chosen(source: str | None) -> str:
    """Give the source that was named, or the only live graveyard."""
    return source or the_live_one(directory(), os.environ)


def gather(source: str, trees: Sequence[str] = (), namespace: Sequence[str] = ()) -> Evidence:
    """Read evidence, and add what the source trees have."""
    evidence = Evidence()
    for item, key in progress(pieces(source, {}), f"reading {source}"):
        evidence.add(item, key)
    for tree in trees:
        add_inventory(evidence, tree, namespace)
    return evidence


def pieces(source: str, known: Known) -> Iterator[Item]:
    """Yield evidence as `tombs.client.source.items` does."""
    return items(source, known, Access(token_file(), directory()))


def add_inventory(evidence: Evidence, tree: str, namespace: Sequence[str]) -> None:
    """Add what a source tree has; a file that can't be read is told on stderr."""
    kept = Listings(_cache())
    places = modules(tree, namespace)
    faults: list[str] = []  # told when nothing else is drawn
    read = listing(places, faults.append, kept)
    for listed in progress(read, f"reading {tree}", len(places)):
        evidence.add(listed)
    for fault in faults:
        tell("tombs", _clean(fault))
    # A cache that can't be written costs time and nothing else.
    with suppress(OSError):
        kept.save()


def _cache() -> str | None:
    directories = rundir.find(directory(), os.environ)
    run = directories[0] if directories else ""
    return rundir.cache(os.environ.get("TOMBS_CACHE") or None, run, os.environ)


def colored() -> bool:
    """Tell whether standard output shows colours, and is wanted to (NO_COLOR, TERM)."""
    environ = os.environ
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


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


def save(path: str, evidence: Evidence) -> None:
    """Write a snapshot, whole or not at all.

    Raises:
        TombsError: it can't be written.
    """
    lines = saved.write(evidence)
    files.write(path, lines if path == "-" else progress(lines, f"writing {path}"))
