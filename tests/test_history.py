"""A program's whole history, merged in any order: what was called is never called dead."""

from __future__ import annotations

import gzip
import io
import random
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.support_evidence import HOUR, START
from tombs.evidence.model import Evidence, Function, Module, Run, Seen
from tombs.evidence.reading import Reader
from tombs.evidence.saved import write
from tombs.evidence.standing import Standings
from tombs.evidence.windows import Demands
from tombs.merge import Merging

if TYPE_CHECKING:
    from tombs.evidence.reading import Known

NAMES = ("f", "g", "h")
MODULES = ("shop.a", "shop.b")

# A run: its release, for how many hours it stands still before the next begins (less than none:
# side by side), whether it was killed; and its hours, each a module and function that is called or
# only loaded, and whether a snapshot is taken then.
hours = st.tuples(
    st.sampled_from(MODULES), st.sampled_from((*NAMES, "")), st.booleans()
)  # fmt: skip
histories = st.lists(
    st.tuples(st.integers(1, 3), st.integers(-4, 4), st.booleans(), st.lists(hours, max_size=8)),
    min_size=1,
    max_size=6,
)


def module(name: str, release: int) -> Module:
    """Give a module as a release has it: of each a function less, and another body of the first."""
    rows = tuple(
        Function(one, at + 1, at + 1, False, f"{release if at == 0 else 7:016x}")
        for at, one in enumerate(NAMES[: 4 - release])
    )
    return Module(name, f"/srv/{name}.py", "3531", rows)


class Shot(NamedTuple):
    """A snapshot, and what is true of its run until then."""

    data: bytes
    called: set[str]
    watched: dict[str, set[int]]  # in which hours each function was
    release: int
    loaded: dict[str, int]  # in which hour each module was


def watched(key: str, chosen: list[Shot]) -> list[set[int]]:
    """Give the hours in which a function was watched with the code that it has now.

    Of two releases that were first loaded in the same hour either may be taken for the newer one.
    """
    where, _, name = key.partition(":")
    releases = {shot.release for shot in chosen if key in shot.watched}
    if name != NAMES[0]:  # the others have the same code in all releases
        return [set().union(*(shot.watched.get(key, set()) for shot in chosen))]
    newest = max(shot.loaded[where] for shot in chosen if where in shot.loaded)
    latest = {shot.release for shot in chosen if shot.loaded.get(where) == newest}
    return [
        set().union(*(shot.watched.get(key, set()) for shot in chosen if shot.release == release))
        for release in releases & latest
    ]


class Program:
    """Lives a history, and remembers what really was called and how long it was watched."""

    def __init__(self, history: list[tuple[int, int, bool, list[tuple[str, str, bool]]]]) -> None:
        self.snapshots: list[Shot] = []
        begin = 0
        for number, (release, gap, killed, told) in enumerate(history):
            self._run(f"shop-{number}", release, begin, told, killed=killed)
            begin = max(begin + len(told) + gap, 0)

    def _run(
        self,
        name: str,
        release: int,
        begin: int,
        told: list[tuple[str, str, bool]],
        *,
        killed: bool,
    ) -> None:
        loaded: dict[str, tuple[int, list[str]]] = {}
        called: set[str] = set()
        watched: dict[str, set[int]] = {}
        for at, (where, what, shot) in enumerate(told, begin):
            rows = module(where, release).functions
            states = loaded.setdefault(where, (at, ["0"] * len(rows)))[1]
            for index, row in enumerate(rows):
                if row.qualname == what:
                    states[index] = "3"
                    called.add(f"{where}:{what}")
            for one in loaded:
                for row in module(one, release).functions:
                    watched.setdefault(f"{one}:{row.qualname}", set()).add(at)
            last = at == begin + len(told) - 1
            if shot or (last and not killed):
                now = START + (at + 1) * HOUR
                by = Run(
                    {"run": name, "application": "shop", "release": str(release)},
                    START + begin * HOUR, now, now if last and not killed else 0, at + 1 - begin, 0,
                    frozenset(),
                )  # fmt: skip
                made = Evidence([by])
                for one, (since, found) in loaded.items():
                    registered = {by.key: START + since * HOUR}
                    made.add(Seen(module(one, release), "".join(found), registered))
                truth = {key: set(some) for key, some in watched.items()}
                since_when = {one: since for one, (since, _) in loaded.items()}
                self.snapshots.append(
                    Shot(b"".join(write(made)), set(called), truth, release, since_when)
                )


def merged(snapshots: list[bytes]) -> Evidence:
    """Read and unite them, as `tombs merge` does."""
    merging = Merging()
    known: Known = {}
    for data in snapshots:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data, 1))))
        merging.add(Reader(stream, "it", known).items(), "it")
    return merging.evidence


@given(histories, st.integers(0, 12), st.randoms(use_true_random=False))
def test_no_order_calls_dead_what_was_called(
    history: list[tuple[int, int, bool, list[tuple[str, str, bool]]]],
    window: int,
    order: random.Random,
) -> None:
    """Of the snapshots that are left; and what is dead was watched for its whole window."""
    chosen = [one for one in Program(history).snapshots if order.random() < 0.8]
    called = set().union(*(shot.called for shot in chosen))
    evidence = merged([shot.data for shot in chosen])
    shuffled = chosen * 2
    order.shuffle(shuffled)
    half = len(shuffled) // 2
    first = merged([shot.data for shot in shuffled[:half]])
    parts = [b"".join(write(first)), *(shot.data for shot in shuffled[half:])] if half else []
    assert merged(parts) == evidence
    for key, standing in Standings(evidence, Demands(window * HOUR)).functions.items():
        seen = standing.exposure.watched
        assert seen in [len(hours) * HOUR for hours in watched(key, chosen)]
        enough = "dead" if seen >= window * HOUR else "unknown"
        assert standing.state == ("alive" if key in called else enough)
