"""Windows of confidence: which one a function has, and what has passed of it."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support_evidence import HOUR, START, evidence, run, seen, states
from tombs.evidence.durations import SECOND
from tombs.evidence.exposure import measure
from tombs.evidence.model import Evidence, Run
from tombs.evidence.standing import Standings
from tombs.evidence.windows import EVERYWHERE, Demands, Window, part, window
from tombs.merge import merge

DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("pattern", "fits", "leaves"),
    [
        ("shop.tax", ["shop.tax", "shop.tax#2"], ["shop.taxes", "shop.tax.x", "myshop.tax"]),
        ("shop.tax#2", ["shop.tax#2"], ["shop.tax", "shop.tax#3"]),
        ("shop.*", ["shop.tax", "shop.tax#2"], ["shop", "shop.a.b", "shopping.a"]),
        ("shop.**", ["shop.a", "shop.a.B.c", "shop"], ["shopping.a", "my.shop.a"]),
        ("**", ["a", "a.b.<locals>.<lambda>", ".a", "a..b", ""], []),
        ("**.void", ["void", "shop.a.void", "shop.void#3"], ["shop.avoid", "shop.void.x"]),
        ("shop.**.void", ["shop.void", "shop.a.b.void"], ["void", "shop.a.voided"]),
        ("*.*.void", ["a.b.void"], ["a.void", "a.b.c.void"]),
        ("shop.old_*.*", ["shop.old_.a", "shop.old_api.a"], ["shop.old.a", "shop.old_.a.b"]),
        ("shop.*_tax_*", ["shop.a_tax_b", "shop._tax_"], ["shop.a.b_tax_", "shop.tax_"]),
        ("__main__(serve.py).**", ["__main__(serve.py).main"], ["__main__(serveXpy).main"]),
        ("shop.**.x.**.y", ["shop.x.y", "shop.x.a.x.y", "shop.a.x.x.b.y"], ["shop.y.x"]),
        ("shop.**.x.**", ["shop.x", "shop.a.x.b"], ["shop.y", "x"]),
    ],
)
def test_a_pattern_fits_whole_names(pattern: str, fits: list[str], leaves: list[str]) -> None:
    """On dot boundaries: one part, any number of parts, or text within a part."""
    demands = Demands(windows=[window(pattern, "9d", "")])
    assert [name for name in (*fits, *leaves) if demands.of(name).length] == fits


parts = st.sampled_from(["a", "b", "ab", "ba", "a(b", "#2"])
wild = st.sampled_from(["a", "b", "*", "**", "a*", "*a*b", "**"])


def plainly(pattern: list[str], name: list[str]) -> bool:
    """Tell whether a pattern fits, by trying every way."""
    if not pattern:
        return not name
    first, *rest = pattern
    if first == EVERYWHERE:
        return any(plainly(rest, name[at:]) for at in range(len(name) + 1))
    single = ".*".join(map(re.escape, first.split("*"))) if first != "*" else ".+"
    return bool(name) and bool(re.fullmatch(single, name[0])) and plainly(rest, name[1:])


@given(st.lists(wild, min_size=1, max_size=5), st.lists(parts, min_size=1, max_size=6))
def test_the_search_finds_what_trying_everything_finds(pattern: list[str], name: list[str]) -> None:
    """However many wildcards there are."""
    demands = Demands(windows=[window(".".join(pattern), "1d", "")])
    assert (demands.of(".".join(name)).length == DAY) == plainly(pattern, name)


def test_no_name_makes_the_search_try_everything() -> None:
    """A name of evidence may be as long as it likes; this would not end by trying."""
    demands = Demands(windows=[window("**.a.**.a.**.a*a*a*b.**.a.b", "1d", "")])
    assert not demands.of(".".join(["a" * 50] * 5000)).length


@pytest.mark.parametrize(
    ("patterns", "holds"),
    [
        (["shop.**", "shop.tax.**", "**"], "shop.tax.**"),
        (["shop.*.due", "shop.tax.**"], "shop.*.due"),
        (["shop.tax.d*", "shop.tax.*"], "shop.tax.d*"),
        (["shop.tax.*", "shop.tax.**"], "shop.tax.*"),
        (["shop.tax.due", "shop.tax.**"], "shop.tax.due"),
        (["**.due", "*.**"], "**.due"),
    ],
)
def test_the_pattern_with_the_most_parts_written_out_holds(patterns: list[str], holds: str) -> None:
    """In whatever order they are given, and also where its window is the shorter one."""
    for order in (patterns, patterns[::-1]):
        found = [window(one, "1d" if one == holds else "9d", "") for one in order]
        assert Demands(windows=found).of("shop.tax.due").pattern == holds


def test_of_equals_the_longest_holds_and_the_least_is_the_least() -> None:
    """Too careful is no error; `--min-window` holds for every function."""
    equal = [window("shop.*", "2d", ""), window("*.tax", "3d", "")]
    assert Demands(windows=equal).of("shop.tax").length == 3 * DAY
    assert Demands(4 * DAY, windows=equal).of("shop.tax") == Window(4 * DAY, by="--min-window")
    assert Demands(2 * DAY, windows=equal).of("shop.tax").length == 3 * DAY
    assert Demands(2 * DAY, windows=equal).of("other.f").length == 2 * DAY
    none = [window("shop.**", "3d", ""), window("shop.tax", "0s", "")]
    assert Demands(windows=none).of("shop.tax").length == 0


@pytest.mark.parametrize(
    "pattern", ["", ".", "a..b", ".a", "a.", "a b", "a.b**", "***", "a?", "[ab]", "a::b", "a\x1b"]
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """And what one is, is said."""
    with pytest.raises(ValueError, match=r"is no pattern.*\* is one part, \*\* any number"):
        window(pattern, "1d", "")


def test_a_window_that_has_not_passed_makes_unknown() -> None:
    """With how much of it has; what was called is alive at any time."""
    made = evidence(
        {"shop.tax": {"due": "dead", "pay": "alive"}, "shop.web": {"view": "dead"}},
        {"shop.old": {"f": ""}},
    )
    asked = [window("shop.tax.**", "400d", ""), window("shop.old.**", "2d", "")]
    standings = Standings(made, Demands(windows=asked))
    assert states(standings) == {
        "shop.tax:due": "unknown",
        "shop.tax:pay": "alive",
        "shop.web:view": "dead",
        "shop.old:f": "unknown",
    }
    assert standings.functions["shop.tax:due"].why == "watched 1d of 400d"
    assert standings.functions["shop.old:f"].why == "watched 1d of 2d"
    assert {one.pattern: found for one, found in standings.windows.items()} == {
        "shop.tax.**": [2, 1],
        "shop.old.**": [1, 1],
    }


def test_a_module_that_came_late_waits_longer() -> None:
    """Watched since it was registered, not since the run began."""
    by = run(hours=48)
    late = seen(by, "shop.late", {"f": "dead"})
    late.runs[by.key] = START + 47 * HOUR
    made = Evidence([by, seen(by, "shop.early", {"f": "dead"}), late])
    standings = Standings(made, Demands(windows=[window("shop.**", "2d", "")]))
    assert states(standings) == {"shop.early:f": "dead", "shop.late:f": "unknown"}
    assert standings.functions["shop.late:f"].why == "watched 1h of 2d"


def test_a_day_side_by_side_is_one_day() -> None:
    """Ten processes on ten hosts pass no window sooner; they are counted apart."""
    runs = [run(f"shop-{at}", host=f"web{at}") for at in range(10)]
    made = Evidence([*runs, *(seen(one, "shop.a", {"f": "dead"}) for one in runs)])
    two_days = Standings(made, Demands(windows=[window("shop.**", "2d", "")]))
    assert two_days.functions["shop.a:f"].why == "watched 1d of 2d"
    assert states(Standings(made, Demands(DAY, 40))) == {"shop.a:f": "dead"}
    by_more = Standings(made, Demands(DAY, 41)).functions["shop.a:f"]
    assert (by_more.state, by_more.why) == ("unknown", "watched by 40 of 41 processes")


def test_nearly_is_not_enough() -> None:
    """A second is missing: that is said, and not two equal lengths."""
    assert part(DAY - SECOND, DAY) == "23h 59m of 1d"
    assert part(9 * DAY, 9 * DAY + SECOND) == "nearly 9d"


spans = st.tuples(st.integers(0, 50), st.integers(0, 30), st.integers(0, 5), st.just(0))
paused = st.tuples(st.integers(0, 9), st.integers(0, 9), st.just(1), st.integers(0, 9))


def runs_of(drawn: list[tuple[int, int, int, int]]) -> list[Run]:
    """Make runs, each with its beginning and length in hours, its processes, and its pause."""
    return [
        Run(
            {"run": f"r{at}", "application": "shop", "namespace": ["shop"]},
            START + begin * HOUR, START + (begin + length) * HOUR, 0, processes, 0, frozenset(),
            min(pause, length) * HOUR,
        )
        for at, (begin, length, processes, pause) in enumerate(drawn)
    ]  # fmt: skip


@given(st.lists(spans, min_size=1, max_size=8))
def test_watched_is_what_the_clock_on_the_wall_says(drawn: list[tuple[int, int, int, int]]) -> None:
    """Each hour in which at least one run went on is counted once, processes each time."""
    found = measure((one, one.created) for one in runs_of(drawn))
    hours = {begin + hour for begin, length, *_ in drawn for hour in range(length)}
    assert found.watched == len(hours) * HOUR
    assert found.processes == sum(processes for *_, processes, _ in drawn)


@given(st.lists(paused, min_size=1, max_size=5), st.data())
def test_no_pause_is_counted_as_watched(
    drawn: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    """Whenever it was: that isn't known. Of a run alone all the rest is counted."""
    runs = runs_of(drawn)
    hours: set[int] = set()
    for begin, length, _, pause in drawn:
        slept = data.draw(st.permutations(range(begin, begin + length)))[: min(pause, length)]
        hours |= set(range(begin, begin + length)) - set(slept)
    found = measure((one, one.created) for one in runs).watched
    assert max(one.seen - one.created - one.paused for one in runs) <= found <= len(hours) * HOUR
    subsets = itertools.product((False, True), repeat=len(drawn))
    assert found == HOUR * max(
        len({hour for begin, length, *_ in some for hour in range(begin, begin + length)})
        - sum(min(pause, length) for _, length, _, pause in some)
        for some in (list(itertools.compress(drawn, chosen)) for chosen in subsets)
    )


@given(
    st.lists(st.one_of(spans, paused), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["dead", "alive"])), min_size=6),
    st.integers(0, 80),
    st.integers(0, 8),
)
def test_one_run_more_takes_no_verdict_back(
    drawn: list[tuple[int, int, int, int]], loads: list[tuple[int, str]], hours: int, processes: int
) -> None:
    """Once a window has passed it stays so; what was called is never dead or waited for again."""
    demands = Demands(0, processes, [window("shop.**", f"{hours}h", "")])
    made = Evidence()
    passed = called = False
    for one, (after, state) in zip(runs_of(drawn), loads, strict=False):
        part_of = seen(one, "shop.a", {"f": state})
        part_of.runs[one.key] = one.created + after * HOUR
        made = merge([Evidence([one, part_of]), made])
        called = called or state == "alive"
        found = Standings(made, demands).functions["shop.a:f"].state
        assert (found == "alive") == called
        assert not passed or found != "unknown"
        passed = found != "unknown"


@given(st.lists(spans, min_size=1, max_size=6), st.integers(0, 90), st.integers(0, 90))
def test_dead_in_a_long_window_is_dead_in_a_short_one(
    drawn: list[tuple[int, int, int, int]], one: int, other: int
) -> None:
    """Whichever way the windows are asked for."""
    runs = runs_of(drawn)
    made = Evidence([*runs, *(seen(by, "shop.a", {"f": "dead"}) for by in runs)])
    short, long = sorted((one, other))
    by_pattern = [Demands(windows=[window("shop.*.f", f"{at}h", "")]) for at in (short, long)]
    least = [Demands(at * HOUR) for at in (short, long)]
    for first, second in (by_pattern, least, (least[0], by_pattern[1]), (by_pattern[0], least[1])):
        if states(Standings(made, second)) == {"shop.a:f": "dead"}:
            assert states(Standings(made, first)) == {"shop.a:f": "dead"}
