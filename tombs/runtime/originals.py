"""The standard library's functions as they were before gevent or eventlet put in their own.

The background thread is a real one and waits in a real `poll`; a green one would stop the
program's event loop, or be stopped by it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def original(module: str, name: str) -> Any:  # noqa: ANN401 - what it is, only its name tells
    """Find a module's function as Python made it.

    Args:
        module: the module's name.
        name: the function's.

    Raises:
        AttributeError: this Python doesn't have it.
    """
    gevent: Any = sys.modules.get("gevent.monkey")
    if hasattr(gevent, "get_original"):  # else it is being imported by another thread
        return gevent.get_original(module, name)
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if hasattr(eventlet, "original"):
        return getattr(eventlet.original(module), name)
    return getattr(__import__(module), name)
