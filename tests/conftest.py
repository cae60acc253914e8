"""What every test is given."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import support

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess
    from types import ModuleType

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

INSTALLED = tuple(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib"))


@pytest.fixture(autouse=True)
def interpreter_restored() -> Iterator[None]:
    """Put back what an import hook, or a test of one, changes in this process."""
    lists = (sys.path, sys.meta_path, sys.path_hooks)
    before = [list(one) for one in lists]
    environ = dict(os.environ)
    modules = dict(sys.modules)
    yield
    for one, content in zip(lists, before, strict=True):
        one[:] = content
    os.environ.clear()
    os.environ.update(environ)
    # In place: the interpreter keeps its own reference to this dict.
    for name, module in list(sys.modules.items()):
        if name not in modules and not _lasting(name, module):
            del sys.modules[name]
    sys.modules.update(modules)
    sys.path_importer_cache.clear()


@pytest.fixture(autouse=True)
def graveyards_closed() -> Iterator[None]:
    """Give back the descriptors of graveyards that a test has opened in this process."""
    yield
    support = sys.modules.get("tests.support_graveyard")
    if support is not None:
        support.close_opened()


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests make from one start to the next apart from what this user has."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["XDG_CACHE_HOME"]
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def run() -> Callable[..., CompletedProcess[str]]:
    """Run a child process to its end, or kill it at the deadline."""
    return support.run


def _lasting(name: str, module: ModuleType) -> bool:
    """Tell whether a module stays: a second copy of a library's classes is a stranger to the first.

    What goes is what tests write and import: programs, and modules in temporary directories.
    """
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("tombs", "tests"):
        return True
    return str(getattr(module, "__file__", None)).startswith(INSTALLED)
