"""The settings: which were found, where each was said, and what is wrong with them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tombs import config
from tombs.checkup.findings import Section
from tombs.cli.project import from_project
from tombs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    Layer = Mapping[str, config.Given]

ENDS: Final = "tombs-run ends with 2 until this is put right."
# Variables that aren't options: what `tombs-run` and the commands say to those that they start.
_OTHERS: Final = (
    "TOMBS_ENABLE",
    "TOMBS_RUN",
    "TOMBS_PYTHON",
    "TOMBS_PID",
    "TOMBS_COMMAND",
)


def settle(
    said: Layer, environ: Mapping[str, str], directory: str
) -> tuple[config.Settings, Section]:
    """Settle the options as `tombs-run` would; with faults, as if nothing had been said.

    Args:
        said: what the command line says.
        environ: the environment.
        directory: where a pyproject.toml is looked for, and where relative paths start.
    """
    section = Section("settings")
    project, faults = from_project(directory)
    layers: list[Layer] = [project, config.from_environ(environ, directory), said]
    try:
        settings = config.settle(layers, faults)
    except ConfigError as found:
        for fault in found.faults:
            section.problem(fault, ENDS)
        settings = config.Settings({})
    else:
        for option in config.OPTIONS:
            told = [layer[option.name] for layer in layers if option.name in layer]
            for weaker in told[:-1]:
                section.note(f"{weaker.place} is overridden by {told[-1].place}")
            if told:
                section.ok(f"{option.key}: {_shown(settings, option)} ({told[-1].place})")
        if not section.findings:
            section.ok("every option has its default")
    _strangers(section, environ)
    return settings, section


def _shown(settings: config.Settings, option: config.Option) -> str:
    value = getattr(settings, option.name)
    if value is None:
        return "off"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _strangers(section: Section, environ: Mapping[str, str]) -> None:
    """Name variables that look like ours and are none."""
    known = [*(option.variable for option in config.OPTIONS), *_OTHERS]
    for name in sorted(environ):
        if name.startswith("TOMBS_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            section.note(
                f"{name} is set, and no variable of Tombs",
                f"Did you mean {near[0]}?" if near else "",
            )
