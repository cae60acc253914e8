"""What the documentation offers to CI: examples, script and plugin, run as they stand."""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import ROOT, environment, run
from tests.support_evidence import evidence, save
from tests.support_evidence import run as a_run
from tombs.client.source import load
from tombs.diff import CLASSES
from tombs.evidence.standing import Standings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess

EXAMPLES = Path(ROOT, "examples", "ci")
OLD = {"shop.cart": {"total": "alive", "void": "dead"}}
FINE = {"shop.cart": {"total": "alive", "void": "alive"}}
WORSE = {"shop.cart": {"total": "dead", "void": "dead"}}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with production's graveyard in it, and stand-ins for the tools of CI."""
    (tmp_path / "src/shop").mkdir(parents=True)
    (tmp_path / "src/shop/__init__.py").touch()
    (tmp_path / "src/shop/cart.py").write_text("def total(): return 1\ndef void(): return 2\n")
    (tmp_path / "graveyards").mkdir()
    (tmp_path / ".tombs-ignore").write_text("# none\n")
    (tmp_path / "bin").mkdir()
    tombs = f'exec {shlex.quote(sys.executable)} -m tombs.cli.main "$@"\n'
    for name, body in {"tombs": tombs, "pip": "", "gh": 'echo "gh $@" >>gh.log\n'}.items():
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{body}")
        tool.chmod(0o755)
    save(evidence(OLD, by=a_run("shop-1", release="1")), tmp_path / "graveyards/production.json.gz")
    return tmp_path


def shell(checkout: Path, command: str, **environ: str) -> CompletedProcess[str]:
    """Run a step as the CI does: in the checkout, by a shell that stops at errors."""
    env = environment(**environ)
    env["PATH"] = f"{checkout / 'bin'}{os.pathsep}{env['PATH']}"
    return run(["bash", "-eo", "pipefail", "-c", command], env, cwd=checkout)


def example(name: str) -> Any:  # noqa: ANN401 - YAML may be anything
    """Read an example."""
    yaml = pytest.importorskip("ruamel.yaml")
    return yaml.YAML(typ="safe").load(EXAMPLES / name)


def github_steps() -> Iterator[str]:
    """Give the commands of the GitHub example."""
    for step in example("github.yml")["jobs"]["graveyard"]["steps"]:
        if "run" in step:
            yield step["run"].replace("${{ github.event.number }}", "7")


@pytest.mark.parametrize(
    ("name", "schema"), [("github", "github-workflows"), ("gitlab", "gitlab-ci")]
)
def test_the_examples_are_valid(name: str, schema: str) -> None:
    """By the schema of each."""
    if find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema isn't installed")
    words = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = run([sys.executable, *words, EXAMPLES / f"{name}.yml"], timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("now", "code"), [(FINE, 0), (WORSE, 1)])
def test_the_github_example_runs(checkout: Path, now: Any, code: int) -> None:  # noqa: ANN401
    """Its commands, in their order; the comment is made although the gate failed."""
    save(evidence(now, by=a_run("shop-2", release="2")), checkout / "staging")
    summary = checkout / "summary.md"
    job = example("github.yml")["jobs"]["graveyard"]
    environ = {"PRODUCTION": job["env"]["PRODUCTION"], "STAGING": "staging"}
    codes = []
    for command in github_steps():
        done = shell(checkout, command, GITHUB_STEP_SUMMARY=str(summary), **environ)
        codes.append(done.returncode)
    assert codes == [0, 0, code, 0]
    assert summary.read_text().startswith("## Tombs: ")
    assert (checkout / "gh.log").read_text().startswith("gh pr comment 7 --body-file tombs.md")
    assert json.loads((checkout / "tombs.sarif").read_text())["version"] == "2.1.0"
    uploaded = [step["with"] for step in job["steps"] if "with" in step]
    named = [step.get("sarif_file") or step.get("path", "") for step in uploaded]
    files = {path for paths in named for path in paths.split()}
    assert {"tombs.sarif", "staging.json.gz", "tombs.html"} <= files
    assert (checkout / "tombs.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("now", "code"), [(FINE, 0), (WORSE, 1)])
def test_the_gitlab_example_runs(checkout: Path, now: Any, code: int) -> None:  # noqa: ANN401
    """Its script as one; the artifacts that it names are there."""
    save(evidence(now, by=a_run("shop-2", release="2")), checkout / "staging")
    job = example("gitlab.yml")["graveyard"]
    command = "\n".join([*job["before_script"], *job["script"]])
    environ = {"PRODUCTION": job["variables"]["PRODUCTION"], "STAGING": "staging"}
    done = shell(checkout, command, **environ)
    assert done.returncode == code, done.stderr
    for path in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["codequality"]):
        assert (checkout / path).stat().st_size


@pytest.mark.parametrize(("now", "code"), [(FINE, 0), (WORSE, 1)])
def test_the_script_does_the_whole(checkout: Path, now: Any, code: int) -> None:  # noqa: ANN401
    """Saves both sides, compares, and leaves every form behind."""
    save(evidence(now, by=a_run("shop-2")), checkout / "staging")
    script = shlex.quote(os.path.join(ROOT, "scripts", "ci-graveyard-diff"))
    command = f"{script} graveyards/production.json.gz staging --fail-on newly-dead"
    done = shell(checkout, command, TOMBS_SOURCE="src", TOMBS_OUT="out")
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("OLD  out/old.json.gz\n")
    assert set(os.listdir(checkout / "out")) == {
        "old.json.gz",
        "new.json.gz",
        "diff.md",
        "diff.sarif",
        "gl-code-quality-report.json",
    }


def test_the_script_at_the_first_deployment_and_at_errors(checkout: Path) -> None:
    """Nothing to compare with is fine; evidence that can't be read is not."""
    save(evidence(FINE, by=a_run("shop-2")), checkout / "staging")
    script = shlex.quote(os.path.join(ROOT, "scripts", "ci-graveyard-diff"))
    done = shell(checkout, f"{script} nowhere.json staging")
    assert (done.returncode, "is the first" in done.stdout) == (0, True)
    assert (checkout / "tombs-out/new.json.gz").exists()
    assert shell(checkout, f"{script} nowhere.json nowhere.json").returncode == 2
    assert (
        shell(checkout, f"{script} graveyards/production.json.gz src/shop/cart.py").returncode == 2
    )
    done = shell(checkout, script)
    assert done.returncode == 2
    assert "scripts/ci-graveyard-diff OLD NEW" in done.stderr


def test_the_documentation_names_every_class() -> None:
    """Its table is the program's."""
    text = Path(ROOT, "docs", "ci.md").read_text(encoding="utf-8")
    for kind, meaning in CLASSES.items():
        assert f"| `{kind}` | {meaning} |" in text


SUITE = {
    "shop/__init__.py": "def used():\n    return 1\n\ndef unused():\n    return 2\n",
    "conftest.py": "import shop\n",
    "test_shop.py": "import shop\n\ndef test_it():\n    assert shop.used() == 1\n",
}


@pytest.mark.parametrize("options", [["--tombs=shop"], []])
def test_the_plugin_saves_the_suites_graveyard(tmp_path: Path, options: list[str]) -> None:
    """With --tombs, what tests call is alive; without it nothing happens."""
    for name, text in SUITE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    env = environment(
        TOMBS_DIR=str(tmp_path / "run"), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS=None
    )
    env["PYTHONPATH"] += f"{os.pathsep}{tmp_path}"
    words = ["-m", "pytest", "-q", "-p", "tombs.pytest_plugin", "-p", "no:cacheprovider"]
    done = run([sys.executable, *words, *options], env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    saved = tmp_path / "tombs.json.gz"
    assert saved.exists() is bool(options)
    if options:
        found = Standings(load(str(saved))).functions
        states = {key: standing.state for key, standing in found.items()}
        assert states == {"shop:used": "alive", "shop:unused": "dead"}
        assert "tombs: 2 functions loaded, 1 called by no test: " in done.stdout
    else:
        assert "tombs" not in done.stdout
        assert not (tmp_path / "run").exists()
