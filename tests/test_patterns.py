"""Patterns in the application fit what they fit in the commands."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tombs.evidence.windows import Demands, window
from tombs.patterns import Patterns, check

parts = st.text(alphabet="ab*", min_size=1, max_size=4).filter(lambda text: "**" not in text)
patterns = st.lists(st.one_of(parts, st.just("**")), min_size=1, max_size=5).map(".".join)
names = st.lists(st.text(alphabet="ab", min_size=1, max_size=4), min_size=1, max_size=5)


@given(patterns, names)
@example("**", ["a"])
@example("a*b*a.**.b", ["ab", "a", "b"])
@example("a*a", ["a"])
def test_a_pattern_fits_as_it_does_in_a_window(pattern: str, name: list[str]) -> None:
    """Written as a regular expression there, and taken part by part here."""
    demands = Demands(windows=[window(pattern, "1d", "")])
    fits = Patterns([pattern]).fit(".".join(name))
    assert fits == bool(demands.of(".".join(name)).length)
    if fits:
        for count in range(1, len(name)):
            assert Patterns([pattern]).reach(".".join(name[:count]))


def test_what_can_not_be_reached() -> None:
    """A module that no pattern leads into is left as it is."""
    found = Patterns(["shop.legacy.**", "shop.*.fax"])
    assert found.reach("shop")
    assert found.reach("shop.legacy")
    assert found.reach("shop.legacy.deep")
    assert found.reach("shop.books")
    assert not found.reach("shop.books.deep")
    assert not found.reach("shopping")
    assert not Patterns().reach("shop")
    assert not Patterns().fit("shop")


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a b", "a**", "a.[b]", "a:b", "a\n", "***"])
def test_what_is_no_pattern_is_said(text: str) -> None:
    """With what is allowed."""
    assert "is no pattern" in check(text)
