"""Functions whose first line is already a block: a prologue must not fall into it."""

import contextlib
import traceback


def try_finally():
    try:
        raise ValueError("inside")
    finally:
        log.append("finally")


def try_finally_never():  # tomb: try_finally_never
    try:
        return 1
    finally:
        log.append("never")


def try_except():
    try:
        missing_name
    except NameError as error:
        return str(error)


def try_except_star():
    try:
        raise ExceptionGroup("two", [ValueError(1), TypeError(2)])
    except* ValueError as group:
        log.append(repr(group))


def while_true():
    while True:
        log.append("while")
        if len(log) > 3:
            break
    return len(log)


def while_true_never():  # tomb: while_true_never
    while True:
        pass


def while_true_one_line():
    while True: return 1


def for_first():
    for i in range(3): log.append(i)
    else: log.append("else")


def with_first():
    with contextlib.suppress(KeyError): raise KeyError("gone")


def with_raises():
    with contextlib.nullcontext(): raise KeyError("stays")


def generator_loop():
    while True:
        try:
            log.append((yield len(log)))
        finally:
            log.append("cleanup")


def generator_try():
    try:
        yield 1
    finally:
        log.append("closed")


def match_first(value):
    match value:
        case {"a": [first, *_]}:
            return first
        case int() | str() as whole:
            return whole
        case _:
            raise LookupError(value)


def raise_first(): raise ValueError("first")


def return_first(): return


def nested_tries():
    try:
        try:
            try:
                1 / 0
            finally:
                log.append("one")
        except ZeroDivisionError:
            raise ValueError("two") from None
    except ValueError as error:
        return traceback.format_exc()


def many_handlers(n):
    try:
        return [ValueError, KeyError, OSError][n]("x")
    except IndexError:
        try:
            raise
        except IndexError as error:
            return type(error).__name__
        finally:
            log.append("inner")


log = []


def tells(function, *values):
    try:
        return function(*values)
    except BaseException:
        return traceback.format_exc()


def drive():
    results = [tells(f) for f in (try_finally, try_except, try_except_star, while_true)]
    results += [tells(f) for f in (while_true_one_line, for_first, with_first, with_raises)]
    looping = generator_loop()
    results += [next(looping), looping.send("sent"), tells(looping.throw, OSError("thrown"))]
    closing = generator_try()
    results += [next(closing), closing.close()]
    results += [tells(match_first, {"a": [1, 2]}), tells(match_first, 5), tells(match_first, [])]
    results += [tells(raise_first), return_first(), nested_tries(), many_handlers(1), many_handlers(9)]
    return results + log
