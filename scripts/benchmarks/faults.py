"""What can go wrong, with the words for it."""

from __future__ import annotations


class BenchError(Exception):
    """Something that was needed did not work.

    Args:
        message: what happened, to which thing.
        output: what the program that failed said.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.output = output

    @property
    def last_line(self) -> str:
        """The line that most likely says why: the last one that says `error`, or the last."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        return (errors or lines or [self.message])[-1]
