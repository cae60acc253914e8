"""The wire: the exact bytes, and names that need escaping."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tombs.tomb import Tomb
from tombs.wire import function_line, line, parse, quote

# file, start, end, scope, function; the json line; the function line
TABLE = [
    (
        ("/srv/app/billing.py", 40, 52, "myapp.billing.Invoice", "void"),
        (
            '{"location": {"file": "/srv/app/billing.py", "start": 40, "end": 52}, '
            '"scope": "myapp.billing.Invoice", "function": "void"}\n'
        ),
        "myapp.billing.Invoice::void\n",
    ),
    (
        ("/srv/app/util.py", 3, 9, None, "myapp.util.slugify"),
        (
            '{"location": {"file": "/srv/app/util.py", "start": 3, "end": 9}, '
            '"function": "myapp.util.slugify"}\n'
        ),
        "myapp.util.slugify\n",
    ),
    (
        ("/srv/app/util.py", 1, 1, None, "util.f.<locals>.<lambda>"),
        (
            '{"location": {"file": "/srv/app/util.py", "start": 1, "end": 1}, '
            '"function": "util.f.<locals>.<lambda>"}\n'
        ),
        "util.f.<locals>.<lambda>\n",
    ),
    (
        ('/srv/"quoted"/back\\slash.py', 1, 2, "m.C", "f"),
        (
            '{"location": {"file": "/srv/\\"quoted\\"/back\\\\slash.py", "start": 1, "end": 2}, '
            '"scope": "m.C", "function": "f"}\n'
        ),
        "m.C::f\n",
    ),
    (
        ("/srv/new\nline\ttab\r.py", 1, 2, None, "m.f"),
        (
            '{"location": {"file": "/srv/new\\nline\\ttab\\r.py", "start": 1, "end": 2}, '
            '"function": "m.f"}\n'
        ),
        "m.f\n",
    ),
    (
        ("/srv/\x00\x07\x1b\x7f.py", 1, 2, None, "m.f"),
        (
            '{"location": {"file": "/srv/\\u0000\\u0007\\u001b\\u007f.py", "start": 1, "end": 2}, '
            '"function": "m.f"}\n'
        ),
        "m.f\n",
    ),
    (
        ("/srv/caf\udce9.py", 1, 2, "m.Caf\udce9", "f"),
        (
            '{"location": {"file": "/srv/caf\\udce9.py", "start": 1, "end": 2}, '
            '"scope": "m.Caf\\udce9", "function": "f"}\n'
        ),
        "m.Caf\\udce9::f\n",
    ),
    (
        ("/srv/\u2028\u2029\x85.py", 1, 2, None, "m.f"),
        (
            '{"location": {"file": "/srv/\\u2028\\u2029\\u0085.py", "start": 1, "end": 2}, '
            '"function": "m.f"}\n'
        ),
        "m.f\n",
    ),
    (
        ("/srv/naïve/テスト/🧪.py", 1, 2, "テスト.Ä", "ü"),
        (
            '{"location": {"file": "/srv/naïve/テスト/🧪.py", "start": 1, "end": 2}, '
            '"scope": "テスト.Ä", "function": "ü"}\n'
        ),
        "テスト.Ä::ü\n",
    ),
    (
        ('/srv/", "scope": "x", "function": "y.py', 1, 2, None, "m.f"),
        (
            '{"location": {"file": "/srv/\\", \\"scope\\": \\"x\\", \\"function\\": \\"y.py", '
            '"start": 1, "end": 2}, "function": "m.f"}\n'
        ),
        "m.f\n",
    ),
]


@pytest.mark.parametrize(("values", "expected", "_"), TABLE)
def test_a_tomb_is_these_bytes(
    values: tuple[str, int, int, str | None, str], expected: str, _: str
) -> None:
    """A rendered line is exactly what the table says, in UTF-8, and valid JSON."""
    rendered = line(*values)
    assert rendered == expected
    assert json.loads(rendered.encode())["function"] == values[4]


@pytest.mark.parametrize(("values", "rendered", "_"), TABLE)
def test_a_line_read_back_is_the_tomb(
    values: tuple[str, int, int, str | None, str], rendered: str, _: str
) -> None:
    """Nothing is lost on the way, whether text or bytes are read."""
    assert parse(rendered) == parse(rendered.encode()) == Tomb(*values)


@pytest.mark.parametrize(("_", "rendered", "expected"), TABLE)
def test_the_function_format_is_cut_out_of_the_line(
    _: object, rendered: str, expected: str
) -> None:
    """Each line of one format has its line of the other."""
    assert function_line(rendered.encode()) == expected.encode()


@given(st.text(), st.none() | st.text(), st.text())
def test_any_names_make_valid_json(file: str, scope: str | None, function: str) -> None:
    """Whatever the names, the line is one line, is UTF-8, and reads back as it was."""
    rendered = line(file, 1, 2, scope, function).encode()
    assert rendered.count(b"\n") == 1
    assert len(rendered.decode().splitlines()) == 1
    assert parse(rendered) == Tomb(file, 1, 2, scope, function)


@given(st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Ll"])))
def test_any_text_is_quoted_as_json_has_it(text: str) -> None:
    """Lone surrogates and control characters come back, too; two halves come back as a whole."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(quote(text).encode()) == whole


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"location": 1}', "{", b"\xff"])
def test_what_is_no_tomb_says_so(text: str | bytes) -> None:
    """Any other text is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        parse(text)
