"""A browser for the tests of the pages, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support_browser import CHROMIUM, Browser

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start one browser for all tests of a module."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Give a browser that has no error, no broken policy and no request to tell of afterwards."""
    del chromium.complaints[:], chromium.requests[:]
    yield chromium
    assert chromium.complaints == []
    assert chromium.requests == []
