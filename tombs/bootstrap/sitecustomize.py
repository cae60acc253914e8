"""Starts Tombs where `tombs-run` asked for it, then runs the sitecustomize that this one hides.

Every Python that the program starts comes through here, of whatever version: so this file must
parse under all of them, and is silent on any but the one that it was set up for.
"""


def _start(os, sys):
    here = os.path.dirname(os.path.abspath(__file__))
    # The program is to find sys.path as it would be without us; its children find us through the
    # environment.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    if sys.version_info < (3, 11) or os.environ.get("TOMBS_ENABLE") != "1":
        return
    try:
        from tombs import ahead

        ahead.load(("tombs.identity",))
        from tombs.identity import interpreter
    except ImportError:
        if os.environ.get("TOMBS_PID") == str(os.getpid()):
            sys.stderr.write(
                "tombs: off: Tombs is not installed for %s; install it there, beside the program\n"
                % sys.executable
            )
        return
    own = interpreter()
    if os.environ.get("TOMBS_PYTHON", own) != own:
        return
    import tombs

    tombs.start()
    _count_anew()


def _count_anew():
    """Have the program begin with nothing counted towards its next garbage collections.

    What we make would bring one about at once, and on 3.11 the program's first look through all of
    its objects forward, which takes tens of milliseconds. What Python's own start has counted,
    nine collections of 700 objects on 3.11, is about as much as we add.
    """
    import gc

    if gc.isenabled():
        gc.freeze()  # nothing is counted any more
        # And nothing left out. (3.12 sets immortal objects apart, and does so anew when it meets
        # them.) Left frozen, `__main__` would never be taken down: its files unwritten at the end.
        gc.unfreeze()


def _hidden(sys):
    own = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except ImportError as fault:
        if getattr(fault, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        # The import system looks for the module that it is loading at this moment.
        if own is not None:
            sys.modules.setdefault("sitecustomize", own)


def _both():
    import os
    import sys

    try:
        _start(os, sys)
    finally:
        _hidden(sys)


_both()
