"""The script of `python app.py`, armed before its first line runs and without a trace.

Theory of operation. No finder is asked for the script, and its code can't be exchanged; but it
does not run before the interpreter has finished starting. A profile function waits for it: the
first frame without a caller that runs a module's code in the namespace of `__main__`. It takes
itself away, has the code rewritten, and puts the rewritten functions among the constants of the
code that is about to run. Everything else is Python's own doing: `sys.argv`, `sys.path[0]`,
`__file__`, `__spec__`, what pickles and spawned processes make of `__main__`, and tracebacks.

Between is only what remains of Python's start. `python directory` and `python app.zip` end up in
`runpy`, whose imports go through the finder: there the waiting ends without a script.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    Arm = Callable[[CodeType, dict[str, object]], CodeType | None]

_CODE = type((lambda: None).__code__)


def watch_script(
    arm: Arm,
    lost: Callable[[], None] | None = None,
    wanted: Callable[[str], object] = bool,
) -> bool:
    """Have the script armed when it starts; call this while Python starts (sitecustomize).

    Args:
        arm: given the script's code and its globals, gives the code rewritten, with the same
            constants but for the functions; None leaves the script alone. It must not raise: its
            exceptions would be the script's.
        lost: called when the script runs as it was although `arm` gave its code rewritten: its
            functions are then not watched, and must not be taken for dead.
        wanted: whether a script of this path is likely to be armed.

    Returns:
        Whether a script is waited for: not with -c, -m, or a program typed in, and not where
        somebody profiles already.
    """
    if not _is_a_file() or sys.getprofile() is not None:
        return False
    if "__file__" in vars(sys.modules["__main__"]):  # it runs already
        return False
    if wanted(sys.argv[0]):
        # With ctypes, now: when the script starts, its directory is looked in for modules first.
        from tombs.loader import poke  # noqa: PLC0415 - only where a script is wanted

        poke.can_replace()
    sys.setprofile(_Watch(arm, lost))
    return True


def forget_script() -> None:
    """Wait no longer."""
    if isinstance(sys.getprofile(), _Watch):
        sys.setprofile(None)


def _is_a_file() -> bool:
    name = sys.argv[0] if sys.argv else ""
    # A program that embeds Python has no original arguments, or names itself there.
    return name not in ("", "-", "-c", "-m") and name in sys.orig_argv and os.path.isfile(name)


class _Watch:
    """A profile function that waits for one frame."""

    __slots__ = ("_arm", "_globals", "_lost")

    def __init__(self, arm: Arm, lost: Callable[[], None] | None) -> None:
        self._arm = arm
        self._lost = lost
        self._globals: dict[str, object] = vars(sys.modules["__main__"])

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Arm the script if this frame is it."""
        if event != "call" or frame.f_back is not None:
            return
        if frame.f_globals is self._globals:
            self._leave()
            if frame.f_code.co_name == "<module>":
                self._start(frame.f_code)
        elif frame.f_globals.get("__name__") == "runpy":
            self._leave()

    def _leave(self) -> None:
        if sys.getprofile() is self:
            sys.setprofile(None)

    def _start(self, code: CodeType) -> None:
        rewritten = self._arm(code, self._globals)
        if rewritten is None:
            return
        from tombs.loader import poke  # noqa: PLC0415 - only where a script is wanted

        pairs = zip(code.co_consts, rewritten.co_consts, strict=False)
        new = {
            at: new for at, (old, new) in enumerate(pairs) if type(new) is _CODE and new is not old
        }
        if not poke.replace_constants(code, new) and self._lost is not None:
            self._lost()
