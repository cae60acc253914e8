"""The command `tombs attach`: watches processes that were started without Tombs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from tombs import attached, config, snapshot
from tombs.cli.entry import tell
from tombs.cli.remote import order
from tombs.cli.run import option_of, settle
from tombs.cli.script import PACKAGE
from tombs.cli.several import Several
from tombs.errors import ConfigError, GraveyardError, TombsError
from tombs.formats.words import clean, count

if TYPE_CHECKING:
    from typing import Final

    from tombs.cli.several import Outcome
    from tombs.cli.target import Target

_LEFT_OUT: Final = ("engine",)  # what runs already can't be rewritten
_OPTIONS: Final = tuple(one for one in config.OPTIONS if one.name not in _LEFT_OUT)
_OFTEN: Final = 0.1
_WORDS: Final = {
    attached.ATTACHED: "is attached to",
    attached.ALREADY: "was attached to before",
    attached.STARTED: "was started with Tombs already",
}


def attach(
    pid: tuple[int, ...],
    timeout: float,
    *,
    children: bool,
    **flags: str | tuple[str, ...] | None,
) -> int:
    """Have the processes start Tombs, and tell what came of it."""
    settings = _settle(flags)
    shared = _Shared(settings) if children or len(pid) > 1 else None

    def begin(target: Target) -> list[str]:
        if flags.get("dir") and os.geteuid() == 0 and target.owner[0]:
            raise TombsError(
                f"--dir: process {target.pid} belongs to another user, and chooses a directory of"
                " its own"
            )
        environ = config.to_environ(settings) if shared is None else shared.environ(target)
        return order(target, "begin", environ, timeout, several.given_up)

    several = Several(begin)
    targets = several.add(pid)
    if shared is not None:
        shared.look(targets)
    several.order(targets, named=True)
    if children and shared is not None:
        targets = several.watched(several.add_children())
        shared.look(several.targets)
        several.order(targets, named=False)
    _tell(several, timeout)
    return 2 if several.failed else 0


class _Shared:
    """The one run that several processes take part in: of each user, where they have several.

    Args:
        settings: of all of them.
    """

    def __init__(self, settings: config.Settings) -> None:
        self._settings = settings
        self._runs: dict[int, tuple[str, str | None]] = {}  # by user: the run, and its directory

    def look(self, targets: list[Target]) -> None:
        """Find a run that one of the processes is in already, or name a new one."""
        for target in targets:
            path = target.graveyard()
            run = None if path is None else _run(path)
            if path is not None and run is not None:
                self._runs.setdefault(target.owner[0], (run, os.path.dirname(path)))
        for target in targets:
            run = self._settings.run(_application(self._settings, target))
            self._runs.setdefault(target.owner[0], (run, self._settings.dir))

    def environ(self, target: Target) -> dict[str, str]:
        """Give what a process is told."""
        environ = config.to_environ(self._settings)
        environ["TOMBS_RUN"], directory = self._runs[target.owner[0]]
        return environ if directory is None else {**environ, "TOMBS_DIR": directory}


def _run(path: str) -> str | None:
    try:
        run = snapshot.read(path).identity().get("run")
    except GraveyardError:
        return None
    return run if isinstance(run, str) else None


def _application(settings: config.Settings, target: Target) -> str:
    chosen = settings.namespace[:1]
    return chosen[0] if chosen and chosen != ("*",) else target.command()


def _tell(several: Several, seconds: float) -> None:
    """Tell each process's outcome, and each graveyard once."""
    graveyards: dict[str, list[Outcome]] = {}
    for one in several.outcomes:
        if one.state == attached.FAILED:
            several.fault(*_failed(one))
            continue
        for line in one.told:
            tell("tombs", clean(line))
        graveyards.setdefault(one.path, []).append(one)
    for path, outcomes in graveyards.items():
        for one in outcomes:
            click.echo(f"process {one.pid} {_WORDS[one.state]}")
        click.echo(f"  {clean(path)}")
        if any(one.state == attached.ATTACHED for one in outcomes):
            for address in dict.fromkeys(one.address for one in outcomes if one.address):
                click.echo(f"  {clean(address)}")
            click.echo(f"  {_found(path, seconds)}")


def _failed(one: Outcome) -> tuple[str, str]:
    """Say why a process could not start Tombs, and what to do."""
    why = clean(" ".join(one.told))
    if why.startswith("PermissionError") and PACKAGE in why:
        return (
            f"process {one.pid} can't read Tombs, which is in {PACKAGE}",
            "Install Tombs where the process's user can read it, and run that `tombs`.",
        )
    if why.startswith(("ModuleNotFoundError", "ImportError")):
        return (
            f"process {one.pid} can't import what Tombs needs: {why}",
            "Its user can't read its Python's own library any more, or a part of that is missing.",
        )
    return f"process {one.pid} could not start Tombs", why


def _settle(flags: dict[str, str | tuple[str, ...] | None]) -> config.Settings:
    """Settle the options as tombs-run does; a target chooses what depends on its user."""
    flags = {option.name: flags.get(option.name) for option in config.OPTIONS}
    chosen = flags["dir"] or os.environ.get("TOMBS_DIR")
    settings = settle(flags, os.environ, os.getcwd())
    settings.engine = "monitoring"
    if isinstance(settings.dump, int):
        raise ConfigError([f"--dump: {settings.dump} is a descriptor; attach takes a path"])
    if not chosen:
        settings.dir = None
    return settings


def _found(path: str, seconds: float) -> str:
    """Wait until what is loaded has been found, and count it."""
    end = time.monotonic() + seconds
    while True:
        try:
            shot = snapshot.read(path)
        except GraveyardError as fault:
            return f"the graveyard can't be read here: {fault.message}"
        left = shot.waiting
        names = shot.identity().get("namespace")
        if not shot.modules and not left and isinstance(names, list):
            # A name that was mistyped would else be seen to be so after days.
            listed = clean(", ".join(map(str, names))) or "first-party code"
            return f"nothing of {listed} is loaded there by now; what comes is watched"
        found = f"{count(shot.functions, 'function')} of {count(len(shot.modules), 'module')}"
        if not left:
            return f"{found}, loaded before: unknown until called"
        if time.monotonic() > end:
            return f"{found}, loaded before; {count(left, 'module')} to be looked through yet"
        time.sleep(_OFTEN)


command = click.Command(
    "attach",
    callback=attach,
    params=[
        *(option_of(option) for option in _OPTIONS),
        click.Option(
            ("--timeout",),
            type=click.FloatRange(min=0.1),
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the process to run Python in its main thread.",
        ),
        click.Option(
            ("--children",),
            is_flag=True,
            help="Also the children that run the same Python, and the children of these: the"
            " workers of a server.",
        ),
        click.Argument(
            ["pid"], metavar="PID...", type=click.IntRange(min=1), nargs=-1, required=True
        ),
    ],
    help="Watch the running processes PID (Python 3.14 and later), which started without Tombs.\n\n"
    "What was loaded before is unknown until it is called; what is loaded from now on is watched"
    " as under tombs-run. Children that a process forks are watched, too. All processes of one"
    " command share a graveyard.",
    epilog="Each option is a key of [tool.tombs] in pyproject.toml, too.",
)
