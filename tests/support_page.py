"""Reads pages as a browser's parser would, for tests."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any


def given(html: str) -> Any:  # noqa: ANN401 - it is JSON
    """Give what the page was given to show."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))


def check_policy(html: str) -> None:
    """Hold the policy of a page against the one script and the one style sheet in it."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert {rules.pop("base-uri"), rules.pop("form-action")} == {"'none'"}
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        value = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{value}'"
    assert not rules


def check_self_contained(html: str) -> None:
    """Find no address, no style attribute, no event handler, and no way from text to markup."""
    elements = Elements(html).found
    ids = {f"#{attributes['id']}" for _, attributes in elements if "id" in attributes}
    for tag, attributes in elements:
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
        assert "src" not in attributes
        assert attributes.get("href") in {None, "data:,", *ids}, tag
    assert not re.search(r"https?://|@import|url\(", html)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", html)
