"""Tells what Tombs would find in a Python: run by `tombs doctor`, in the place of the bootstrap.

This file is asked for twice in one start: as the sitecustomize that Python imports, at the very
moment at which Tombs would start, and as the script. Whichever is first writes what it finds as one
line of JSON and ends the process. So nothing behind that moment is run: no hidden sitecustomize,
and no program. Where it is the script, this Python runs no sitecustomize.

It must parse under every Python there may be, and import Tombs only if it can.
"""

import sys

_BEFORE = dict(sys.modules)
_HOOKS = {"trace": sys.gettrace() is not None, "profile": sys.getprofile() is not None}

_FLAGS = (
    "isolated",
    "ignore_environment",
    "no_site",
    "no_user_site",
    "safe_path",
    "optimize",
    "dev_mode",
)


def _python(os):
    return {
        "executable": sys.executable or "",
        "prefix": sys.prefix,
        "implementation": sys.implementation.name,
        "version": ".".join(str(part) for part in sys.version_info[:3]),
        "supported": sys.version_info >= (3, 11),
        "abiflags": getattr(sys, "abiflags", ""),
        "debug": hasattr(sys, "gettotalrefcount"),
        "flags": {name: int(getattr(sys.flags, name, 0) or 0) for name in _FLAGS},
        "setuid": os.getuid() != os.geteuid() or os.getgid() != os.getegid(),
    }


def _tombs():
    """Tell which Tombs would start here, and what it takes this Python for."""
    try:
        from tombs.identity import interpreter
        from tombs.version import __version__
    except Exception as fault:
        return {"fault": type(fault).__name__ + ": " + str(fault)}
    return {"version": __version__, "identity": interpreter(), "file": _file("tombs")}


def _file(name):
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    return file if type(file) is str else ""


def _tools():
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    return {str(tool): monitoring.get_tool(tool) for tool in range(6)}


def _hidden():
    """Find the sitecustomize that the bootstrap would hide, without running it."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize")
    return None if spec is None else str(spec.origin)


def _finders():
    kinds = (one if isinstance(one, type) else type(one) for one in sys.meta_path)
    named = [kind.__module__ + "." + kind.__qualname__ for kind in kinds]
    return [name for name in named if not name.startswith("_frozen_importlib")]


def _find(name, path):
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, path, None)
        if spec is not None:
            return spec
    return None


def _look(name):
    """Find a module as an import would, without importing the packages that it is in."""
    parts = name.split(".")
    path = spec = None
    for at in range(len(parts)):
        spec = _find(".".join(parts[: at + 1]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and at + 1 < len(parts):
            return None
    return spec


def _described(name):
    try:
        spec = _look(name)
    except Exception as fault:  # somebody's finder
        return {"fault": type(fault).__name__ + ": " + str(fault)}
    if spec is None:
        return None
    loader = spec.loader
    places = spec.submodule_search_locations
    return {
        "origin": spec.origin if isinstance(spec.origin, str) else "",
        "loader": type(loader).__name__ if loader is not None else "",
        "code": loader is None or hasattr(loader, "get_code"),
        "places": [str(place) for place in places] if places is not None else None,
    }


def _loaded(wanted, excluded):
    """Judge what is loaded already as Tombs would."""
    from tombs.loader.namespace import Namespace

    namespace = Namespace(tuple(wanted), tuple(excluded))
    found = []
    for name, module in sorted(_BEFORE.items()):
        file = getattr(module, "__file__", None)
        if type(file) is str and name != "__main__" and namespace.of_module(name, file):
            found.append([name, file])
    return found


def _erases():
    from tombs.loader import poke

    return poke.can_erase()


def _examine(os, json):
    asked = json.loads(os.environ.pop("TOMBS_DOCTOR"))
    # As the bootstrap does; and what the program's start would put there comes first.
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    first = [] if getattr(sys.flags, "safe_path", False) else asked["path"]
    sys.path[:] = first + asked["more"] + rest
    told = {
        "bootstrap": __name__ == "sitecustomize",
        "python": _python(os),
        "hooks": _HOOKS,
        "monitoring": _tools(),
        "finders": _finders(),
        "hidden": _hidden(),
        "modules": sorted(_BEFORE),
        "installed": [name for name in asked["tools"] if _described(name)],
        "names": {name: _described(name) for name in asked["names"]},
        "tombs": _tombs(),
        "loaded": [],
        "erases": None,
    }
    if told["python"]["supported"] and "fault" not in told["tombs"]:
        told["loaded"] = _loaded(asked["wanted"], asked["excluded"])
        if sys.version_info < (3, 12):
            told["erases"] = _erases()
    return told


def _tell():
    import json
    import os

    fd = int(os.environ.pop("TOMBS_DOCTOR_FD"))
    text = json.dumps(_examine(os, json)).encode("ascii")
    while text:
        text = text[os.write(fd, text) :]
    os._exit(0)


if "TOMBS_DOCTOR_FD" in __import__("os").environ:
    _tell()
