"""Tools that make queries of a program's lambdas, those that are installed (the extra `tools`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.victim import ENGINES, Victim, need


@pytest.fixture(params=ENGINES)
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    """Make a program, for each engine."""
    return Victim(tmp_path, request.param)


SQL = """\
from sqlalchemy import create_engine, lambda_stmt, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
least = 1
def called(most):
    statement = lambda_stmt(lambda: select(User)) + (lambda s: s.where(User.id > least))
    statement += lambda s: s.where(User.id <= most)
    with Session(engine) as session:
        session.add_all([User(), User(), User()])
        return [user.id for user in session.scalars(statement)]
def dead(): return lambda: 1
"""


def test_lambdas_of_sqlalchemys_statements(victim: Victim) -> None:
    """It looks at the globals that a lambda names, and finds no value of ours among them."""
    need("sqlalchemy")
    victim.write("app.py", SQL)
    ran = victim.run("import app\nprint(app.called(2), app.called(3), app.called(2))\n")
    assert (ran.out, ran.told, ran.rest) == (["[2] [2, 3] [2]"], [], "")
    assert victim.tombs() == ["app.dead", "app.dead.<locals>.<lambda>"]


PONY = """\
from pony.orm import Database, Required, db_session
database = Database()
class Thing(database.Entity): size = Required(int)
database.bind("sqlite", ":memory:")
database.generate_mapping(create_tables=True)
@db_session
def called(least):
    for size in (1, 5): Thing(size=size)
    return [thing.size for thing in Thing.select(lambda thing: thing.size > least)]
def dead(): return 1
"""


def test_lambdas_that_pony_reads(victim: Victim) -> None:
    """It makes queries of their instructions; the rewrite engine leaves such a module alone."""
    need("pony")
    victim.write("app.py", PONY)
    for _ in range(2):  # the second time with what the cache holds
        victim.clear()
        ran = victim.run("import app, m\nprint(app.called(3))\nm.called()\n")
        assert (ran.out, ran.told, ran.rest) == (["[5]"], [], "")
        tombs = victim.tombs()
        assert "m.dead" in tombs
        assert "app.called" not in tombs
        assert ("app.dead" in tombs) == (victim.engine == "monitoring")
