"""The Django site of tests/integration, below a tracer that writes each first call down at once.

Loaded by gunicorn's workers. The tracer is sys.setprofile's and knows nothing of Tombs; what it has
written of a worker that is killed stays. The garbage collector is off, as in the tests' own tracer:
a finalizer started within the callback would be seen by Tombs and not by it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

from tracer import began, positions  # the tests' own, which writes only at the end

if TYPE_CHECKING:
    from types import CodeType, FrameType

RECORD = os.open(
    f"{os.environ['SOAK_RECORD']}/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
)
seen: dict[int, CodeType] = {}


def profile(frame: FrameType, event: str, _: object) -> None:
    """Write a function down when it is first called."""
    code = frame.f_code
    if event == "call" and id(code) not in seen and began(frame):
        seen[id(code)] = code
        name = frame.f_globals.get("__name__") if code.co_name == "<module>" else None
        where = str(positions(code)) if code.co_name == "<lambda>" else ""
        line = [name, code.co_filename, code.co_firstlineno, code.co_qualname, where]
        os.write(RECORD, json.dumps(line).encode() + b"\n")


gc.disable()
threading.setprofile(profile)
sys.setprofile(profile)

from django.core.wsgi import get_wsgi_application  # noqa: E402 - now it is seen

application = get_wsgi_application()
