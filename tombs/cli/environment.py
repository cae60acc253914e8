"""The environment that `tombs-run` gives to the command: the caller's, and what Tombs adds."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import tombs
from tombs import config, identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

BOOTSTRAP: Final = os.path.join(os.path.dirname(os.path.abspath(tombs.__file__)), "bootstrap")
COMMAND_CHARACTERS: Final = 4096  # for display; one variable can't hold more than 128 KiB


def inherited() -> dict[str, str]:
    """Give the environment as the caller made it.

    In the C locale Python's start sets LC_CTYPE; a Python that finds it set behaves otherwise than
    one that sets it. Where /proc doesn't tell how it was, it stays.
    """
    environ = dict(os.environ)
    try:
        with open("/proc/self/environ", "rb") as file:
            at_start = file.read().split(b"\0")
    except OSError:
        return environ
    if not any(item.startswith(b"LC_CTYPE=") for item in at_start):
        environ.pop("LC_CTYPE", None)
    return environ


def environment(
    settings: config.Settings, words: Sequence[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Give the environment of the command, from that of the caller."""
    mine = {option.variable for option in config.OPTIONS}
    result = {name: value for name, value in environ.items() if name not in mine}
    result |= config.to_environ(settings)
    result["TOMBS_ENABLE"] = "1"
    result["TOMBS_RUN"] = settings.run(application(settings.namespace, words))
    result["TOMBS_PYTHON"] = identity.interpreter()
    result["TOMBS_PID"] = str(os.getpid())
    result["TOMBS_COMMAND"] = shlex.join(words)[:COMMAND_CHARACTERS]
    result["PYTHONPATH"] = _path(environ.get("PYTHONPATH", ""))
    return result


def _path(before: str) -> str:
    """Put the bootstrap directory first, and once: `tombs-run` may run under `tombs-run`."""
    if not before:
        return BOOTSTRAP  # an empty item behind it would be the working directory
    others = [path for path in before.split(os.pathsep) if path != BOOTSTRAP]
    return os.pathsep.join([BOOTSTRAP, *others])


def application(namespace: Sequence[str], words: Sequence[str]) -> str:
    """Name the application: its first namespace, or else its script, module or command."""
    for name in namespace:
        if name != "*":
            return name
    program = _program(words) or words[0]
    return os.path.basename(program.rstrip("/")).removesuffix(".py")


def _program(words: Sequence[str]) -> str | None:
    """Find the script or module that a Python is asked to run."""
    if not os.path.basename(words[0]).startswith("python"):
        return None
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("-"):
            return word
        letters = "" if word.startswith("--") else word[1:]
        # Letters may stand together; the first of these takes the rest of its word, or the next.
        at = next((at for at, letter in enumerate(letters) if letter in "cmWX"), None)
        if at is not None:
            value = letters[at + 1 :] or next(rest, None)
            if letters[at] in "cm":
                return value if letters[at] == "m" else None
        elif word == "--check-hash-based-pycs":
            next(rest, None)
    return None
