"""Lambdas, nested functions, closures, decorators."""

import functools
import traceback

add = lambda a, b=2: a + b
add_never = lambda a: a  # tomb: <lambda>
two, two_never = lambda x=1: x, (lambda y=2: y)  # tomb: <lambda>
twin, twin_never = (lambda: repr(1)), (lambda: repr(1))  # tomb: <lambda>
curried = lambda a: lambda b: a + b
curried_half = lambda a: lambda b: a + b  # tomb: <lambda>.<locals>.<lambda>
default_lambda = lambda f=lambda: 3: f()
lambda_many_lines = lambda: [
    1,
    undefined_name,
]


def outer(flag):
    def inner():
        return "inner"

    def inner_never():  # tomb: outer.<locals>.inner_never
        return "never"

    return inner() if flag else inner_never()


def outer_never():  # tomb: outer_never
    def inner():  # tomb: outer_never.<locals>.inner
        return 1

    return inner


def counter():
    count = 0

    def up():
        nonlocal count
        count += 1
        return count

    def down():  # tomb: counter.<locals>.down
        nonlocal count
        count -= 1

    return up, down


def closure_of_arguments(a, *b, c, **d):
    return lambda: (a, b, c, d)


def deep(a):
    def one(b):
        def two(c):
            def three(d):
                return [a, b, c, d]

            return three

        return two

    return one


def declared_global():
    global made_global

    def made_global():
        return "global"

    global made_never

    def made_never():  # tomb: made_never
        return 1


def in_comprehension():
    return [f() for f in [lambda i=i: i * i for i in range(3)]] + [
        g(1) for g in (lambda x: x, lambda x: x + 1)
    ]


def in_comprehension_never():
    return len([*(
        lambda: 1  # tomb: in_comprehension_never.<locals>.<genexpr>.<lambda>
        for _ in range(3)
    )])


def in_generator_expression():
    return sum((lambda x: x)(i) for i in range(3))


def same_code_in_a_loop():
    functions = []
    for i in range(3):

        def member(i=i):
            return i

        functions.append(member)
    return functions[1]()


def registered(function):
    registry.append(function)
    return function


def wrapping(function):
    @functools.wraps(function)
    def wrapper(*values, **named):
        return ["wrapped", function(*values, **named)]

    return wrapper


def with_arguments(*values):
    def decorator(function):
        return wrapping(function)

    return decorator


def replaced(function):
    return "replaced"


registry = []


@registered  # tomb: registered_never
def registered_never():
    return 1


@registered
def registered_called():
    return "registered"


@wrapping
def wrapped():
    """The one inside."""
    return "body"


@wrapping  # tomb: wrapped_never
def wrapped_never():
    return 1


@with_arguments(
    1,
    2,
)
@registered
def decorated_over_lines(
    a,
    b=3,
):
    return a + b


@replaced  # tomb: replaced_function
def replaced_function():
    return 1


@functools.lru_cache(maxsize=None)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


@functools.lru_cache  # tomb: cached_never
def cached_never(n):
    return n


@functools.singledispatch
def dispatched(value):
    return "other"


@dispatched.register
def _(value: int):
    return "int"


@dispatched.register  # tomb: _
def _(value: str):
    return "str"


@lambda f: f
def decorated_by_lambda():
    return 1


class Lazy:
    @functools.cached_property
    def value(self):
        return "lazy"

    @functools.cached_property  # tomb: Lazy::value_never
    def value_never(self):
        return 1

    @functools.singledispatchmethod
    def show(self, value):  # the undecorated body is what counts
        return "shown"

    @functools.partialmethod
    def partial(self):
        return 1

    make = staticmethod(lambda: "made")


def raises_in_lambda():
    try:
        lambda_many_lines()
    except NameError:
        return traceback.format_exc()


def drive():
    results = [add(1), two(), twin(), curried(1)(2), default_lambda(), outer(True), raises_in_lambda()]
    curried_half(1)
    up, _ = counter()
    results += [up(), up(), closure_of_arguments(1, 2, c=3, d=4)(), deep(1)(2)(3)(4)]
    declared_global()
    results += [made_global(), in_comprehension(), in_comprehension_never(), in_generator_expression()]
    results += [same_code_in_a_loop(), registered_called(), wrapped(), decorated_over_lines(1)]
    results += [cached(10), cached.cache_info(), dispatched(1), dispatched(1.0), dispatched(True)]
    results += [decorated_by_lambda(), Lazy().value, Lazy().show(1), Lazy.make(), replaced_function]
    results += [Lazy().partial()]
    return [repr(result) for result in results]
