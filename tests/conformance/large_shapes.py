"""Shapes that are too long to be written by hand: their sources are made."""

from __future__ import annotations


def sources() -> dict[str, str]:
    """The source of each made module, by the module's name."""
    return {
        "large_constants": _constants(),
        "large_names": _names(),
        "large_body": _body(),
        "large_tries": _tries(),
        "large_nesting": _nesting(),
        "large_module": _module(),
    }


def _constants() -> str:
    # More than 256 constants: the index of the last needs EXTENDED_ARG.
    values = ", ".join(f"'constant {n}'" for n in range(700))
    return (
        f"def constants(flag):\n    if flag: return ({values}, flag)\n    return {values}\n\n"
        f"def constants_never():  # tomb: constants_never\n    return [{values}, flag]\n\n"
        "def drive():\n    return [len(constants(0)), constants(1)[699]]\n"
    )


def _names() -> str:
    # More than 256 globals, so that the prologue's own name has a large index.
    assigned = "\n".join(f"name_{n} = {n}" for n in range(600))
    summed = "\n".join(f"    total += name_{n}" for n in range(600))
    local = "\n".join(f"    local_{n} = {n}" for n in range(600))
    return (
        f"{assigned}\n\ndef names():\n    total = 0\n{summed}\n    return total\n\n"
        f"def names_never():  # tomb: names_never\n    total = 0\n{summed}\n    return total\n\n"
        f"def local_names():\n{local}\n    return local_0 + local_599\n\n"
        "def drive():\n    return [names(), local_names()]\n"
    )


def _body() -> str:
    # Jumps over more than 65,536 bytes, and an exception table with wide entries.
    added = "\n".join(f"            total += value * {n % 7} - {n % 5}" for n in range(9000))
    function = (
        "def {0}(value):{1}\n"
        "    total = 0\n"
        "    while True:\n"
        "        try:\n"
        f"{added}\n"
        "            if value > 2: return total\n"
        "            1 / (value - 2)\n"
        "        except ZeroDivisionError:\n"
        "            import traceback\n"
        "            total += len(traceback.format_exc())\n"
        "        value += 1\n\n"
    )
    called = function.format("body", "")
    never = function.format("body_never", "  # tomb: body_never")
    return f"{called}{never}def drive():\n    return body(1)\n"


def _tries() -> str:
    # Hundreds of exception table entries, some of them nested to the limit of blocks.
    blocks = "\n".join(
        f"    try: {n} / (n - {n})\n    except ZeroDivisionError: caught.append({n})"
        for n in range(300)
    )
    nested = "\n".join(f"{' ' * (4 + n)}try:" for n in range(18))
    ends = "\n".join(f"{' ' * (4 + n)}finally: caught.append({n})" for n in reversed(range(18)))
    return (
        f"caught = []\n\ndef tries(n):\n{blocks}\n    return n\n\n"
        f"def nested():\n{nested}\n{' ' * 22}return caught[-1]\n{ends}\n\n"
        f"def tries_never(n):  # tomb: tries_never\n{blocks}\n\n"
        "def drive():\n    return [tries(5), tries(299), nested(), caught]\n"
    )


def _nesting() -> str:
    # A function in a function, forty deep; only the outer twenty are entered.
    lines = []
    for n in range(40):
        pad = "    " * n
        path = ".<locals>.".join(f"level_{i}" for i in range(n + 1))
        lines.append(f"{pad}def level_{n}(n):" + (f"  # tomb: {path}" if n >= 20 else ""))
        lines.append(f"{pad}    cell_{n} = n")
    for n in reversed(range(40)):
        pad = "    " * (n + 1)
        if n < 39:
            lines.append(f"{pad}if n == 0: return cell_{n // 2}")
            lines.append(f"{pad}return level_{n + 1}(n - 1)")
        else:
            lines.append(f"{pad}return cell_0")
    return "\n".join(lines) + "\n\ndef drive():\n    return level_0(19)\n"


def _module() -> str:
    # Many functions in one module; every third is entered, in a wild order.
    functions = "\n".join(
        f"def f{n}(): return {n}" + ("" if n % 3 == 0 else f"  # tomb: f{n}") for n in range(1500)
    )
    return (
        f"{functions}\n\ndef drive():\n"
        "    order = sorted(range(0, 1500, 3), key=lambda n: n * 7919 % 1009)\n"
        "    return sum(globals()[f'f{n}']() for n in order)\n"
    )
