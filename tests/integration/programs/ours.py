def by_replace(): return 1
def by_foreign_globals(): return 2
def by_no_builtins(): return 3
def by_null_builtins(): return 4
def by_exec(): return 5
def by_eval(): return 6
def by_eval_at_home(): return 7
def by_constants(): return 4000
def by_many_constants(): return 5000
def by_minus_constants(): return 6000
def by_swapped_code(): return 8
def by_swapped_code_receiver(): return "never"  # its own code never runs
def by_code_put_back(): return 9
def by_types_coroutine():
    yield from ()
    return 10
def by_marshal(): return 11
def makes_closure(cell):
    def by_closure():
        return cell
    return by_closure
def by_copy(): return 12
def by_deepcopy(): return 13
def by_pickle(): return 14
def by_partial(): return 15
def by_method(self): return self
def by_methodcaller(): return 16
def by_nothing_but_its_source(): return 17  # a copy of its source runs, not it
def plain(): return 18
def reads_globals():
    return sorted(name for name in globals() if name.startswith("read"))
def deletes_names():
    """Clears everything that isn't its own, as an interactive session's reset does."""
    for name in list(globals()):
        if name.startswith("_") and not name.startswith("__"):
            del globals()[name]
    return after_names_are_gone()
def after_names_are_gone(): return 19
def never(): return 20
