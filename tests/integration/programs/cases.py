"""Small programs that tell how a Python program is started, fails and ends. Data, not code that runs."""

SHOW = '''
import os, sys
def shown(): return 1
def main():
    hidden = os.path.join("tombs", "bootstrap")
    print(sys.argv, sys.orig_argv[1:], [p for p in sys.path if not p.endswith(hidden)])
    module = sys.modules["__main__"]
    print(__name__, module.__dict__ is globals(), globals().get("__file__"), __package__, __doc__)
    print(__spec__ and (__spec__.name, __spec__.origin, __spec__.has_location, __spec__.parent))
    print(type(__loader__).__name__, __builtins__ is not None, globals().get("__cached__", "none"))
    print(sys.flags, sys.warnoptions, sys._xoptions, sys.gettrace(), sys.getprofile())
    print(main.__code__.co_filename, main.__module__, main.__globals__ is globals())
    print(sys.excepthook is sys.__excepthook__, sys.stdin.fileno(), sys.getrecursionlimit())
main()
'''

CHAIN = '''
def outer():
    try:
        inner()
    except ZeroDivisionError as error:
        raise KeyError(
            "chained",
        ) from error
def inner(): return [1 / n for n in (1, 0)]
outer()
'''

DEEPER = "import helper\nhelper.fails(3)\n"

HELPER = '''
def fails(n):
    if n:
        return fails(n - 1)
    raise LookupError("from the helper")
def never():
    pass
'''

IMPORTS = "import sys\nprint('before')\nimport broken\nprint('never')\n"

ENDS = '''
import atexit, sys, threading
def at_end(): print("at end")
def called(): return 3
class Finalized:
    def __del__(self): print("finalized")
atexit.register(at_end)
kept = Finalized()
threading.Thread(target=lambda: print("thread")).start()
sys.exit(called())
'''

EXITS = '''
import os, sys
def at_end(): print("never")
import atexit
atexit.register(at_end)
print("out", flush=True)
sys.stderr.write("err\\n")
os._exit(7)
'''

SIGNALS = '''
import os, signal, sys, time
what, number = sys.argv[1], signal.Signals[sys.argv[2]]
seen = []
def handler(number, frame):
    print("handled", number, frame.f_code.co_name, flush=True)
    seen.append(number)
    if what == "exit": sys.exit(9)
    if what == "raise": raise RuntimeError("from the handler")
def send():
    # To the process: the kernel gives it to any thread that doesn't block it.
    os.kill(os.getpid(), number)
def receive():
    if what == "sigwait":
        return signal.sigwait({number})
    if what == "timedwait":
        return signal.sigtimedwait({number}, 30).si_signo
    if what == "wakeup":
        return os.read(wakeup, 1)
    while what in ("handler", "exit", "raise") and not seen:
        pass
if what in ("handler", "exit", "raise", "wakeup"):
    signal.signal(number, handler)
if what == "wakeup":
    wakeup, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
if what in ("sigwait", "timedwait"):
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
if what == "ignore":
    signal.signal(number, signal.SIG_IGN)
send()
print("received", receive(), signal.sigpending(), flush=True)
'''

WAITS = '''
import signal
def wait(): signal.pause()
print("ready", flush=True)
wait()
'''

DISPOSITIONS = '''
import signal
for number in sorted(signal.valid_signals()):
    print(int(number), signal.getsignal(number))
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), signal.getitimer(signal.ITIMER_REAL))
print(signal.set_wakeup_fd(-1))
'''

PICKLES = '''
import pickle, multiprocessing, sys
class Thing:
    def __init__(self, n): self.n = n
    def double(self): return self.n * 2
def work(thing): return thing.double(), __name__, __spec__ is None
def never(): pass
if __name__ == "__main__":
    data = pickle.dumps(Thing(21))
    print(data, pickle.loads(data).double(), pickle.loads(pickle.dumps(work)) is work)
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(work, [Thing(1), Thing(2)]))
'''

IMPORT_KINDS = '''
import importlib, sys, os, inspect
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "archive.zip"))
import zipped.inside, spread.part, circular_a
from package import *
from package import sub
print(zipped.inside.where(), zipped.inside.__file__, type(zipped.inside.__loader__).__name__)
print(inspect.getsource(zipped.inside.where))
print(spread.part.where(), spread.__file__, list(spread.__path__), type(spread.__loader__).__name__)
print(circular_a.a(), sub.x(), public(), sorted(n for n in globals() if "private" in n))
print([type(m.__loader__).__name__ for m in (sub, circular_a)], sub.__spec__.cached, sub.__cached__)
print(sub.__loader__.get_source("package.sub"), sub.__loader__.get_filename("package.sub"))
print(sub.__loader__.is_package("package"), sub.__spec__.loader is sub.__loader__)
print(importlib.resources.files("package").joinpath("data.txt").read_text())
with open(sub.__file__, "a") as stream: stream.write("\\ndef y(): return 'added'\\n")
importlib.invalidate_caches()
print(importlib.reload(sub) is sub, sub.y(), sub.x())
try:
    import package.missing
except ImportError as error:
    print(repr(error), error.name, error.path)
try:
    from package import not_there
except ImportError as error:
    print(error, error.name)
spec = importlib.util.spec_from_file_location("by_hand", sub.__file__)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.x(), "by_hand" in sys.modules, importlib.util.find_spec("package.sub").name)
lazy = importlib.util.LazyLoader.factory(importlib.machinery.SourceFileLoader)
spec = importlib.util.spec_from_file_location("lazy", sub.__file__, loader=lazy("lazy", sub.__file__))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.x())
'''

INTERRUPTED = '''
import signal, sys
import functions
state = {"armed": False, "fired": 0, "caught": 0}
class Ring(Exception): pass
def handler(number, frame):
    if state["armed"]:
        state["armed"] = False
        state["fired"] += 1
        raise Ring
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
i = 0
def call_all():
    global i
    state["armed"] = True
    while i < functions.COUNT:
        i += 1
        functions.ALL[i - 1]()
    state["armed"] = False
def survive():
    # Nothing but the call: not every instruction of a loop is within its try.
    try:
        call_all()
    except Ring:
        state["caught"] += 1
while i < functions.COUNT:
    survive()
signal.setitimer(signal.ITIMER_REAL, 0)
print("lost", state["fired"] - state["caught"], state["fired"] > 5, file=sys.stderr)
print(*sorted(functions.called))
'''
