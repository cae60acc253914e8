"""Several releases of Flask, served by gunicorn: under Tombs, and below an independent tracer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests import ground_truth, support_runs, support_web
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

VERSIONS = ("2.3.3", "3.0.3", "3.1.0")
HOTFIX = "3.1.0-hotfix"
CHANGED, REMOVED, ADDED, MOVED = (
    "flask.helpers:get_load_dotenv",
    "flask.templating:stream_template_string",
    "flask.templating:added_by_the_hotfix",
    "flask.config:Config.from_envvar",
)
PROGRAMS = support_runs.PROGRAMS / "releases"
NAMESPACE = ("flask", "shop")
WORKERS = 2
RECYCLED = 4  # requests after which a worker makes room for another


def packages(place: Path) -> dict[str, Path]:
    """Fetch the releases, each into a directory of its own, and make one more by hand."""
    made = {}
    for version in VERSIONS:
        made[version] = place / version
        words = ["install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        command = [sys.executable, "-m", "pip", *words, "--target", str(made[version])]
        try:
            subprocess.run(
                [*command, f"flask=={version}"], capture_output=True, timeout=60, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as fault:
            pytest.skip(f"pip can't fetch flask {version} here: {fault}")
    made[HOTFIX] = place / "hotfix"
    shutil.copytree(made[VERSIONS[-1]], made[HOTFIX])
    edit(
        made[HOTFIX] / "flask" / "helpers.py",
        (
            "def get_load_dotenv(default: bool = True) -> bool:\n",
            "{}    default = not not default\n",
        ),
    )
    edit(
        made[HOTFIX] / "flask" / "templating.py",
        ("def stream_template_string(", "def added_by_the_hotfix("),
    )
    edit(made[HOTFIX] / "flask" / "config.py", ("from __future__", "# moved\n\n\n{}"))
    edit(made[HOTFIX] / "flask" / "__init__.py", (IMPORTED, ""))
    return made


IMPORTED = "from .templating import stream_template_string as stream_template_string\n"


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Change a file; `{}` stands for what was there."""
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new.replace("{}", old), 1)
    path.write_text(text, "utf-8")


class Server:
    """gunicorn with one release of Flask.

    Args:
        place: a directory with a short path, for the sockets.
        package: the directory that has Flask.
        label: what to call it.
    """

    def __init__(self, place: Path, package: Path, label: str) -> None:
        self.place = place
        self.web = place / f"{label}.web"
        self.path = os.pathsep.join([ROOT, str(package), str(PROGRAMS)])
        self.gunicorn = [
            *(support_runs.PYTHON, "-m", "gunicorn", "-b", f"unix:{self.web}"),
            *("--no-control-socket", "shop:make()"),
        ]

    def ask(self, *targets: str) -> list[str]:
        """Make requests one after another; gives the answers."""
        return [support_web.get(self.web, target) for target in targets]

    @contextmanager
    def run(
        self, words: Sequence[str], *, killed: bool = False, **env: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run it until the block is left, and end it in order; or kill all of it at once."""
        env = {"PYTHONPATH": self.path, "PYTHONDONTWRITEBYTECODE": "1", **env}
        log = self.place / "log"
        with (
            open(log, "ab") as told,
            support_runs.started(words, self.place, env=env, stderr=told.fileno()) as child,
        ):
            support_web.wait_for_server(self.web)
            yield child
            if not killed:
                child.terminate()
                assert child.wait(support_runs.DEADLINE) == 0, log.read_text("utf-8")
        self.web.unlink(missing_ok=True)

    def watched(
        self,
        engine: str,
        release: str,
        *options: str,
        recycled: bool = True,
        killed: bool = False,
        **env: str,
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The same under Tombs, in a kept graveyard; with one worker, or two that are recycled."""
        names = [word for name in NAMESPACE for word in ("-n", name)]
        where = ["--dir", f"{self.place}/run", "--cache", f"{self.place}/cache-{engine}"]
        launch = [support_runs.PYTHON, "-m", "tombs.cli.run", "--engine", engine, *where, *names]
        kept = ["--name", "web", "--release", release, *options, "--"]
        workers = ["-w", str(WORKERS), "--max-requests", str(RECYCLED)] if recycled else []
        return self.run([*launch, *kept, *self.gunicorn, *workers], killed=killed, **env)


class Truth(NamedTuple):
    """What a release loaded and ran, found without Tombs."""

    whole: ground_truth.Truth
    loaded: set[str]  # identities, of functions that share their name with no other
    ran: set[str]


def traced(server: Server, targets: Sequence[str]) -> Truth:
    """Serve requests below the tracer."""
    record = server.place / "record"
    env = {"RECORD": str(record), "TRACER": str(ground_truth.TRACER.parent)}
    with server.run([*server.gunicorn, "-c", str(PROGRAMS / "traced.py")], **env):
        server.ask(*targets)
    (only,) = server.place.glob("record.*")
    whole = ground_truth.truth(only)
    told = json.loads(only.read_text("utf-8"))
    only.unlink()
    ran = {(file, line, name) for file, line, name, _ in told["ran"]}
    truth = Truth(whole, set(), set())
    for module, file in {(name, file) for name, file in told["modules"] if Path(file).is_file()}:
        codes = ground_truth.functions(module, file)
        alike = Counter(code.co_qualname for code in codes)
        for code in codes:
            key = f"{module}:{code.co_qualname}"
            if alike[code.co_qualname] == 1:
                truth.loaded.add(key)
                if (file, code.co_firstlineno, code.co_qualname) in ran:
                    truth.ran.add(key)
    return truth
