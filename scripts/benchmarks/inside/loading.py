"""Loading: how long an import takes, and the memory it leaves behind."""

from __future__ import annotations

from measure import Clock, memory


def _sympy() -> None:
    import sympy  # noqa: F401


def _django() -> None:
    """What a Django process does before its first request: set-up, admin and URLs included."""
    import adminsite

    adminsite.load()


def _name(name: str) -> None:
    for one in name.split(","):
        __import__(one)


def work(what: str) -> dict[str, float]:
    """Load `sympy`, `django`, or modules by their names, a comma between."""
    clock = Clock()
    if what == "sympy":
        _sympy()
    elif what == "django":
        _django()
    elif what:
        _name(what)
    measured: dict[str, float] = clock.read() | memory()
    return measured
