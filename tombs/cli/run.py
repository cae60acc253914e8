"""The command `tombs-run`: prepares the environment and becomes the command.

It becomes it by exec, so the command has this process's id, parent, descriptors, working
directory, limits, blocked signals and ignored signals, and its exit code is the command's own.
Two things of this process were changed by Python's own start and are put back:

- SIGPIPE and SIGXFSZ, which Python sets to ignored, are set to their default. Whether the caller
  had them ignored can't be known any more; a Python command would ignore them either way.
- LC_CTYPE, which Python sets in the C locale, is taken out of the environment again (where /proc
  tells how it was; elsewhere it stays).
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from tombs import address, bundle, config, rundir, secret
from tombs.checkup.program import locate
from tombs.cli.entry import invoke
from tombs.cli.environment import environment, inherited
from tombs.cli.project import from_project
from tombs.errors import ConfigError, TombsError
from tombs.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tombs-run`; comes back only when there is something wrong."""
    return invoke(command(), argv, "tombs-run")


def command() -> click.Command:
    """Make the click command from the table of options."""
    options: list[click.Parameter] = [option_of(option) for option in config.OPTIONS]
    made = click.Command(
        "tombs-run",
        callback=start,
        params=[
            *options,
            click.Argument(
                ["words"], metavar="COMMAND [ARGS]...", nargs=-1, type=click.UNPROCESSED
            ),
        ],
        context_settings={"allow_interspersed_args": False, "max_content_width": 100},
        options_metavar="[OPTIONS] [--]",
        help="Run COMMAND, and record which of its functions are never called.",
        epilog="Each option is a key of [tool.tombs] in pyproject.toml, too.",
    )
    return click.version_option(__version__)(made)


def option_of(option: config.Option) -> click.Option:
    """Make the click option of a row of the table."""
    return click.Option(
        option.flags,
        metavar=None if option.switch else option.metavar,
        multiple=option.multiple,
        is_flag=option.switch,
        flag_value="1" if option.switch else None,
        default=None,
        help=f"{option.purpose.replace('`', '')} (default: {option.default.replace('`', '')};"
        f" {option.variable}).",
    )


def start(words: tuple[str, ...], **flags: str | tuple[str, ...] | None) -> NoReturn:
    """Settle everything, then become the command."""
    if not words:
        raise TombsError("no command given", "For example: tombs-run -n myapp -- python app.py")
    try:
        directory = os.getcwd()
    except OSError as fault:
        raise TombsError(f"the working directory can't be used: {fault.strerror}") from None
    settings = settle(flags, os.environ, directory)
    locate(words[0], os.environ.get("PATH"))
    environ = environment(settings, words, inherited())
    if settings.kept and settings.dir is not None:
        from tombs.client.kept import compact  # noqa: PLC0415 - a fifth of all that is imported

        compact(settings.dir, environ["TOMBS_RUN"])
    bundle.keep()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environ)  # noqa: S606 - to become it is the whole purpose
    except OSError as fault:
        raise TombsError(f"{words[0]} can't be started: {fault.strerror}") from None


def settle(
    flags: Mapping[str, str | tuple[str, ...] | None], environ: Mapping[str, str], directory: str
) -> config.Settings:
    """Settle the options over all places, and check what can be checked before a start.

    Raises:
        TombsError: with every fault found.
    """
    said = given(flags, directory)
    project, faults = from_project(directory)
    settings = config.settle([project, config.from_environ(environ, directory), said], faults)
    late = [fault for fault in (dump_fault(settings.dump), token_fault(settings)) if fault]
    try:
        settings.dir = rundir.choose(settings.dir, environ, kept=settings.kept)
    except TombsError as fault:
        # Chosen by the user, it is a fault; else the program is worth more than its graveyard.
        if settings.dir is not None:
            late.append(f"--dir: {fault.message}")
    if late:
        raise ConfigError(late)
    return settings


def given(
    flags: Mapping[str, str | tuple[str, ...] | None], directory: str
) -> dict[str, config.Given]:
    """Collect what the command line says."""
    return {
        option.name: config.Given(option.flags[-1], _texts(flags[option.name]), directory)
        for option in config.OPTIONS
        if flags.get(option.name) not in (None, ())
    }


def _texts(value: str | tuple[str, ...] | None) -> Sequence[str]:
    return [value] if isinstance(value, str) else value or ()


def token_fault(settings: config.Settings) -> str | None:
    """Say why the token can't be read; None where it can, or where nobody is going to."""
    place = address.parse(settings.socket) if settings.socket else None
    if place is None or place.kind != "tcp" or settings.token_file is None:
        return None
    try:
        secret.read(settings.token_file)
    except TombsError as fault:
        return f"--token-file: {fault.message}"
    return None


def dump_fault(dump: str | int | None) -> str | None:
    """Say why nothing can be dumped there; None where it can."""
    if isinstance(dump, int):
        try:
            mode = fcntl.fcntl(dump, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError:
            return f"--dump: descriptor {dump} is not open"
        return f"--dump: descriptor {dump} can only be read" if mode == os.O_RDONLY else None
    if dump is None:
        return None
    parent = os.path.dirname(dump)
    if os.path.isdir(dump):
        return f"--dump: {dump} is a directory; a file's path is allowed"
    if not os.path.isdir(parent):
        return f"--dump: there is no directory {parent}"
    return None if os.access(parent, os.W_OK) else f"--dump: {parent} can't be written to"


if __name__ == "__main__":
    sys.exit(main())
