"""Scripts that `runpy.run_path` runs: what a spawned process makes of its parent's script.

multiprocessing's spawn and forkserver (joblib's loky, too) start Python with -c or -m and have
`runpy` compile the parent's script anew, under the name `__mp_main__`. No finder is asked, and the
code never was in a .pyc. `runpy` gets it from one function of its own, which is wrapped.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


def watch_spawned(arm: Callable[[CodeType], CodeType]) -> bool:
    """Have scripts armed that `runpy` runs by their path, where Python was started for that.

    Args:
        arm: given a script's code, gives the code to run instead. It must not raise.

    Returns:
        Whether `runpy` is watched.
    """
    if sys.argv[:1] != ["-m"] and not (
        sys.argv[:1] == ["-c"] and any("multiprocessing" in word for word in sys.orig_argv)
    ):
        return False
    import runpy  # noqa: PLC0415 - these processes load it anyway

    original = getattr(runpy, "_get_code_from_file", None)
    if original is None:
        return False

    def get_code(*args: object) -> object:
        found = original(*args)
        if isinstance(found, tuple):  # 3.11: and the file's name
            return (arm(found[0]), *found[1:])
        return arm(found)

    runpy._get_code_from_file = get_code  # type: ignore[attr-defined]  # noqa: SLF001
    return True
