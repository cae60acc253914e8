"""Methods that only the interpreter calls, and functions that only C code calls."""

import bisect
import functools
import itertools
import operator
import re
import threading
import weakref


class Number:
    def __init__(self, n): self.n = n
    def __repr__(self): return f"Number({self.n})"
    def __str__(self): return str(self.n)
    def __format__(self, spec): return spec + str(self.n)
    def __bytes__(self): return b"n"
    def __hash__(self): return hash(self.n)
    def __bool__(self): return self.n != 0
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
    def __le__(self, other): return self.n <= other.n  # tomb: Number::__le__
    def __add__(self, other): return Number(self.n + other.n)
    def __radd__(self, other): return Number(self.n + other)
    def __iadd__(self, other): return Number(self.n + 100)
    def __sub__(self, other): return NotImplemented
    def __mul__(self, other): return 1  # tomb: Number::__mul__
    def __matmul__(self, other): return "@"
    def __neg__(self): return Number(-self.n)
    def __int__(self): return int(self.n)
    def __index__(self): return int(self.n)
    def __float__(self): return 0.5
    def __round__(self, digits=0): return digits
    def __call__(self, *values, **named): return [values, named]
    def __len__(self): return 3
    def __getitem__(self, item): return item
    def __setitem__(self, item, value): self.item = value
    def __delitem__(self, item): del self.item
    def __contains__(self, item): return True
    def __iter__(self): return iter([1, 2])
    def __reversed__(self): return iter([2, 1])
    def __next__(self): raise StopIteration  # tomb: Number::__next__
    def __enter__(self): return self
    def __exit__(self, kind, value, trace): return kind is KeyError
    def __getattr__(self, name): raise AttributeError(name)
    def __setattr__(self, name, value): object.__setattr__(self, name, value)
    def __dir__(self): return ["x"]
    def __sizeof__(self): return 1  # tomb: Number::__sizeof__
    def __copy__(self): return self  # tomb: Number::__copy__
    def __reduce__(self): return (Number, (1,))  # tomb: Number::__reduce__
    def __missing__(self, key): return key  # tomb: Number::__missing__


class Mapping(dict):
    def __missing__(self, key):
        return key * 2


def sort_key(value):
    return -value


def sort_key_never(value):  # tomb: sort_key_never
    return value


def compare(a, b):
    return (a > b) - (a < b)


def mapped(value):
    return value + 1


def filtered(value):
    return value > 1


def reduced(a, b):
    return a * b


def substituted(match):
    return match.group().upper()


def maximum(value):
    return value % 3


def grouped(value):
    return value // 2


def sentinel():
    counter.append(1)
    return len(counter)


def weak_callback(reference):
    counter.append("weak")


def in_thread(*values):
    counter.append(values)


def partial_target(a, b):
    return a + b


def default_factory():
    return 5


counter = []


class Plain:
    pass


def drive():
    a, b = Number(1), Number(2)
    results = [repr(a), str(a), f"{a:>>}", bytes(a), hash(a) == hash(1), bool(Number(0)), a == b, a < b]
    results += [a + b, 1 + a, a @ b, -a, int(a), hex(a), float(a), round(a), round(a, 2), a(1, k=2)]
    a += b
    try:
        a - b
    except TypeError as error:
        results.append(str(error))
    a[1] = 2
    del a[1]
    results += [a, len(a), a[1:2], 3 in a, list(a), list(reversed(a)), dir(a)]
    with Number(1):
        raise KeyError("swallowed")
    try:
        a.missing
    except AttributeError as error:
        results.append(str(error))
    results += [sorted([1, 2, 3], key=sort_key), sorted([2, 1], key=functools.cmp_to_key(compare))]
    results += [list(map(mapped, [1])), list(filter(filtered, [1, 2]))]
    results += [functools.reduce(reduced, [1, 2, 3]), re.sub("[a-c]", substituted, "abcd")]
    results += [max([1, 2, 3], key=maximum), [k for k, _ in itertools.groupby([1, 2, 3], grouped)]]
    results += [list(iter(sentinel, 3)), functools.partial(partial_target, 1)(2), Mapping()["x"]]
    results += [bisect.bisect([3, 2, 1], -2, key=sort_key), operator.methodcaller("__len__")(a)]
    import collections

    results += [collections.defaultdict(default_factory)[1]]
    thing = Plain()
    reference = weakref.ref(thing, weak_callback)
    del thing
    thread = threading.Thread(target=in_thread, args=(1, 2))
    thread.start()
    thread.join()
    return [repr(result) for result in results] + counter
