"""Who owns a file, by the CODEOWNERS of GitHub or of GitLab.

Both say: patterns like those of gitignore, and the last that matches wins. They differ in the rest:

    GitHub   a slash within a pattern anchors it at the root; a name stands for a file, or for a
             directory with all that is in it; a # after a space begins a comment; no [ ] and no !
    GitLab   only a slash at the beginning anchors; a directory ends with a slash; spaces and # are
             escaped by a backslash; [sections] are looked up each for itself, may have owners for
             entries without, and `!` takes what matches out of its section
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from tombs.errors import TombsError

if TYPE_CHECKING:
    from typing import Final

# Where the two look, in their order; in the first two places the content tells whose it is.
_PLACES: Final = ("CODEOWNERS", "docs/CODEOWNERS")
_GITHUB: Final = ".github/CODEOWNERS"
_GITLAB: Final = ".gitlab/CODEOWNERS"
_LARGEST: Final = 3 << 20  # bytes: GitHub's own limit
_SECTION: Final = re.compile(r"\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>(?:\s.*)?)$")
_OWNER: Final = re.compile(r"@\S+|[^\s@]+@[^\s@]+")
_UNESCAPED_SPACE: Final = re.compile(r"(?<!\\)\s+")

Rule = tuple[re.Pattern[str], tuple[str, ...] | None]  # None: taken out


class Owners:
    """The rules of one CODEOWNERS file.

    Args:
        text: what it holds.
        gitlab: it is GitLab's; None leaves that to its content.
    """

    def __init__(self, text: str = "", *, gitlab: bool | None = None) -> None:
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if gitlab is None:
            gitlab = any(_SECTION.match(line) for line in lines)
        self._sections: dict[str, list[Rule]] = {"": []}
        if gitlab:
            self._read_gitlab(lines)
        else:
            self._read_github(lines)

    def of(self, path: str) -> tuple[str, ...]:
        """Name a file's owners.

        Args:
            path: from the root of the repository, with slashes.
        """
        found: dict[str, None] = {}
        for rules in self._sections.values():
            for pattern, owners in reversed(rules):
                if pattern.fullmatch(path):
                    found.update(dict.fromkeys(owners or ()))
                    break
        return tuple(found)

    def _read_github(self, lines: list[str]) -> None:
        for line in lines:
            text = re.sub(r"\s#.*", "", line)
            pattern, *owners = _UNESCAPED_SPACE.split(text)
            if pattern.startswith(("!", "\\#")) or "[" in pattern:
                continue  # GitHub skips what it can't read
            rule = _github(pattern.replace("\\ ", " "))
            self._sections[""].append((re.compile(rule), tuple(filter(_OWNER.fullmatch, owners))))

    def _read_gitlab(self, lines: list[str]) -> None:
        rules = self._sections[""]
        default: tuple[str, ...] = ()
        for line in lines:
            section = _SECTION.match(line)
            if section:
                rules = self._sections.setdefault(section["name"].casefold(), [])
                default = tuple(filter(_OWNER.fullmatch, section["owners"].split()))
                continue
            pattern, *names = _UNESCAPED_SPACE.split(line)
            owners = tuple(filter(_OWNER.fullmatch, names)) or default
            excluded = pattern.startswith("!")
            with suppress(re.error):  # a set such as [z-a] matches nothing
                rule = re.compile(_gitlab(pattern.removeprefix("!")))
                # What an exclusion takes out, no entry of its section brings back.
                rules.append((rule, None if excluded else owners))
        for rules in self._sections.values():
            rules.sort(key=lambda rule: rule[1] is None)  # stable: exclusions are asked first


def _github(pattern: str) -> str:
    """Translate a pattern of GitHub's."""
    anchored = "/" in pattern[:-1]
    parts = pattern.strip("/").split("/")
    begin = "" if anchored or parts[0] == "**" else "(?:.*/)?"
    if pattern.endswith("/"):
        end = "/.*"
    elif parts[-1] == "*" and len(parts) > 1:
        end = ""  # what is in the directory, and not what is in those in it
    else:
        end = "(?:/.*)?"
    return begin + _parts(parts) + end


def _gitlab(pattern: str) -> str:
    """Translate a pattern of GitLab's, as its fnmatch understands it."""
    pattern = re.sub(r"\\([\s#])", r"\1", pattern)
    if pattern == "*":
        return ".*"
    begin = "" if pattern.startswith("/") else "(?:.*/)?"
    end = "/.*" if pattern.endswith("/") else ""
    return begin + _parts(pattern.strip("/").split("/"), gitlab=True) + end


def _parts(parts: list[str], *, gitlab: bool = False) -> str:
    """Translate what stands between slashes; `**` is any number of directories."""
    written = []
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            # fnmatch takes the last for a single one
            written.append(("[^/]*" if gitlab else ".*") if last else "(?:.*/)?")
        else:
            written.append(_part(part, sets=gitlab) + ("" if last else "/"))
    return "".join(written)


def _part(part: str, *, sets: bool) -> str:
    pieces = re.findall(r"\*+|\[!?[^\]]+\]|\\.|.", part) if sets else re.findall(r"\*+|.", part)
    written = []
    for piece in pieces:
        if piece[0] == "*":
            written.append("[^/]*")
        elif piece == "?":
            written.append("[^/]")
        elif sets and len(piece) > 2 and piece[0] == "[":
            inside = re.sub(r"([\\\[&~|])", r"\\\1", piece[1:-1].lstrip("!^"))
            written.append(f"[{'^' if piece[1] in '!^' else ''}{inside}]")
        else:
            written.append(re.escape(piece[-1]))
    return "".join(written)


def read(root: str) -> Owners:
    """Read the CODEOWNERS of a checkout; none where there is none.

    Raises:
        TombsError: it can't be read.
    """
    for place in (_GITHUB, *_PLACES, _GITLAB):
        path = os.path.join(root, place)
        if not os.path.isfile(path):
            continue
        try:
            with open(path, "rb") as file:
                text = file.read(_LARGEST).decode("utf-8", "replace")
            known = {_GITHUB: False, _GITLAB: True}
            return Owners(text, gitlab=known.get(place))
        except OSError as fault:
            raise TombsError(f"{path}: can't be read: {fault}") from None
    return Owners()
