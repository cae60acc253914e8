"""Makes the snapshots that readers are measured with, of a source tree's own functions.

    python evidence.py LISTED DIRECTORY SNAPSHOTS

LISTED is what `tombs inventory` saved. Of its functions two deployments are made up, old.json and
new.json: a tenth of the modules isn't loaded, a quarter of the functions is dead, one in fifty has
another body. Beside them SNAPSHOTS further ones of one fleet, with 10,000 functions each.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from random import Random

from tombs.client.source import load
from tombs.evidence import calls, files, saved
from tombs.evidence.calls import Call
from tombs.evidence.model import Evidence, Function, Listed, Module, Run, Seen

DAY = 86_400 * 10**9
BEGAN = 1_790_000_000 * 10**9
OF_A_FLEET = 10_000  # functions


def run_of(release: str, number: int) -> Run:
    """Make up a run of a week."""
    about = {
        "application": "many",
        "release": release,
        "host": f"host-{number}",
        "run": f"many-{number:08x}",
        "cache_tag": sys.implementation.cache_tag,
        "namespace": ["*"],
    }
    began = BEGAN + number * 10**9
    return Run(about, began, began + 7 * DAY, 0, 4, 0, frozenset())


def module_of(listed: Listed, random: Random) -> Module:
    """Make up a module as it was compiled."""
    functions = tuple(
        Function(
            one.qualname,
            one.start,
            one.end,
            "." in one.qualname,
            f"{random.getrandbits(64) if random.random() < 0.02 else at:016x}",
        )
        for at, one in enumerate(listed.functions)
    )
    return Module(listed.name, f"/srv/app/{listed.file}", "3531", functions)


def seen_of(module: Module, run: Run, random: Random) -> Seen:
    """Make up what was seen of a module."""
    states = "".join(random.choice("00033333") for _ in module.functions)
    day = range(86_400)
    known = {
        at: Call(
            run.created + random.choice(day) * 10**9,
            run.seen - random.choice(day) * 10**9,
            run.release,
            random.choice((1, 2, 3, 4)),
        )
        for at, state in enumerate(states)
        if state == "3"
    }
    packed = calls.of(len(states), known)
    return Seen(module, states, {run.key: run.created + 10**8}, packed)


def deployment(listed: list[Listed], release: str, seed: int) -> Evidence:
    """Make up what one run saw."""
    random = Random(seed)  # noqa: S311 - made up, and nobody's secret
    run = run_of(release, seed)
    loaded = (one for one in listed if one.functions and random.random() < 0.9)
    return Evidence([run, *(seen_of(module_of(one, random), run, random) for one in loaded)])


def main() -> None:
    """Do what the command line says."""
    source, directory, snapshots = sys.argv[1:]
    listed = sorted(load(source).listed.values())
    for name, release, seed in (("old", "1.0", 1), ("new", "1.1", 2)):
        made = deployment(listed, release, seed)
        files.write(os.path.join(directory, f"{name}.json"), saved.write(made))
    random = Random(0)  # noqa: S311 - as above
    functions = (
        Function(f"function_{at}", at * 10, at * 10 + 8, False, f"{at:016x}")  # noqa: FBT003
        for at in range(OF_A_FLEET)
    )
    modules = []
    while part := tuple(islice(functions, 50)):
        name = f"many.part_{len(modules)}"
        modules.append(Module(name, f"/srv/app/{name}.py", "3531", part))
    for number in range(int(snapshots)):
        run = run_of("1.0", number)
        made = Evidence([run, *(seen_of(module, run, random) for module in modules)])
        path = os.path.join(directory, "fleet", f"{number}.json")
        files.write(path, saved.write(made))


main()
