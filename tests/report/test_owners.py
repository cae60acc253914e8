"""CODEOWNERS: the rules of GitHub and of GitLab, by their documented examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tombs.report.owners import Owners, read

GITHUB = """\
# a comment
*       @all
*.js    @js #inline
*.txt   @org/texts not-an-owner docs@example.com
/build/logs/ @logs
docs/*  @docs
apps/   @apps
/scripts/ @scripts @more
**/deep @deep
/apps/github
a\\ b.py @space
!nothing.py @never
[ab].py @never
"""
GITLAB = """\
* @all
\\#sharp.py @sharp
/docs/ @docs
/docs/* @top
lib/ @lib
internal/README.md @inside
name @exact
s[ab]t.py @set
[z-a].py @never

[Tests] @testers
*_test.py
/special_test.py @one
!generated_test.py

^[Python][2] @snakes
*.py
[TESTS]
/late/*.py @late
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("a.py", "@all"),
        ("web/a.js", "@js"),
        ("a.txt", "@org/texts docs@example.com"),
        ("build/logs/x/y", "@logs"),
        ("web/build/logs/x", "@all"),
        ("docs/a.py", "@docs"),
        ("docs/more/a.py", "@all"),
        ("web/docs/a.py", "@all"),
        ("web/apps/x/a.py", "@apps"),
        ("apps/a.py", "@apps"),
        ("apps", "@all"),
        ("apps/github/a.py", ""),
        ("scripts/a.py", "@scripts @more"),
        ("x/y/deep/z.py", "@deep"),
        ("deep/z.py", "@deep"),
        ("x/deeper/z.py", "@all"),
        ("x/a b.py", "@space"),
        ("nothing.py", "@all"),
        ("b.py", "@all"),
    ],
)
def test_github_owns_by_the_last_pattern_that_matches(path: str, owners: str) -> None:
    """Anchors, directories, single stars, empty owners, and what GitHub doesn't read."""
    assert " ".join(Owners(GITHUB).of(path)) == owners


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("a.txt", "@all"),
        ("x/#sharp.py", "@sharp @snakes"),
        ("docs/a.txt", "@top"),
        ("docs/more/a.txt", "@docs"),
        ("x/lib/y/a.txt", "@lib"),
        ("docs/internal/README.md", "@inside"),
        ("x/name", "@exact"),
        ("name/a.txt", "@all"),
        ("sat.py", "@set @snakes"),
        ("x_test.py", "@all @testers @snakes"),
        ("special_test.py", "@all @one @snakes"),
        ("x/special_test.py", "@all @testers @snakes"),
        ("generated_test.py", "@all @snakes"),
        ("late/a.py", "@all @late @snakes"),
    ],
)
def test_gitlab_asks_each_section_for_itself(path: str, owners: str) -> None:
    """Sections and their default owners, exclusions, relative patterns, escapes and sets."""
    assert " ".join(Owners(GITLAB).of(path)) == owners


def test_without_a_file_nobody_owns_anything(tmp_path: Path) -> None:
    """No CODEOWNERS is no error."""
    assert read(str(tmp_path)).of("a.py") == ()


@pytest.mark.parametrize(
    ("places", "owner"),
    [
        (["CODEOWNERS"], "@CODEOWNERS"),
        (["docs/CODEOWNERS", ".gitlab/CODEOWNERS"], "@docs/CODEOWNERS"),
        ([".gitlab/CODEOWNERS"], "@.gitlab/CODEOWNERS"),
        (["docs/CODEOWNERS", "CODEOWNERS", ".github/CODEOWNERS"], "@.github/CODEOWNERS"),
    ],
)
def test_the_first_place_counts(places: list[str], owner: str, tmp_path: Path) -> None:
    """The file is found where GitHub and GitLab look for it, and only one is read."""
    for place in places:
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"* @{place}\n")
    assert read(str(tmp_path)).of("x/a.py") == (owner,)


def test_the_place_tells_whose_rules_count(tmp_path: Path) -> None:
    """The same relative pattern reaches deeper in GitLab's place."""
    for place, owners in ((".github", ()), (".gitlab", ("@a",))):
        root = tmp_path / place[1:]
        (root / place).mkdir(parents=True)
        (root / place / "CODEOWNERS").write_text("docs/x.py @a\n")
        assert read(str(root)).of("more/docs/x.py") == owners
