"""The errors Tombs raises, each with what a person can do about it."""

from __future__ import annotations


class TombsError(Exception):
    """Something Tombs can't do, with the exit code of the command that meets it.

    Args:
        message: what happened, and to which thing.
        help: what to do now; may be empty.
    """

    exit_code = 2

    def __init__(self, message: str, help: str = "") -> None:  # noqa: A002 - a reader's word
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        """Give the message, and the help after it where there is one."""
        return f"{self.message}\n{self.help}" if self.help else self.message


class ConfigError(TombsError):
    """Settings that can't be used; every fault is told at once."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class AddressError(TombsError, ValueError):
    """A text that names no socket."""


class GraveyardError(TombsError):
    """A graveyard or snapshot that can't be read, or isn't one."""


class ServerError(TombsError):
    """A server that can't be reached, or that stopped in the middle."""
