"""One process's part in a run: where the loader and the runtime meet.

Its life, told in verbs:

    start    open the graveyard, hold the sign of life, open the socket, start the engine, arm what
             is loaded, install the finder, start the thread, tell descendants of the run
    fork     park the thread; in the parent go on; in the child take every lock anew and start a
             thread of its own
    end      (atexit) stop the thread, register what waits; the last process of the run dumps
    stop     end, and then undo everything that start did, in reverse

What fails while starting is told once on stderr and undone in the same way; the program runs on.
"""

from __future__ import annotations

import os
import sys
import time

from tombs import ahead, rundir
from tombs.blocks import joined
from tombs.engines import start_engine, vacates
from tombs.identity import interpreter
from tombs.loader.boundary import ours
from tombs.loader.finder import Finder
from tombs.loader.loaded import arm_loaded, first_of, look_for
from tombs.loader.module import INTERPRETERS
from tombs.loader.namespace import Namespace
from tombs.loader.populate import Populator
from tombs.runtime import ending, forking, leaving, opening
from tombs.runtime.background import Background
from tombs.runtime.committing import Refused
from tombs.runtime.descriptors import held
from tombs.runtime.housekeeping import Housekeeping
from tombs.runtime.originals import original
from tombs.runtime.say import say
from tombs.serving import serve
from tombs.shorten import Shorten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Final, Self

    from tombs import config
    from tombs.address import Address
    from tombs.loader.cache import Cache
    from tombs.loader.module import Module
    from tombs.runtime.vacate import Vacate

_PATIENCE: Final = 2.0
_STRANGERS: Final = 0.5
_sleep: Final = original("time", "sleep")


class Session:
    """Tombs in this process, started; also a context manager that stops it.

    Args:
        settings: what was settled.
        environ: the environment of the process; the run is written there for descendants to find.
        over: called last when all is undone.
        may_open: files may be opened in the background: no standard stream is closed.
        main: the main thread's ident, where the program runs already and this is another thread:
            then nothing is left in the environment, and what takes long is done with pauses.
        pause: called now and then while starting.
    """

    def __init__(
        self,
        settings: config.Settings,
        environ: Mapping[str, str],
        over: Callable[[], object],
        *,
        may_open: bool = True,
        main: int | None = None,
        pause: Callable[[], object] = int,
    ) -> None:
        self._settings = settings
        self._may_open = may_open
        self._main_thread = main
        self._pause = pause
        self._ended = False
        self._undo: list[Callable[[], object]] = [over]
        try:
            self._start(settings, environ)
        except BaseException:
            self._undo_all()
            raise

    @property
    def path(self) -> str:
        """The graveyard file."""
        return self.graveyard.path

    @property
    def address(self) -> Address | None:
        """Where it serves; None where the socket is off."""
        return self._serving.address

    @property
    def engine(self) -> str:
        """The engine at work: `rewrite` or `monitoring`."""
        return self._engine.name

    # Starting

    def _start(self, settings: config.Settings, environ: Mapping[str, str]) -> None:
        directory = rundir.choose(settings.dir, environ, kept=settings.kept)
        run = environ.get("TOMBS_RUN") or settings.run(_application(settings))
        self._stem = opening.stem(directory, run)
        namespace = Namespace(settings.namespace, settings.exclude)
        shorten = Shorten(settings.strip_prefix)
        who = opening.identity(
            run, settings.namespace, settings.exclude, settings.engine, settings.release
        )
        who["command"] = shorten.text(str(who["command"]))
        self.graveyard, self._liveness, made = opening.take_part(
            self._stem, settings.slots, settings.strings, who, kept=settings.kept
        )
        # A kept graveyard may be there from an earlier start; whose first process is this one.
        starter = environ.get("TOMBS_PID") or str(os.getpid())
        self._first = made or (settings.kept and starter == str(os.getpid()))
        self._undo += (self.graveyard.close, self._liveness.leave)
        self.graveyard.returned = settings.returned * 10**9
        self.graveyard.shorten = shorten.path
        if settings.trap:
            from tombs.patterns import Patterns  # noqa: PLC0415 - only where they are asked for

            self.graveyard.traps = Patterns(settings.trap)
        cache = rundir.cache(settings.cache, directory, environ)
        self._populator = Populator(
            self.graveyard,
            self._make_vacate,
            Refused,
            say,
            lambda: self._open_cache(cache),
            shorten,
        )
        if settings.socket != "0":
            ahead.load(ahead.SERVING)
        self._background = Background((), say)
        self._undo.append(self._stop_background)
        sweep = (directory, rundir.family(run)) if self._may_open else None
        self._keeping = Housekeeping(
            self.graveyard,
            self._liveness,
            self.settle,
            self._populator.flush,
            lambda: (self._populator.modules, self._populator.waits),
            sweep,
            self._nothing_watched,
        )
        self._background.add(self._keeping)
        self._serving = serve(self, settings, self._stem, self._undo, first=self._first)
        self._server = self._serving.server
        if self._server is not None:
            self._background.add(self._server)
        # Last: an engine notices all that follows, our own work too.
        self._engine = start_engine(
            settings.engine,
            self._populator,
            namespace,
            self._wake,
            self._undo,
            None if self._main_thread is None else self._pause,
        )
        if not INTERPRETERS.isdisjoint(sys.modules):
            self._engine.elsewhere()
        if settings.epoch:
            self._keep_epochs(settings.epoch)
        self._finder = Finder(namespace, self._engine)
        found: list[tuple[Module, dict[str, object]]] = []
        self._unwatched = arm_loaded(
            self._engine, namespace, self._populator, found.append, self._pause
        )
        self._late = look_for(found, self._engine, self._populator)
        if self._unwatched:
            say(f"not watched, since loaded before Tombs started: {first_of(self._unwatched)}")
        self._finder.install()
        self._undo.append(self._finder.remove)
        self._undo.append(self._stop_background)
        self._background.start()
        self._undo.append(leaving.watch_exit(self._last_words))
        if self._main_thread is None:
            self._main_thread = leaving.main_thread()
            self._put("TOMBS_RUN", run)
            self._put("TOMBS_PYTHON", interpreter())

    def _keep_epochs(self, length: int) -> None:
        from tombs.runtime.epochs import Epochs  # noqa: PLC0415 - only where they are asked for

        self.graveyard.epochs = True
        history = self.graveyard.history
        if self._engine.remember(history.called):
            self._background.add(Epochs(history.turn, self._engine.rearm, history.created, length))
        else:
            history.codes = None
            say("no epochs: sys.monitoring has no second tool identifier free")

    def _stop_background(self) -> bool:
        return self._background.stop(_PATIENCE)

    def _last_words(self) -> None:
        guarded(self.before_fork)  # the same is to be done: hold the thread, leave nothing waiting
        guarded(self.graveyard.fold)
        self._background.unpark()

    def _put(self, name: str, value: str) -> None:
        """Set a variable for the descendants, until this is undone."""
        before = os.environ.get(name)
        os.environ[name] = value
        if before is None:
            self._undo.append(lambda: os.environ.pop(name, None))
        else:
            self._undo.append(lambda: os.environ.update({name: before}))

    def _undo_all(self) -> None:
        while self._undo:
            guarded(self._undo.pop())

    def _make_vacate(self) -> Vacate:
        """Make the first; the others need only a part of this."""
        make = self._populator.make_vacate = vacates(self._engine.name, self.graveyard)
        return make()

    def _open_cache(self, where: str | None) -> Cache | None:
        if where is None:
            return None
        from tombs.loader.cache import Cache  # noqa: PLC0415 - not where nothing is watched

        return Cache(where, self._engine.name, held)

    def _wake(self) -> None:
        self._background.wake()

    # What the server sends

    def lines(self, form: str) -> Iterator[bytes | memoryview]:
        """Yield all tombs' wire lines, what had to wait registered before."""
        self.settle()
        return self.graveyard.lines(form)

    def raw(self) -> Iterator[bytes | memoryview]:
        """Yield the graveyard file, what had to wait registered before."""
        self.settle()
        return self.graveyard.raw()

    def changes(self, resume: str) -> Iterator[bytes | memoryview]:
        """Give the stream of changes; what has to wait comes when it is registered."""
        changes = self._serving.changes
        assert changes is not None  # noqa: S101 - nobody else asks for it than the server
        return changes(self.graveyard.region, resume)

    def settle(self, seconds: float | None = None, patience: float = 0.0) -> int:
        """Register what had to wait, for so many seconds; gives how many modules wait still."""
        held = self._background.hold()  # or it may be in the middle of one
        try:
            self._engine.settle()
            began = time.thread_time()
            left = self._populator.settle(seconds, patience)
            # What was loaded before is unknown until called: nobody has to wait for it.
            room = patience if seconds is None else seconds - (time.thread_time() - began)
            return left + (self._late.work(room) if self._late is not None else 0)
        finally:
            if held:
                self._background.let_go()

    # Forking

    def before_fork(self) -> None:
        """Put the thread out of the way: no lock of ours is to be held in the child."""
        forking.load_ahead(self._engine.name)
        self._background.park()
        self.settle()  # or every child would do the same work

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._background.unpark()

    def after_fork_in_child(self) -> None:
        """Become a process of its own, at once: its next line may give up the rights to do so."""
        self._first = False
        guarded(self.graveyard.reborn)
        guarded(self._populator.reborn)
        guarded(self._liveness.hold)
        if self._serving.leader is not None:
            guarded(self._serving.leader.reborn)
        guarded(self._background.reborn)
        main = self._main_thread or 0
        self._in_thread = leaving.watch_thread(main, self._thread_ends)

    def _thread_ends(self) -> None:
        stopped = guarded(self._stop_background)
        guarded(self.settle)
        if self._server is not None and stopped:
            self._server.close(unlink=False)

    # Ending

    def end(self) -> bool:
        """End in order, the engine still at work for finalizers to come.

        Returns:
            Whether the run ends with this process.
        """
        if self._ended:
            return False
        self._ended = True
        stopped = self._stop_background()
        while self._populator.making and not stopped:  # what it has begun is lost where we go on
            stopped = self._stop_background()
        guarded(lambda: self.settle(patience=_PATIENCE / 2))
        guarded(self._wait_for_strangers)
        guarded(lambda: self.graveyard.fold(_PATIENCE / 2))
        guarded(self._keeping.tidy)
        last = self._liveness.leave()
        if self._server is not None and stopped:  # else it may be in the middle of a step
            self._server.close(unlink=last)
        if last:
            self._nothing_watched()
            self.graveyard.end()
        self._dump(last=last)
        return last

    def _wait_for_strangers(self) -> None:
        """Give the process that is about to register their modules a moment; it is seldom so."""
        end = time.monotonic() + _STRANGERS
        while self._populator.strangers.waiting and time.monotonic() < end:
            _sleep(_STRANGERS / 50)
            self._populator.strangers.find()

    def _dump(self, *, last: bool) -> None:
        target, form = self._settings.dump, self._settings.format
        try:
            if isinstance(target, int):
                if self._first:
                    ending.dump_to_descriptor(target, joined(self.graveyard.lines(form)))
            elif target is not None and last:
                ending.dump_to_path(target, joined(self.graveyard.lines(form)))
        except OSError as fault:
            say(f"the dump to {target} failed: {fault.strerror}")

    def _nothing_watched(self) -> None:
        if not (self.graveyard.anything() or self._populator.modules or self._unwatched):
            chosen = ", ".join(self._settings.namespace)
            if chosen:
                say(f"nothing is watched: no module within {chosen} was loaded")
            else:
                say(
                    "nothing is watched: no first-party module was loaded; name a namespace with -n"
                )

    def stop(self) -> None:
        """Stop watching; the graveyard stays as it is. A second time it does nothing."""
        if self._ended:
            return
        self._finder.remove()
        self.end()
        self._undo_all()

    def __enter__(self) -> Self:
        """Give the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()


def _application(settings: config.Settings) -> str:
    if settings.namespace and settings.namespace[0] != "*":
        return settings.namespace[0]
    return os.path.basename(sys.argv[0] if getattr(sys, "argv", None) else "python")


def guarded(action: Callable[[], object]) -> object:
    """Do something where nothing may be raised; but let pass what a signal's handler raises.

    Returns:
        What it gave; None where it failed.
    """
    try:
        return action()
    except Exception as fault:
        if not ours(fault):
            raise
        say(f"a step failed: {type(fault).__name__}: {fault}")
        return None
