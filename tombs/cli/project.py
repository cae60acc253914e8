"""Reads `[tool.tombs]` of the pyproject.toml that a directory belongs to."""

from __future__ import annotations

import difflib
import os
import tomllib
from typing import TYPE_CHECKING, Any

from tombs.config import OPTIONS, Given, Option

if TYPE_CHECKING:
    from typing import Final

# Tables that other commands read.
TABLES: Final = ("windows",)


def from_project(directory: str) -> tuple[dict[str, Given], list[str]]:
    """Collect what the nearest pyproject.toml that speaks of Tombs says, and its faults.

    Searched from the directory upwards; relative paths in it start from where it stands.
    """
    path, values, faults = table(directory)
    return ({}, faults) if faults else _collect(path, os.path.dirname(path), values)


def table(directory: str) -> tuple[str, dict[str, Any], list[str]]:
    """Read `[tool.tombs]` of the nearest pyproject.toml that has it, from a directory upwards.

    Returns:
        The file, its table, and what kept it from being read.
    """
    while True:
        path = os.path.join(directory, "pyproject.toml")
        try:
            with open(path, "rb") as file:
                tools = tomllib.load(file).get("tool", {})
        except FileNotFoundError:
            tools = {}
        except OSError as fault:
            return path, {}, [f"{path}: can't be read: {fault.strerror}"]
        except ValueError as fault:  # not TOML, or not UTF-8
            return path, {}, [f"{path}: {fault}"]
        if isinstance(tools, dict) and "tombs" in tools:
            values = tools["tombs"]
            if isinstance(values, dict):
                return path, values, []
            return path, {}, [f"{path}: tool.tombs is no table"]
        parent = os.path.dirname(directory)
        if parent == directory:
            return path, {}, []
        directory = parent


def _collect(path: str, base: str, values: dict[str, Any]) -> tuple[dict[str, Given], list[str]]:
    options = {option.key: option for option in OPTIONS}
    layer: dict[str, Given] = {}
    faults = []
    for key, value in values.items():
        place = f"{path}: tool.tombs.{key}"
        option = options.get(key)
        if key in TABLES and isinstance(value, dict):
            continue
        if option is None:
            near = difflib.get_close_matches(key, options, n=1)
            hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(options)}"
            faults.append(f"{place}: no such option; {hint}")
            continue
        texts = _texts(option, value)
        if texts is None:
            kinds = "a string or a list of strings" if option.multiple else "a string or an integer"
            faults.append(f"{place}: {value!r} is not allowed; {kinds} is")
        else:
            layer[option.name] = Given(place, texts, base)
    return layer, faults


def _texts(option: Option, value: object) -> list[str] | None:
    if option.multiple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if isinstance(value, str):
        return [value]
    if isinstance(value, int) and not isinstance(value, bool) and not option.multiple:
        return [str(value)]
    return None
