"""Code that other code makes from ours. Each function `by_...` is called in that one way only."""

import ast
import copy
import functools
import inspect
import marshal
import operator
import pickle
import sys
import types

import ours

results = {}


def check(name, make):
    try:
        results[name] = make()
    except Exception as error:
        results[name] = f"{type(error).__name__}: {error}"


def numbers_times(code, factor):
    """A tool that changes the constants of code that it doesn't know."""
    return code.replace(
        co_consts=tuple(c * factor if type(c) is int else c for c in code.co_consts)
    )


def copied(function, space):
    return types.FunctionType(function.__code__, space)


def swapped():
    ours.by_swapped_code_receiver.__code__ = ours.by_swapped_code.__code__
    return ours.by_swapped_code_receiver()


def replaced_in_place():
    code = ours.by_code_put_back.__code__
    ours.by_code_put_back.__code__ = code.replace(co_name="renamed")
    return ours.by_code_put_back()


def generator_based():
    function = types.coroutine(ours.by_types_coroutine)
    try:
        function().send(None)
    except StopIteration as stop:
        return stop.value


def marshalled():
    code = marshal.loads(marshal.dumps(ours.by_marshal.__code__))
    return types.FunctionType(code, vars(ours))()


def with_closure():
    inner = ours.makes_closure(5)
    return types.FunctionType(inner.__code__, {}, "again", None, inner.__closure__)()


def from_source():
    space = {"__name__": "made"}
    exec(compile(inspect.getsource(ours.by_nothing_but_its_source), "<made>", "exec"), space)
    return space["by_nothing_but_its_source"]()


def from_tree():
    tree = ast.parse(inspect.getsource(ours))
    space = {"__name__": "made"}
    exec(compile(tree, ours.__file__, "exec"), space)
    return space["plain"]()


check("replace", lambda: copied(types.SimpleNamespace(__code__=ours.by_replace.__code__.replace(co_name="x")), vars(ours))())
check("foreign globals", lambda: copied(ours.by_foreign_globals, {})())
check("exec of code", lambda: exec(ours.by_exec.__code__, {}))
check("eval of code in its globals", lambda: eval(ours.by_eval_at_home.__code__, vars(ours)))
check("twice the constants", lambda: types.FunctionType(numbers_times(ours.by_constants.__code__, 2), vars(ours))())
check("a million times", lambda: types.FunctionType(numbers_times(ours.by_many_constants.__code__, 10**6), {})())
check("minus", lambda: types.FunctionType(numbers_times(ours.by_minus_constants.__code__, -1), vars(ours))())
check("swapped", swapped)
check("put back", replaced_in_place)
check("types.coroutine", generator_based)
check("marshal", marshalled)
check("closure", with_closure)
check("copy", lambda: copy.copy(ours.by_copy)())
check("deepcopy", lambda: copy.deepcopy(ours.by_deepcopy)())
check("pickle", lambda: pickle.loads(pickle.dumps(ours.by_pickle))())
check("partial", lambda: functools.partial(ours.by_partial)())
check("method", lambda: types.MethodType(ours.by_method, 5)())
check("operator", lambda: operator.methodcaller("by_methodcaller")(ours))
check("source", from_source)
check("tree", from_tree)
check("globals", lambda: ours.reads_globals())
check("deleted names", lambda: ours.deletes_names())
if "bare" in sys.argv:
    results.clear()
    check("no builtins", lambda: copied(ours.by_no_builtins, {"__builtins__": {}})())
    check("null builtins", lambda: copied(ours.by_null_builtins, {"__builtins__": types.ModuleType("b")})())
    check("eval of code", lambda: eval(ours.by_eval.__code__, {"__builtins__": {}}))
for name, result in results.items():
    print(name, result)
sys.stdout.flush()
