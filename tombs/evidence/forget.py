"""Forgets the oldest runs of much evidence, and not what they saw of code that is there still.

To leave out runs shortens how long everything was watched, and takes no verdict that wasn't right:
what is left speaks of its own time. But runs go on side by side, and a run that is left may have
begun before the one that isn't ended. So a call that only the latter saw is carried over to the
states of its module that are left, where the function's code is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tombs.evidence import calls
from tombs.evidence.model import ALIVE, TOMB, Evidence, Seen
from tombs.evidence.standing import MAIN, changed, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tombs.evidence.model import Module


def newest(evidence: Evidence, most: int) -> Evidence:
    """Leave out all but so many runs, those that were seen last."""
    if len(evidence.runs) <= most:
        return evidence
    runs = evidence.runs
    kept = Evidence(runs[key] for key in sorted(runs, key=lambda key: runs[key].seen)[-most:])
    lost: list[Seen] = []
    for seen in evidence.modules.values():
        left = {key: when for key, when in seen.runs.items() if key in kept.runs}
        if left:
            kept.add(seen._replace(runs=left))
        else:
            lost.append(seen)
    for listed in evidence.listed.values():
        kept.add(listed)
    _carry(lost, kept)
    return kept


def _carry(lost: list[Seen], kept: Evidence) -> None:
    """Add what was seen called in states of modules that are gone to those that are left."""
    left: dict[tuple[str, str], list[Seen]] = {}
    for seen in kept.modules.values():
        left.setdefault(_place(seen.module), []).append(seen)
    more: list[Seen] = []
    for old in lost:
        known = old.calls.each() if old.calls else {}
        for new in left.get(_place(old.module), ()):
            at = dict(_same(old.module, new.module))
            alive = [(one, at[one]) for one in at if old.states[one] == ALIVE]
            if alive:
                states = bytearray(TOMB.encode() * len(new.states))
                for _, index in alive:
                    states[index : index + 1] = ALIVE.encode()
                called = {index: known[one] for one, index in alive if one in known}
                stacks = {index: old.stacks[one] for one, index in alive if one in old.stacks}
                packed = calls.of(len(states), called)
                more.append(Seen(new.module, states.decode(), {}, packed, stacks))
    for seen in more:
        kept.add(seen)


def _place(module: Module) -> tuple[str, str]:
    return module.name, module.file if module.name == MAIN else ""


def _same(old: Module, new: Module) -> Iterator[tuple[int, int]]:
    """Yield the indexes of functions that both states of a module have, of the same code."""
    names = numbered([function.qualname for function in new.functions])
    there = {name: index for index, name in enumerate(names)}
    for one, name in enumerate(numbered([function.qualname for function in old.functions])):
        index = there.get(name)
        if index is not None and not changed(
            (old.code, old.functions[one].hash), (new.code, new.functions[index].hash)
        ):
            yield one, index
