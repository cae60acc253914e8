"""Paths without what the user doesn't want to be written down."""

from __future__ import annotations

import pytest

from tombs.shorten import Shorten

SHORTEN = Shorten(["/srv/app", "/srv/app/vendor/", "/home/me"])


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/srv/app/shop/web.py", "shop/web.py"),
        ("/srv/app/vendor/x.py", "x.py"),
        ("/home/me//x.py", "x.py"),
        ("/srv/application/x.py", "/srv/application/x.py"),
        ("/data/srv/app/x.py", "/data/srv/app/x.py"),
        ("/srv/app", "/srv/app"),
        ("<string>", "<string>"),
        ("", ""),
    ],
)
def test_a_path_begins_behind_the_prefix(path: str, short: str) -> None:
    """The longest prefix goes, at a slash; what lies elsewhere stays."""
    assert SHORTEN.path(path) == short
    assert Shorten().path(path) == path


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("/srv/app/bin/python /srv/app/main.py -v", "bin/python main.py -v"),
        ("sh -c 'cd /srv/app && ./run --at=/srv/app/'", "sh -c 'cd . && ./run --at=./'"),
        ("/srv/application /data/srv/app/x /srv/app.old", None),
        ("No such file: '/home/me/x.py' (/srv/app)", "No such file: 'x.py' (.)"),
        ("/srv/app/vendor/srv/app/x", "srv/app/x"),
        ("", None),
    ],
)
def test_a_text_loses_every_path_below_a_prefix(text: str, short: str | None) -> None:
    """Command lines and errors too; other paths stay whole."""
    assert SHORTEN.text(text) == (text if short is None else short)
