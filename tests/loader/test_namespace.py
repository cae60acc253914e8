"""Which modules are watched, and the reason given."""

from __future__ import annotations

import os
import sys

import pytest

from tombs.loader.namespace import Namespace

LIBRARY = os.path.dirname(os.__file__)
ANYWHERE = "/srv/app/x.py"

# wanted, excluded, module, file; whether it is watched, and why
TABLE = [
    (("app",), (), "app", ANYWHERE, True, "is within app"),
    (("app",), (), "app.billing.tax", ANYWHERE, True, "is within app"),
    (("app",), (), "apple", ANYWHERE, False, "falls outside the namespace"),
    (("app",), (), "apple.pie", ANYWHERE, False, "falls outside the namespace"),
    (("app",), (), "other.app", ANYWHERE, False, "falls outside the namespace"),
    (("app.billing",), (), "app", ANYWHERE, False, "falls outside the namespace"),
    (("a", "b"), (), "b.c", ANYWHERE, True, "is within b"),
    (("app",), ("app.vendored",), "app.vendored", ANYWHERE, False, "is excluded by app.vendored"),
    (("app",), ("app.vendored",), "app.vendored.x", ANYWHERE, False, "is excluded by app.vendored"),
    (("app",), ("app.vendored",), "app.vendored_not", ANYWHERE, True, "is within app"),
    (("*",), (), "json", f"{LIBRARY}/json/__init__.py", True, "is within *"),
    (("*",), (), "anything.at.all", "/x/site-packages/anything.py", True, "is within *"),
    (("*",), ("json",), "json.decoder", f"{LIBRARY}/json/d.py", False, "is excluded by json"),
    (("django",), (), "django.db", "/v/site-packages/django/db.py", True, "is within django"),
    (("*",), (), "tombs.session", ANYWHERE, False, "is part of Tombs, or of Python's start"),
    (("tombs",), (), "tombs", ANYWHERE, False, "is part of Tombs, or of Python's start"),
    (("*",), (), "sitecustomize", ANYWHERE, False, "is part of Tombs, or of Python's start"),
    (("*",), (), "tombstone", ANYWHERE, True, "is within *"),
    ((), (), "app.billing", ANYWHERE, True, "is first-party code"),
    ((), (), "app", "relative.py", True, "is first-party code"),
    ((), ("app",), "app.billing", ANYWHERE, False, "is excluded by app"),
    ((), (), "json.decoder", ANYWHERE, False, "is of the standard library"),
    ((), (), "jsonx", ANYWHERE, True, "is first-party code"),
    ((), (), "flask.app", "/v/lib/site-packages/flask/app.py", False, "is an installed package"),
    ((), (), "apt", "/usr/lib/python3/dist-packages/apt.py", False, "is an installed package"),
    ((), (), "app", "/srv/my-site-packages/app.py", True, "is first-party code"),
    ((), (), "_sysconfigdata", f"{LIBRARY}/_sysconfigdata.py", False, "is of the standard library"),
    (("*",), (), "__main__", "/srv/tool.py", True, "is within *"),
    (("tool",), (), "__main__", "/srv/tool.py", True, "is within tool"),
    (("__main__",), (), "__main__", "/srv/tool.py", True, "is within __main__"),
    (("app",), (), "__main__", "/srv/tool.py", False, "falls outside the namespace"),
    (("tool",), (), "__mp_main__", "/srv/tool.py", True, "is within tool"),
    ((), ("tool",), "__main__", "/srv/tool.py", False, "is excluded by tool"),
    ((), ("__main__",), "__main__", "/srv/tool.py", False, "is excluded by __main__"),
    ((), (), "__main__", "/srv/tool.py", True, "is first-party code"),
    ((), (), "__main__", f"{LIBRARY}/timeit.py", False, "is of the standard library"),
    ((), (), "__main__", "/v/site-packages/x.py", False, "is an installed package"),
    ((), (), "__main__", f"{os.path.dirname(sys.executable)}/x", False, "is an installed command"),
]


@pytest.mark.parametrize(("wanted", "excluded", "name", "file", "watched", "reason"), TABLE)
def test_a_module_is_judged_with_a_reason(
    wanted: tuple[str, ...], excluded: tuple[str, ...], name: str, file: str, watched: bool,
    reason: str,
) -> None:  # fmt: skip
    """The table: prefixes end at a dot, exclusion wins, and each verdict says why."""
    verdict = Namespace(wanted, excluded).of_module(name, file)
    assert (verdict.wanted, verdict.reason) == (watched, reason)
    assert bool(verdict) == watched


@pytest.mark.parametrize("name", ["json", "os", "_thread", "tombs.x", "sitecustomize"])
def test_what_is_not_wanted_is_declined_by_its_name_alone(name: str) -> None:
    """No search is needed for the standard library where no namespace is given."""
    verdict = Namespace((), ()).of_name(name)
    assert verdict is not None
    assert not verdict.wanted


def test_only_the_place_can_tell_of_other_names() -> None:
    """Without a namespace a name alone says nothing about first-party code."""
    assert Namespace((), ()).of_name("app") is None
    assert Namespace(("app",), ()).of_name("app") is not None


def test_what_is_remembered_of_a_name_is_no_verdict_on_others() -> None:
    """A part of a package is chosen, or left out: its first part decides nothing."""
    namespace = Namespace(("app.billing", "other"), ("other.vendored",))
    for _ in range(2):
        for name, wanted in (
            ("app.billing", True),
            ("app", False),
            ("app.billing.tax", True),
            ("other.vendored", False),
            ("other", True),
            ("third.app", False),
        ):
            verdict = namespace.of_name(name)
            assert verdict is not None
            assert verdict.wanted is wanted
