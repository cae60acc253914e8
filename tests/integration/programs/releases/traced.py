"""gunicorn's settings for a run below the tracer: each worker writes down what it ran."""

import atexit
import gc
import logging
import os
import sys
import threading

sys.path.insert(0, os.environ["TRACER"])
import tracer


def post_fork(server, worker):
    """Trace from before the application is loaded, to the last of what is done at the end."""
    atexit.unregister(logging.shutdown)  # it flushes Flask's handler, which calls a function
    atexit.register(tracer.write, f"{os.environ['RECORD']}.{os.getpid()}", ["flask", "shop"])
    atexit.register(logging.shutdown)
    gc.disable()
    threading.setprofile(tracer.profile)
    sys.setprofile(tracer.profile)
