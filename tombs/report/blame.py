"""When functions were last changed and by whom, as git tells: one `git blame` a file.

Asking is bounded in time: a history can be long, and a report that says "not asked" of some files
is worth more than one that comes tomorrow. Nothing that a checkout configures is run for it: no
filters, no file system monitor; nothing is fetched that a partial clone lacks.
"""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tombs.evidence.standing import DEAD, NEVER_LOADED
from tombs.report.lines import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from tombs.evidence.standing import Standing
    from tombs.report.tree import Module

PATIENCE: Final = 60.0  # seconds for all files
_PATIENCE_A_FILE: Final = 20.0
_AT_A_TIME: Final = 4
_ASKED: Final = frozenset({DEAD, NEVER_LOADED})
_GIT: Final = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
_ENVIRONMENT: Final = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
# A hook that makes a report has these set, for another checkout perhaps.
_UNSET: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})


class Change(NamedTuple):
    """The last change of a function."""

    when: int  # seconds since the epoch; 0: not committed yet
    author: str
    commit: str
    earlier: bool  # the history is cut off there: it may have been before


class Blame(NamedTuple):
    """What git says of a file: of each line its commit, and the commits."""

    lines: list[str]
    commits: dict[str, Change]

    def of(self, first: int, last: int) -> Change | None:
        """Give the last change of some lines."""
        names = dict.fromkeys(self.lines[max(first - 1, 0) : last])
        if any(not name.strip("0") for name in names):
            return Change(0, "", "", earlier=False)
        return max((self.commits[name] for name in names), default=None)


def worth_asking(modules: Iterable[Module]) -> list[Module]:
    """Choose the modules that git is asked for, those with the most dead lines first."""
    found = [
        module
        for module in modules
        if module.path and any(one.state in _ASKED and one.source for one in module.functions)
    ]
    return sorted(found, key=lambda module: (-module.lines[DEAD], module.name))


def ages(modules: Iterable[Module], patience: float = PATIENCE) -> Iterator[dict[str, Change]]:
    """Yield, a module at a time, the last change of each of its dead functions, by identity.

    A module that git doesn't know, or for which there was no time left, yields nothing.

    Args:
        modules: as `worth_asking` gives them.
        patience: seconds for all of them.
    """
    end = time.monotonic() + patience
    shallow: dict[str, bool] = {}

    def ask(module: Module) -> dict[str, Change]:
        left = end - time.monotonic()
        blame = _blame(module.path, min(left, _PATIENCE_A_FILE), shallow) if left > 0 else None
        return dict(_changes(blame, module.functions)) if blame else {}

    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _AT_A_TIME))
    try:
        yield from pool.map(ask, modules)
    finally:
        pool.shutdown(cancel_futures=True)


def _changes(blame: Blame, functions: Iterable[Standing]) -> Iterator[tuple[str, Change]]:
    for function in functions:
        if function.state in _ASKED and function.source:
            change = blame.of(*span(function))
            if change is not None:
                yield function.id, change


def _blame(path: str, patience: float, shallow: dict[str, bool]) -> Blame | None:
    folder, name = os.path.split(path)
    if folder not in shallow:
        if not _in_checkout(folder):
            return None
        told = _git(folder, ("rev-parse", "--is-shallow-repository"), patience)
        shallow[folder] = told is not None and told.strip() == b"true"
    words = ("blame", "--porcelain", "--no-textconv", "--", name)
    told = _git(folder, words, patience)
    return None if told is None else parse(told, shallow=shallow[folder])


def _in_checkout(folder: str) -> bool:
    """Tell whether git could know anything: two processes for each file of no checkout are many."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True


def _git(folder: str, words: tuple[str, ...], patience: float) -> bytes | None:
    """Ask git; None where it doesn't know, isn't there, or takes too long."""
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    try:
        done = subprocess.run(  # noqa: S603 - git, and a name that comes after --
            (*_GIT, "-C", folder, *words),
            env={**environment, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def parse(told: bytes, *, shallow: bool) -> Blame:
    """Read what `git blame --porcelain` writes.

    Args:
        told: that.
        shallow: the history is cut off somewhere, and a boundary may be such a place.
    """
    lines: list[str] = []
    commits: dict[str, Change] = {}
    name = ""
    fields: dict[str, str] = {}
    head = True
    for line in told.decode("utf-8", "replace").split("\n"):
        if line.startswith("\t"):  # the line of the file, which ends what is said of it
            if name not in commits:
                commits[name] = _change(name, fields, shallow=shallow)
            lines.append(name)
            head = True
        elif head:
            name, _, _ = line.partition(" ")
            fields = {}
            head = False
        else:
            key, _, value = line.partition(" ")
            fields[key] = value
    return Blame(lines, commits)


def _change(name: str, fields: dict[str, str], *, shallow: bool) -> Change:
    when = fields.get("author-time", "")
    return Change(
        int(when) if when.isdecimal() else 0,
        fields.get("author", ""),
        name[:10],
        earlier=shallow and "boundary" in fields,
    )
