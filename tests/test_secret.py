"""The token file: what is taken for one, and what is said of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tombs import secret
from tombs.errors import TombsError

TOKEN = "s3cret-" + "x" * 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a token file as it should be."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def fault(path: Path) -> str:
    """Read what is no good, and give what is said of it: its name, and nothing that is in it."""
    with pytest.raises(TombsError) as refusal:
        secret.read(str(path))
    assert str(path) in refusal.value.message
    assert "s3cret" not in f"{refusal.value}{refusal.value.__cause__}{refusal.value.help}"
    return refusal.value.message


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("token", ["x" * secret.LEAST, "~!" * (secret.MOST // 2)])
def test_a_line_is_the_token(file: Path, token: str, end: str) -> None:
    """However it ends; the shortest and the longest that are allowed."""
    file.write_text(token + end, newline="")
    assert secret.read(str(file)) == token.encode()


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    """Secrets are handed to containers as links; what counts is the file."""
    (tmp_path / "link").symlink_to(file)
    assert secret.read(str(tmp_path / "link")) == TOKEN.encode()
    file.chmod(0o604)
    assert "open to others (mode 604): chmod 600 it" in fault(tmp_path / "link")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("s3cret", "too short or too long"),
        ("s3cret" * 100, "too short or too long"),
        ("s3cret" * 1_000_000, "too short or too long"),
        (TOKEN + "\n\n", "more than one line"),
        (TOKEN + "\n" + TOKEN, "more than one line"),
        (TOKEN + " x", "printable ASCII"),
        (TOKEN + "\u00e9", "printable ASCII"),
        (TOKEN + "\0", "printable ASCII"),
    ],
)
def test_what_is_no_token_is_told(file: Path, content: str, told: str) -> None:
    """One line of printable ASCII, neither short nor long."""
    file.write_text(content, newline="")
    assert told in fault(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_is_open_to_others_is_refused(file: Path, mode: int) -> None:
    """To read or to write, a group too."""
    file.chmod(mode)
    assert f"open to others (mode {mode:o})" in fault(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_whose_file_it_may_be(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This user's or root's, who lets a group read it; nobody else's."""
    os.chown(file, 12345, 12345)
    assert "owned by user 12345" in fault(file)
    os.chown(file, 0, 0)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    file.chmod(0o440)
    assert secret.read(str(file)) == TOKEN.encode()
    for mode in (0o444, 0o460, 0o450):
        file.chmod(mode)
        assert f"open to others (mode {mode:o})" in fault(file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A FIFO isn't waited for, a directory or device not read."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "no regular file" in fault(tmp_path / "fifo")
    assert "no regular file" in fault(tmp_path)
    assert "no regular file" in fault(Path(os.devnull))
    assert "can't be read: No such file" in fault(tmp_path / "none")
