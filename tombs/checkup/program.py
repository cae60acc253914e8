"""Finds the Python that a command would run under, without running the command.

The system's rules are followed: PATH, then the file's first line. A name such as `python3` is taken
for a Python whatever the file is (pyenv's is a shell script); of others the first line tells, and
of scripts that installers write the second, where the interpreter's path is too long for the first.
Words that only change something and then become the next command (`env A=b`, `nohup`) are passed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from tombs.errors import TombsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

_PYTHON: Final = re.compile(r"(python|pypy)[0-9.]*[a-z]?(-dbg|-debug)?$")
_PASSED: Final = ("env", "nohup", "setsid", "exec")
_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh", "ash", "fish")
# Options of Python that take the rest of their word, or the next one.
_VALUED: Final = "cmWX"
_HEAD: Final = 4096
_CHUNK: Final = 1 << 20
_EMBEDS: Final = (b"Py_Initialize", b"Py_BytesMain", b"libpython3")
_MOST: Final = 256 << 20  # bytes of a program that are looked through


class Program:
    """What a command comes down to.

    Args:
        words: the command; empty where there is none.
        python: the interpreter to ask with its options; empty where none can be.
        kind: `python`, `shell`, `embeds` (a program with a Python inside), or `other`.
        file: the file of the command.
        path: what the start of the program puts at the head of sys.path.
        more: where programs of this kind look besides.
        changes: the variables that the command sets for itself.
        script: the script, module or code that it runs, for a person; may be empty.
    """

    def __init__(
        self,
        words: Sequence[str],
        python: Sequence[str],
        kind: str = "python",
        file: str = "",
    ) -> None:
        self.words = list(words)
        self.python = list(python)
        self.kind = kind
        self.file = file
        self.path: list[str] = []
        self.more: list[str] = []
        self.changes: dict[str, str] = {}
        self.script = ""


def resolve(words: Sequence[str], environ: Mapping[str, str]) -> Program:
    """Find what a command runs under; without a command, it is this interpreter.

    Raises:
        TombsError: there is no such command.
    """
    if not words:
        program = Program([], [sys.executable])
        program.path = [os.getcwd()]
        return program
    rest = list(words)
    changes: dict[str, str] = {}
    while True:
        file = locate(rest[0], changes.get("PATH", environ.get("PATH")))
        passed = _pass(rest, changes)
        if not passed:
            break
        rest = passed
    program = _judge(rest, file, changes.get("PATH", environ.get("PATH")))
    program.changes = changes
    return program


def locate(name: str, path: str | None) -> str:
    """Find a command's file as the system does.

    Raises:
        TombsError: it isn't there, or isn't to be executed.
    """
    found = shutil.which(name, path=path)
    if found:
        return found
    if not os.path.exists(name):
        where = "there is no such file" if "/" in name else "it is not on PATH"
        raise TombsError(f"command not found: {name}: {where}")
    if os.path.isdir(name):
        raise TombsError(f"{name} is a directory, not a command")
    advice = f"Name its interpreter, too: tombs-run -- python {shlex.quote(name)}"
    raise TombsError(f"{name} can't be executed", advice)


def _pass(words: list[str], changes: dict[str, str]) -> list[str]:
    """Give the command behind a word that only leads to it; empty where there is none."""
    if os.path.basename(words[0]) not in _PASSED:
        return []
    rest = words[1:]
    while rest and "=" in rest[0] and not rest[0].startswith("-"):
        name, _, value = rest.pop(0).partition("=")
        changes[name] = value
    return [] if not rest or rest[0].startswith("-") else rest


def _judge(words: list[str], file: str, path: str | None) -> Program:
    if is_python(file) or is_python(words[0]):
        return _of_python(words, [file], words[1:])
    first = interpreter_of(file)
    if not first:
        return Program(words, [], "embeds" if _embeds(file) else "other", file)
    first = _through_env(first, path)
    if is_python(first[0]):
        program = _of_python(words, first[:1], [*first[1:], file])
        program.file = file
        program.more = [os.getcwd()]
        return program
    kind = "shell" if os.path.basename(first[0]) in _SHELLS else "other"
    return Program(words, [], kind, file)


def is_python(file: str) -> bool:
    """Tell whether a file is called as a Python is."""
    return _PYTHON.fullmatch(os.path.basename(file)) is not None


def interpreter_of(file: str) -> list[str]:
    """Read the words of a file's first line that name its interpreter; empty where none does."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(_HEAD)
    except OSError:
        return []
    if not head.startswith(b"#!"):
        return []
    lines = [os.fsdecode(line) for line in head[2:].splitlines()[:2]]
    # The system hands on all that stands behind the interpreter as one word.
    words = lines[0].strip().split(None, 1)
    if len(lines) > 1 and lines[1].startswith("'''exec' ") and words[0].endswith("/sh"):
        try:
            words = shlex.split(lines[1].removeprefix("'''exec'"))
        except ValueError:
            return words
        return [word for word in words if word not in ("$0", "$@")]
    return words


def _through_env(first: list[str], path: str | None) -> list[str]:
    if os.path.basename(first[0]) != "env" or len(first) < 2:
        return first
    words = first[1:]
    if words[0].startswith("-S"):
        words = shlex.split(words[0][2:])
    while words and "=" in words[0]:
        words.pop(0)
    if not words:
        return first
    return [shutil.which(words[0], path=path) or words[0], *words[1:]]


def _of_python(words: list[str], python: list[str], rest: list[str]) -> Program:
    """Part Python's own options from what it is to run."""
    program = Program(words, python, "python", python[0])
    at = 0
    while at < len(rest):
        word = rest[at]
        if not word.startswith("-") or word == "-":
            program.script = word
            program.path = [os.path.dirname(os.path.realpath(word))]
            if os.path.isdir(word) or word.endswith((".zip", ".pyz")):
                program.path = [os.path.abspath(word)]
            break
        at += 1
        letters = "" if word.startswith("--") else word[1:]
        place = next((place for place, one in enumerate(letters) if one in _VALUED), None)
        if place is None:
            program.python.append(word)
            if word == "--check-hash-based-pycs":
                program.python += rest[at : at + 1]
                at += 1
            continue
        value = letters[place + 1 :]
        taken = [] if value else rest[at : at + 1]
        at += len(taken)
        if letters[place] in "cm":
            if place:  # letters before it are options
                program.python.append(f"-{letters[:place]}")
            program.script = f"-{letters[place]} {value or ' '.join(taken)}"
            break
        program.python += [word, *taken]
    if not program.path:
        program.path = [os.getcwd()]
    return program


def _embeds(file: str) -> bool:
    """Tell whether a program speaks of the functions by which a Python is embedded."""
    kept, read = b"", 0
    try:
        with open(file, "rb") as opened:
            while read < _MOST and (chunk := opened.read(_CHUNK)):
                read += len(chunk)
                if any(word in kept + chunk for word in _EMBEDS):
                    return True
                kept = chunk[-32:]
    except OSError:
        return False
    return False
