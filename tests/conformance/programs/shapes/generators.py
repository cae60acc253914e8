"""Generators, coroutines, asynchronous generators: entered when the body first runs."""

import asyncio
import contextlib
import inspect
import traceback
import types
import warnings


def generator(n):
    for i in range(n):
        yield i


def generator_never():  # tomb: generator_never
    yield 1


def generator_created():  # tomb: generator_created
    yield 1


def generator_closed_unstarted():  # tomb: generator_closed_unstarted
    yield 1


def generator_thrown_into_unstarted():  # tomb: generator_thrown_into_unstarted
    yield 1


def generator_partly():
    yield 1
    yield 2


def generator_raises():
    yield 1
    raise ValueError("in generator")


def generator_returns():
    x = yield 1
    return x


def delegates():
    result = yield from generator_returns()
    yield result


def generator_with_cells(a):
    def inner():
        return a

    yield inner()


def generator_method_holder():
    class Holder:
        def walk(self):
            yield self

        def __iter__(self):
            yield from (1, 2)

        def never(self):  # tomb: generator_method_holder.<locals>.Holder::never
            yield 1

    return Holder()


async def coroutine(x):
    return x + 1


async def coroutine_never():  # tomb: coroutine_never
    return 1


async def coroutine_never_awaited():  # tomb: coroutine_never_awaited
    return 1


async def awaits():
    await asyncio.sleep(0)
    return await coroutine(1)


async def async_raises():
    raise LookupError("async")


async def async_generator(n):
    for i in range(n):
        yield i
        await asyncio.sleep(0)


async def async_generator_never():  # tomb: async_generator_never
    yield 1


async def async_comprehension():
    return [i async for i in async_generator(3) if i]


async def async_with_first():
    async with manager() as value:
        return value


@contextlib.asynccontextmanager
async def manager():
    yield "managed"


@contextlib.contextmanager
def plain_manager(value):
    try:
        yield value
    except KeyError:
        yielded.append("caught")


@contextlib.contextmanager  # tomb: plain_manager_never
def plain_manager_never():
    yield


class Awaitable:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "awaited"


class AsyncThing:
    async def __aenter__(self): return self
    async def __aexit__(self, *error): return True
    def __aiter__(self): return self
    async def __anext__(self): raise StopAsyncIteration
    async def never(self): return 1  # tomb: AsyncThing::never


@types.coroutine
def old_style():
    yield
    return "old style"


async def gathered():
    async with AsyncThing() as thing:
        async for _ in thing:
            pass
        raise KeyError("swallowed")


async def everything():
    results = [await awaits(), await async_comprehension(), await async_with_first()]
    results += [await Awaitable(), await asyncio.gather(coroutine(1), coroutine(2))]
    results += [await gathered(), await asyncio.wait_for(coroutine(5), 10)]
    results.append(await asyncio.to_thread(in_a_thread, 3))
    try:
        await async_raises()
    except LookupError:
        results.append(traceback.format_exc())
    task = asyncio.ensure_future(cancelled())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        results.append("cancelled")
    return results


async def cancelled():
    try:
        await asyncio.sleep(3600)
    finally:
        yielded.append("cleanup")


def in_a_thread(x):
    return x * 2


def recursive_generator(n):
    if n:
        yield n
        yield from recursive_generator(n - 1)


yielded = []


def drive():
    results = [list(generator(3)), list(delegates()), list(recursive_generator(3))]
    unstarted = generator_created()
    results.append(inspect.getgeneratorstate(unstarted))
    closed = generator_closed_unstarted()
    closed.close()
    try:
        generator_thrown_into_unstarted().throw(ValueError("before it started"))
    except ValueError:
        results.append(traceback.format_exc())
    partly = generator_partly()
    results.append(next(partly))
    partly.close()
    raising = generator_raises()
    try:
        results.append(list(raising))
    except ValueError:
        results.append(traceback.format_exc())
    results += [list(generator_with_cells(1)), list(generator_method_holder())]
    results += [len(list(generator_method_holder().walk()))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coroutine_never_awaited()
    with plain_manager(1) as value:
        raise KeyError(value)
    results += asyncio.run(everything())

    async def uses_old():
        return await old_style()

    run = uses_old()
    run.send(None)
    try:
        run.send(None)
    except StopIteration as stop:
        results.append(stop.value)
    return results + yielded
