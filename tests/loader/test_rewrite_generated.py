"""Functions that nobody would write, rewritten: they behave the same and are traced the same."""

from __future__ import annotations

from itertools import chain
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.loader.specimens import compiled, executed, rewritten, traced

INDENT = "    "
SIMPLE = st.sampled_from(
    [
        "x += 1",
        "x = 7 // x",
        "log.append(x)",
        "log.append([i for i in range(x % 3)])",
        "log.append((lambda: x)())",
        "raise KeyError(x)",
        "return x",
        "pass",
        "del log[0]",
        "def g(y=x): log.append(y); return y",
        "x = [0, x][-1]",
        "assert x != 2, x",
    ]
)
HEADS = st.sampled_from(
    [
        ["if x % 2:"],
        ["for i in range(2):"],
        ["with suppress(KeyError):"],
        ["if x:", "else:"],
        ["for x in (1, 0):", "else:"],
        ["try:", "finally:"],
        ["try:", "except KeyError as e:"],
        ["try:", "except (ZeroDivisionError, IndexError):", "else:", "finally:"],
        ["match x:\n    case 1:", "    case _:"],
    ]
)


def compound(blocks: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    """Statements around blocks of statements."""

    @st.composite
    def made(draw: st.DrawFn) -> list[str]:
        lines = []
        for head in draw(HEADS):
            *_, last = head.split("\n")
            depth = INDENT + last[: len(last) - len(last.lstrip())]
            lines += head.split("\n")
            lines += [depth + line for line in draw(blocks)]
        return lines

    return st.lists(made(), min_size=1, max_size=2).map(lambda found: [*chain(*found)])


BODY = st.recursive(
    st.lists(SIMPLE, min_size=1, max_size=3),
    lambda blocks: st.tuples(compound(blocks), st.lists(SIMPLE, max_size=2)).map(
        lambda parts: parts[0] + parts[1]
    ),
    max_leaves=8,
)
HEADER = "from contextlib import suppress\n"


def outcome(names: dict[str, Any], kind: str, x: int) -> object:
    """Run the function and tell what came of it, and what it wrote down."""
    log: list[object] = [9]
    try:
        made = names["f"](x, log)
        if kind == "async def f":
            made.send(None)
        return (list(made) if kind == "def generator" else made), log
    except StopIteration as end:
        return "stop", end.value, log
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        return type(error).__name__, str(error), error.__traceback__.tb_next.tb_lineno, log  # type: ignore[union-attr]


@given(
    body=BODY,
    kind=st.sampled_from(["def f", "async def f", "def generator"]),
    oneline=st.booleans(),
    x=st.integers(0, 3),
)
def test_generated_functions(body: list[str], kind: str, *, oneline: bool, x: int) -> None:
    """Result, effects, exception, its line, and a tracer's events are those of the plain code."""
    head = "def f(x, log):" if kind == "def generator" else f"{kind}(x, log):"
    lines = [*body, "yield x"] if kind == "def generator" else body
    if oneline and len(lines) == 1 and not lines[0].startswith("def"):
        source = f"{HEADER}{head} {lines[0]}\n"
    else:
        source = HEADER + "\n".join([head, *(INDENT + line for line in lines)]) + "\n"
    code = compiled(source)
    plain, watched = executed(code, int), executed(rewritten(code), int)
    assert outcome(watched, kind, x) == outcome(plain, kind, x)
    assert traced(lambda: outcome(watched, kind, x)) == traced(lambda: outcome(plain, kind, x))
