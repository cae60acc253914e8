"""Two releases of real projects, run for real: the classes against an independent comparison.

The same program runs on both under tombs-run, and which functions ran is traced independently. What
the diff must say then follows from the two sources (compared by `ast`, in a few lines of this file
that know nothing of Tombs) and from the two traces.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import ROOT, environment, python, tombs_run

if TYPE_CHECKING:
    from pathlib import Path


class Project(NamedTuple):
    """A project with history."""

    name: str
    package: str
    old: str
    new: str
    needs: tuple[str, ...]
    program: str
    least: int  # functions that must have been compared


RICH = """
from io import StringIO
from rich.console import Console
from rich.table import Table
from rich.markdown import Markdown
console = Console(file=StringIO(), width=60)
table = Table(title="it")
table.add_column("a"); table.add_row("[red]b[/]")
console.print(table)
console.print(Markdown("# it\\n- *one*\\n- `two`"))
console.print({"a": [1, 2, (3,)]})
"""
FLASK = """
import flask
app = flask.Flask("it")
@app.route("/<name>")
def hello(name):
    return flask.render_template_string("hello {{ name }}", name=name)
client = app.test_client()
assert client.get("/you").status_code == 200
assert client.get("/a/b").status_code == 404
"""
SQLALCHEMY = """
import gc
import sqlalchemy as sa
from sqlalchemy import orm
engine = sa.create_engine("sqlite://")
Base = orm.declarative_base()
class Author(Base):
    __tablename__ = "author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(40), nullable=False)
    books = orm.relationship("Book", back_populates="author", order_by="Book.title")
class Book(Base):
    __tablename__ = "book"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.String(40))
    author_id = sa.Column(sa.ForeignKey("author.id"))
    author = orm.relationship("Author", back_populates="books")
Base.metadata.create_all(engine)
with orm.Session(engine) as session:
    session.add(Author(name="Dickens", books=[Book(title="Bleak House"), Book(title="Hard Times")]))
    session.commit()
    found = session.execute(
        sa.select(Author).join(Author.books).where(Book.title.like("Bleak%"))
    ).scalars().one()
    assert [book.title for book in found.books] == ["Bleak House", "Hard Times"]
    assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 2
    session.delete(found.books[0])
    session.rollback()
# What weak references call when these go must happen where the tracer still sees it.
del engine, Base, Author, Book, session, found
gc.collect()
"""
PROJECTS = [
    Project("rich", "rich", "13.3.5", "13.9.4", ("markdown-it-py", "mdurl", "pygments"), RICH, 800),
    Project("flask", "flask", "2.3.3", "3.1.0", (), FLASK, 350),
    Project(
        "sqlalchemy", "sqlalchemy", "1.4.52", "2.0.44", ("typing-extensions",), SQLALCHEMY, 9000
    ),
]


def download(project: Project, version: str, target: Path) -> None:
    """Install one release by itself, or skip where that can't be done."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    words = [*pip, "--no-deps", "--no-compile", "--target", str(target)]
    wanted = [f"{project.name}=={version}", *project.needs]
    try:
        done = subprocess.run(
            [*words, *wanted], capture_output=True, text=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"pip could not fetch {wanted} in time")
    if done.returncode:
        pytest.skip(f"pip can't fetch {wanted} here: {done.stderr.strip()[-200:]}")


# Which functions run, by module and qualified name: told by the profiler at the end.
TRACER = """
import atexit, json, os, sys, threading
ran = set()
def profile(frame, event, arg):
    if event == "call":
        code = frame.f_code
        ran.add((code.co_filename, code.co_firstlineno, code.co_qualname))
def tell():  # the last of all that is done at the end: what libraries do there counts
    sys.setprofile(None)
    top = os.environ["TRACED"] + os.sep
    loaded = [name for name, module in list(sys.modules.items())
              if str(getattr(module, "__file__", "")).startswith(top)]
    print(json.dumps([loaded, sorted((f, l, q) for f, l, q in ran if f.startswith(top))]))
atexit.register(tell)
threading.setprofile(profile)
sys.setprofile(profile)
with open(sys.argv[1]) as file:
    code = compile(file.read(), sys.argv[1], "exec")
exec(code, {"__name__": "__main__", "__file__": sys.argv[1]})
"""


class Release:
    """One release: its functions by the source, those of loaded modules, and those that ran.

    Functions of equal name in a module are left out: their numbers are Tombs' own idea, which other
    tests hold. So are lambdas.
    """

    def __init__(self, project: Project, target: Path, program: Path) -> None:
        top = target / project.package
        env = environment(TRACED=str(top), PYTHONHASHSEED="0")
        env["PYTHONPATH"] = str(target)
        told = python(["-c", TRACER, program], env, check=True, timeout=120).stdout
        loaded, ran = json.loads(told.splitlines()[-1])
        self.ran: set[str] = set()
        self.loaded: set[str] = set()
        self.bodies: dict[str, str] = {}
        self.layouts: dict[str, list[object]] = {}
        self.shared: set[str] = set()  # names that several functions of a module have
        # By their names too: what makes a function's annotations begins on the line that it does.
        started = {(file, line, name) for file, line, name in ran}
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(target).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            source = path.read_text(encoding="utf-8")
            imported = imports(source)
            for name, nodes in functions(source).items():
                key, node = f"{module}:{name}", nodes[0]
                if len(nodes) > 1:
                    self.shared.add(key)
                self.bodies[key] = ast.unparse(node)
                self.layouts[key] = layout(node, imported)
                if module in loaded:
                    self.loaded.add(key)
                line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                if (str(path), line, name) in started:
                    self.ran.add(key)


def imports(source: str) -> set[str]:
    """List the names that a module imports."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def layout(node: ast.FunctionDef | ast.AsyncFunctionDef, imported: set[str]) -> list[object]:
    """Tell what else Python compiles by.

    It joins instructions that stand on one line, and calls `name.method()` otherwise where the
    module imports the name.
    """
    found = list(ast.walk(node))
    used = {one.id for one in found if isinstance(one, ast.Name)}
    lines = [one.lineno - node.lineno for one in found if hasattr(one, "lineno")]
    return [*lines, *sorted(used & imported)]


def functions(source: str) -> dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
    """List the functions of a module by qualified name."""
    found: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.setdefault(prefix + child.name, []).append(child)
                walk(child, f"{prefix}{child.name}.<locals>.")
            else:
                walk(child, prefix)

    walk(ast.parse(source), "")
    return found


def expected(old: Release, new: Release) -> dict[str, str]:
    """Say what the diff must say of each function, from sources and traces alone."""
    found = {}
    for key in (old.bodies.keys() | new.bodies.keys()) - old.shared - new.shared:
        before = state(old, key)
        now = state(new, key)
        kind = {
            ("alive", "dead"): "newly-dead",
            ("alive", "not loaded"): "no-longer-loaded",
            ("alive", "none"): "removed-alive",
            ("dead", "none"): "removed-dead",
            ("not loaded", "none"): "removed-dead",
            ("dead", "alive"): "resurrected",
            ("dead", "dead"): "still-dead",
            ("dead", "not loaded"): "still-dead",
            ("not loaded", "dead"): "still-dead",
            ("none", "dead"): "added-never-called",
            ("none", "not loaded"): "added-never-called",
        }.get((before, now), "")
        if kind:
            found[key] = kind
    return found


def state(release: Release, key: str) -> str:
    """Say what became of a function."""
    if key not in release.bodies:
        return "none"
    if key not in release.loaded:
        return "not loaded"
    return "alive" if key in release.ran else "dead"


def snapshot(project: Project, target: Path, program: Path, version: str) -> str:
    """Run the program under tombs-run, and save its graveyard with the source."""
    run_dir = target / ".run"
    env = environment(PYTHONHASHSEED="0")
    env["PYTHONPATH"] = os.pathsep.join([ROOT, str(target)])
    options = ["--dir", run_dir, "--socket", "0", "-n", project.package, "--release", version]
    done = tombs_run([*options, sys.executable, program], env, check=True, timeout=120)
    assert not done.stderr, done.stderr
    (graveyard,) = run_dir.glob("*.graveyard")
    output = str(target / "it.json.gz")
    words = ["snapshot", graveyard, "--source", target / project.package, "-o", output]
    python(["-m", "tombs.cli.main", *words], check=True)
    return output


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_two_releases_of_a_real_project(project: Project, tmp_path: Path) -> None:
    """Not one function differs from what sources and traces say."""
    program = tmp_path / "program.py"
    program.write_text(project.program)
    releases, snapshots = [], []
    for version in (project.old, project.new):
        target = tmp_path / version
        download(project, version, target)
        snapshots.append(snapshot(project, target, program, version))
        releases.append(Release(project, target, program))
    words = ["-m", "tombs.cli.main", "diff", *snapshots, "--format", "jsonl"]
    head, *changes = map(json.loads, python(words, check=True).stdout.splitlines())
    assert head["old"]["releases"] == [project.old]
    assert head["bodies_known"]
    old, new = releases
    names = (old.bodies.keys() | new.bodies.keys()) - old.shared - new.shared
    assert len(names) >= project.least
    found = {
        change["id"]: change["class"]
        for change in changes
        if change["id"] in names and change["class"] != "changed"
    }
    wanted = expected(old, new)
    # A stub is no finding: the program says so by its own reading of the source.
    stubs = listed_stubs(snapshots)
    differing = {
        key: (wanted.get(key), found.get(key))
        for key in (wanted.keys() | found.keys()) - stubs
        if wanted.get(key) != found.get(key)
    }
    assert not differing
    check_bodies(old, new, changes, names)


def listed_stubs(snapshots: list[str]) -> set[str]:
    """Give the stubs of both sides, which no class is for."""
    from tombs.client.source import load
    from tombs.evidence.standing import Standings

    return {
        key
        for path in snapshots
        for key, standing in Standings(load(path)).functions.items()
        if standing.stub
    }


def check_bodies(
    old: Release, new: Release, changes: list[dict[str, str]], names: set[str]
) -> None:
    """Hold what was said of bodies against the text of both sources.

    The same text in the same lines compiles to the same code; other text of a body may compile to
    the same too, so that is asked of the great majority only.
    """
    both = [key for key in names if key in old.loaded and key in new.loaded]
    said = {change["id"] for change in changes if change["body"] == "changed"}
    same = {key for key in both if old.bodies[key] == new.bodies[key]}
    as_it_was = {key for key in same if old.layouts[key] == new.layouts[key]}
    assert sorted(said & as_it_was) == [], "the same text was called changed"
    other = {key for key in both if key not in same and key in {c["id"] for c in changes}}
    assert len(other & said) >= 0.4 * len(other)
