"""Drive every module of the package `shapes` and tell all that a program can see of it.

Run as a script, plain or under Tombs: what it prints must be the same. A module's `drive()` gives
back what it saw; before and after it, what `inspect` says of each function is written down.
With the argument `lines`, the line events of a tracer are told too.
"""

import contextlib
import importlib
import inspect
import io
import json
import linecache
import os
import re
import sys
import traceback
import types
import warnings


def functions_of(module):
    """Every function that is found through a module's names and its classes' names."""
    found = {}

    def look(owner, prefix):
        for name, value in sorted(vars(owner).items()):
            for part in (
                value,
                getattr(value, "__func__", None),
                getattr(value, "__wrapped__", None),
                getattr(value, "fget", None),
                getattr(value, "func", None),
            ):
                if isinstance(part, types.FunctionType) and part.__module__ == module.__name__:
                    found.setdefault(id(part), (prefix + name, part))
            if isinstance(value, type) and value.__module__ == module.__name__ and value is not owner:
                if len(prefix) < 60:
                    look(value, prefix + name + ".")

    look(module, "")
    return sorted(found.values(), key=lambda pair: pair[0])[:80]  # inspect takes its time


def tell(function):
    """What `inspect` and the code object say of one function."""
    code = function.__code__
    return {
        "name": [code.co_name, code.co_qualname, function.__name__, function.__qualname__],
        "module": function.__module__,
        "doc": inspect.getdoc(function),
        "signature": str(inspect.signature(function)),
        "source": inspect.getsource(function),
        "first": [code.co_firstlineno, inspect.getsourcelines(function)[1]],
        "file": [os.path.basename(code.co_filename), os.path.basename(inspect.getsourcefile(function))],
        "lines": sorted({line for _, _, line in code.co_lines() if line is not None}),
        "arguments": [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
        "variables": [code.co_varnames, code.co_freevars, code.co_cellvars, code.co_nlocals],
        "flags": code.co_flags,
        "kinds": [
            inspect.isgeneratorfunction(function),
            inspect.iscoroutinefunction(function),
            inspect.isasyncgenfunction(function),
        ],
        "defaults": [repr(function.__defaults__), repr(function.__kwdefaults__)],
        "annotations": repr(inspect.get_annotations(function)),
        "cells": len(function.__closure__ or ()),
        "values": sorted(function.__dict__),
    }


def drive(module, traced):
    """Call a module's drive(); what it gives, prints, raises, and the lines it went through."""
    lines = []
    file = module.__file__

    def tracer(frame, event, argument):
        if frame.f_code.co_filename != file:
            return None
        lines.append(f"{frame.f_code.co_name} {event} {frame.f_lineno}")
        return tracer

    written = io.StringIO()
    result = problem = None
    with contextlib.redirect_stdout(written), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            if traced:
                sys.settrace(tracer)
            try:
                result = module.drive()
            finally:
                sys.settrace(None)
        except BaseException:
            problem = traceback.format_exc()
    return {
        "result": result,
        "problem": problem,
        "written": written.getvalue(),
        "warned": [str(warning.message) for warning in warned],
        "lines": lines,
    }


def main():
    traced = "lines" in sys.argv
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shapes")
    for file in sorted(os.listdir(here)):
        stem, _, kind = file.rpartition(".")
        if kind != "py" or stem == "__init__":
            continue
        _, _, needed = stem.rpartition("_py3")
        if needed.isdigit() and sys.version_info < (3, int(needed)):
            continue
        module = importlib.import_module("shapes." + stem)
        linecache.clearcache()
        before = {} if traced else {name: tell(f) for name, f in functions_of(module)}
        seen = drive(module, traced)
        after = {} if traced else {name: tell(f) for name, f in functions_of(module)}
        told = {"module": stem, "before": before, "after": after, **seen}
        print(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told, default=repr)))


if __name__ == "__main__":
    main()
