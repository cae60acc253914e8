"""Run a program and write down which functions ran, by sys.setprofile: it knows nothing of Tombs.

    python tracer.py RECORD NAMESPACES PROGRAM [ARGUMENT ...]

NAMESPACES are dotted prefixes with commas between; PROGRAM is a path. The record is JSON:
`modules` (name and file of each module body that ran) and `ran` (file, first line, qualified name,
and for lambdas their positions, as two lambdas may stand on one line).

The garbage collector is off: a finalizer that a collection starts inside the tracer's own callback
would be entered unseen by the tracer (and by nobody else).
"""

import atexit
import dis
import gc
import json
import os
import runpy
import sys
import threading

GENERATORS = 0x20 | 0x80 | 0x200  # generators, coroutines, asynchronous generators
UNSTARTED = {dis.opmap["RETURN_GENERATOR"], dis.opmap["POP_TOP"]}
seen = {}
modules = set()


def profile(frame, event, argument, seen=seen):
    if event == "call":
        code = frame.f_code
        if id(code) not in seen and began(frame):
            seen[id(code)] = code
            if code.co_name == "<module>":
                modules.add((frame.f_globals.get("__name__"), code.co_filename))


def began(frame):
    """Whether the body runs: a generator that is closed or thrown into before it started is told
    as a call too, and nothing of it ever runs."""
    code = frame.f_code
    return not code.co_flags & GENERATORS or code.co_code[frame.f_lasti] not in UNSTARTED


def positions(code):
    return [list(p) for p in sorted({p for p in code.co_positions() if None not in p})]


def write(path, prefixes):
    sys.setprofile(None)
    threading.setprofile(None)
    wanted = [
        [name, file]
        for name, file in modules
        if isinstance(name, str) and any(f"{name}.".startswith(f"{p}.") for p in prefixes)
    ]
    files = {file for _, file in wanted}
    ran = [
        [
            code.co_filename,
            code.co_firstlineno,
            code.co_qualname,
            str(positions(code)) if code.co_name == "<lambda>" else "",
        ]
        for code in list(seen.values())
        if code.co_filename in files
    ]
    with open(path, "w", encoding="utf-8") as stream:
        json.dump({"modules": wanted, "ran": ran}, stream)


def main():
    record, prefixes, program = sys.argv[1:4]
    del sys.argv[:3]
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    gc.disable()
    atexit.register(write, record, prefixes.split(","))
    threading.setprofile(profile)
    sys.setprofile(profile)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
