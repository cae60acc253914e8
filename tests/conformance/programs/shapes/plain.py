"""Functions without anything special."""

import sys
import traceback


def called():
    return 1


def never():  # tomb: never
    return 2


def pass_only():
    pass


def pass_only_never():  # tomb: pass_only_never
    pass


def docstring_only():
    """Nothing but this."""


def docstring_only_never():  # tomb: docstring_only_never
    """Nothing but this."""


def one_line(): return 3
def one_line_never(): return 4  # tomb: one_line_never


def two_statements(): x = 5; return x


def recursive(n):
    return 1 if n < 2 else n * recursive(n - 1)


def recursive_never(n):  # tomb: recursive_never
    return recursive_never(n - 1)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def default_arguments(a, b=[1, 2], /, c=called(), *rest, d={"k": 1}, e, **more):
    return [a, b, c, rest, d, e, more]


def default_arguments_never(a=called()):  # tomb: default_arguments_never
    return a


def positional(a, b, /):
    return a - b


def where_am_i():
    frame = sys._getframe()
    return [frame.f_lineno, frame.f_code.co_name, sorted(frame.f_locals), frame.f_back.f_code.co_name]


def raises_at_once(): raise ValueError("at once")


def raises_below(value):

    # a line that is not code

    return (
        value
        .missing
    )


def raises_through():
    try:
        raises_below(1)
    except AttributeError as error:
        raise KeyError("chained") from error


def returns_locals(a, b=2):
    c = a + b
    return locals()


def uses_exec():
    space = {}
    exec("def made():\n    return 7\nvalue = made()", space)
    return space["value"] + eval("1 + 1")


def asserts(value):
    assert value, f"no {value}"


def deletes():
    x = 1
    del x
    return x


def unbound_after(flag):
    if flag:
        y = 1
    return y


if len(sys.argv) < 100:

    def conditional():
        return "first"

else:

    def conditional():  # tomb: conditional
        return "second"


def tells(function, *values):
    try:
        return function(*values)
    except Exception:
        return traceback.format_exc()


def drive():
    return [
        called(), pass_only(), docstring_only(), one_line(), two_statements(), recursive(5), even(7),
        default_arguments(1, e=2), default_arguments(1, 2, 3, 4, d=5, e=6, f=7), positional(5, 3),
        where_am_i(), tells(raises_at_once), tells(raises_through), tells(raises_below, 2),
        tells(positional, 1), tells(default_arguments), returns_locals(1), uses_exec(),
        tells(asserts, 0), tells(deletes), tells(unbound_after, False), conditional(),
    ]
