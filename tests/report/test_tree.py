"""The tree of packages."""

from __future__ import annotations

from tests.support_evidence import evidence
from tombs.evidence.standing import DEAD, Standings
from tombs.report.tree import modules, tree, walk


def shown(program: dict[str, dict[str, str]], depth: int = 9) -> list[str]:
    """Give the tree of a program as lines."""
    root = tree(modules(Standings(evidence(program)).functions.values()))
    return [f"{'  ' * (level - 1)}{node.label}" for level, node in walk(root, depth)]


def test_most_dead_lines_come_first() -> None:
    """Below a package stand its modules, the worst first, then by name."""
    program = {
        "shop.a": {"f": "alive"},
        "shop.b": {"f": "dead"},
        "shop.c": {"f": "dead", "g": "dead"},
        "web": {"f": "alive"},
    }
    assert shown(program) == ["shop", "  c", "  b", "  a", "web"]
    assert shown(program, 1) == ["shop", "web"]


def test_a_single_way_down_is_one_line() -> None:
    """A package that has but one thing, and no function of its own, is told with it."""
    assert shown({"a.b.c": {"f": "dead"}, "a.b.d": {"f": "dead"}}) == ["a.b", "  c", "  d"]
    assert shown({"a": {"f": "dead"}, "a.b": {"f": "dead"}}) == ["a", "  b"]


def test_a_script_is_no_package() -> None:
    """The dot of a script's name divides nothing."""
    assert shown({"__main__": {"f": "dead"}}) == ["__main__(__main__.py)"]


def test_a_package_has_what_its_modules_have() -> None:
    """Functions and lines add up, to the root."""
    program = {"shop": {"f": "dead"}, "shop.a": {"g": "dead", "h": "alive"}}
    root = tree(modules(Standings(evidence(program)).functions.values()))
    shop = root.below["shop"]
    assert (shop.functions, shop.counts[DEAD], shop.lines[DEAD]) == (3, 2, 10)
    assert (root.functions, root.share()) == (3, 10 / 15)


def test_a_name_of_a_thousand_parts_is_no_trouble() -> None:
    """What was written by nobody sane is still read."""
    assert len(shown({".".join("a" * 5000): {"f": "dead"}, "a.b": {"f": "dead"}}, 9999)) == 3
