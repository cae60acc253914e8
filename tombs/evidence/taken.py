"""Evidence taken from a graveyard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tombs import layout
from tombs.errors import GraveyardError
from tombs.evidence import calls
from tombs.evidence.calls import Call
from tombs.evidence.model import (
    ALIVE,
    TOMB,
    UNKNOWN,
    Function,
    Module,
    Note,
    Run,
    Seen,
    Stack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from tombs.block import Image
    from tombs.blocks import Block
    from tombs.evidence.calls import Calls
    from tombs.snapshot import Snapshot

# Any value of a marker that isn't known means that nobody knows.
_STATES: Final = bytes(
    ord({layout.POPULATED: TOMB, layout.VACATED: ALIVE}.get(value, UNKNOWN)) for value in range(256)
)


def items(snapshot: Snapshot) -> Iterator[Run | Seen]:
    """Yield the run, and what it has seen of each module.

    Raises:
        GraveyardError: what identifies the run, or a note, is spoiled.
    """
    run = _run(snapshot)
    yield run
    code = str(run.about.get("bytecode", ""))
    stacks = _stacks(snapshot)
    for block, image in snapshot.modules:
        states = snapshot.of(block).translate(_STATES).decode()
        if block.late:  # loaded before watching began: not seen called is not known
            states = states.replace(TOMB, UNKNOWN)
        known = _calls(snapshot, block, states, run.release)
        own = {
            slot - block.base: stack
            for slot, stack in stacks.items()
            if block.base <= slot < block.base + block.count
        }
        yield Seen(_module(image, code), states, {run.key: _when(block, run)}, known, own)


def _calls(snapshot: Snapshot, block: Block, states: str, release: str) -> Calls | None:
    """Give when a module's functions were called, of those that were."""
    known = {
        index: Call(first, last, release, processes)
        for index, first, last, processes in snapshot.calls(block)
        if states[index] == ALIVE and last > 0
    }
    try:
        return calls.of(len(states), known)
    except ValueError as fault:
        raise GraveyardError(f"{snapshot.source}: a time in it is spoiled: {fault}") from None


def _stacks(snapshot: Snapshot) -> dict[int, Stack]:
    """Give the newest stack that was kept for a slot."""
    found: dict[int, Stack] = {}
    try:
        for value in snapshot.stacks():
            frames = tuple(
                (str(file), str(name), int(line)) for file, name, line in value["frames"]
            )
            at = snapshot.created // 10**9 * 10**9 + (int(value["at"]) - 1) * 10**9
            slot = int(value["slot"])
            found[slot] = max(Stack(at, frames), found.get(slot, Stack(0, ())))
    except (ValueError, KeyError, TypeError) as fault:
        raise GraveyardError(f"{snapshot.source}: a stack in it is spoiled: {fault}") from None
    return found


def _when(block: Block, run: Run) -> int:
    """Give when watching began, not before the run did: clocks are set."""
    return min(max(block.when, run.created), run.seen)


def _module(image: Image, code: str) -> Module:
    starts, ends, hashes = image.starts, image.ends, image.hashes
    return Module(
        image.module,
        image.file,
        code,
        tuple(
            Function(
                image.qualname(index),
                starts[index],
                ends[index],
                image.method(index),
                f"{hashes[index]:016x}" if hashes[index] else "",
            )
            for index in range(image.count)
        ),
    )


def _run(snapshot: Snapshot) -> Run:
    try:
        notes = frozenset(_note(value) for value in snapshot.notes())
    except (ValueError, KeyError, TypeError) as fault:
        raise GraveyardError(f"{snapshot.source}: a note in it is spoiled: {fault}") from None
    return Run(
        snapshot.identity(),
        snapshot.created,
        max(snapshot.seen, snapshot.created),
        snapshot.ended,
        snapshot.processes,
        snapshot.dropped,
        notes,
        snapshot.paused,
    )


def _note(value: dict[str, Any]) -> Note:
    return Note(
        str(value["note"]), str(value["module"]), int(value["functions"]), str(value["reason"])
    )
