"""What nobody is to see: the token, who has none, and the paths that are to be shortened."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.victim import ENGINES, Victim
from tests.faults.victim import ask as tell
from tests.support import tombs_run
from tests.support_runs import wait_for
from tests.support_server import ask, tcp_address
from tombs.cli.main import main
from tombs.layout import MAGIC
from tombs.snapshot import read

if TYPE_CHECKING:
    from tombs.address import Address

TOKEN = "a-token-that-nobody-is-to-see"
DEAD = b"m.dead\n"


def token_file(directory: Path, content: str = TOKEN, mode: int = 0o600) -> str:
    """Write a token file and give its path."""
    path = directory / "token"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def answer(address: Address, said: str = "") -> bytes:
    """Give what comes back; nothing where the connection is closed or nobody listens."""
    try:
        return ask(address, said.encode() + b"tombs function\n")
    except (ConnectionError, BrokenPipeError):
        return b""


SPOILED = [
    ("", 0o600, "is empty"),
    (TOKEN, 0o644, "is open to others (mode 644)"),
    (TOKEN[:5], 0o600, "is too short"),
    (None, 0, "can't be read: No such file"),
]


@pytest.mark.parametrize(("content", "mode", "told"), SPOILED)
def test_a_token_file_that_is_no_good_is_told_before_the_start(
    tmp_path: Path, content: str | None, mode: int, told: str
) -> None:
    """The command isn't started, and the file named."""
    path = str(tmp_path / "none") if content is None else token_file(tmp_path, content, mode)
    words = ["--socket", str(tcp_address()), "--token-file", path, "--dir", str(tmp_path / "run")]
    done = tombs_run([*words, "touch", str(tmp_path / "started")])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tombs-run: --token-file: the token file {path} {told}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "started").exists()
    # Where nobody will have to say it, nobody minds.
    words[1] = str(tmp_path / "s")
    assert tombs_run([*words, "true"]).returncode == 0


@pytest.mark.parametrize(("content", "mode", "told"), SPOILED)
def test_a_token_file_that_is_no_good_is_told_once_within(
    tmp_path: Path, content: str | None, mode: int, told: str
) -> None:
    """The socket is off, in its children too; the program runs and is watched."""
    path = str(tmp_path / "none") if content is None else token_file(tmp_path, content, mode)
    victim = Victim(tmp_path)
    address = tcp_address()
    ran = victim.run(
        "import os, sys, m\n"
        "m.called()\n"
        "if os.fork(): print(os.wait()[1])\n"
        "else: sys.exit(0)\n"
        "print(sys.modules['tombs.process'].current().address)\n",
        TOMBS_SOCKET=str(address),
        TOMBS_TOKEN_FILE=path,
    )
    assert ran.out == ["0", "None"]
    (line,) = ran.told
    assert line.startswith(f"tombs: the socket is off: the token file {path} {told}")
    assert victim.tombs() == ["m.dead"]


SERVES = """\
import os, sys, m, signal
m.called()
pid = os.fork()
if pid:
    print(pid, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
signal.alarm(60)
signal.pause()
"""


def test_the_token_outlives_its_file_and_its_first_process(tmp_path: Path) -> None:
    """It was read once: whoever takes over has it, though the file is gone."""
    victim = Victim(tmp_path)
    address = tcp_address()
    path = token_file(tmp_path)
    with victim.alive(SERVES, TOMBS_SOCKET=str(address), TOMBS_TOKEN_FILE=path) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        os.unlink(path)
        assert answer(address, TOKEN + "\n") == DEAD
        assert answer(address) == b""
        child.stdin.write("\n")
        child.stdin.flush()
        child.wait(20)
        wait_for(lambda: answer(address, TOKEN + "\n") == DEAD or None, "the takeover")
        assert answer(address) == b""
        assert answer(address, TOKEN[:-1] + "\n") == b""


SHOWS = """\
import os, sys, subprocess, m
m.called()
print(subprocess.check_output(["env"], text=True).replace("\\n", " "), flush=True)
sys.stdin.readline()
"""


def test_the_token_is_nowhere_to_be_seen(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the environment, the command lines, the files, the answers, nor in any message."""
    victim = Victim(tmp_path)
    address = tcp_address()
    path = token_file(tmp_path)
    monkeypatch.setenv("TOMBS_TOKEN_FILE", path)
    seen = []
    with victim.alive(SHOWS, TOMBS_SOCKET=str(address), TOMBS_TOKEN_FILE=path) as child:
        assert child.stdout is not None
        seen.append(child.stdout.readline().encode())
        assert path.encode() in seen[0]
        if sys.platform == "linux":
            proc = Path(f"/proc/{child.pid}")
            seen += [(proc / name).read_bytes() for name in ("environ", "cmdline")]
        for words in (["fetch"], ["snapshot", "-o", "-"], ["status"], ["report"], ["why", "dead"]):
            assert main([*words, str(address)]) == 0
        seen.append(ask(address, TOKEN.encode() + b"\ngraveyard\n"))
        assert seen[-1].startswith(MAGIC)
        token_file(tmp_path, TOKEN + "-not")
        for words in (["fetch"], ["snapshot", "-o", "-"], ["merge", "-o", "-"]):
            assert main([*words, str(address)]) == 2
        token_file(tmp_path, TOKEN, 0o644)
        assert main(["fetch", str(address)]) == 2
        out, err = child.communicate("\n", 30)
        seen += [out.encode(), err.encode()]
    seen += capfdbinary.readouterr()
    seen += [Path(place).read_bytes() for place in victim.graveyards()]
    assert b"without an answer" in seen[-2]
    assert b"is open to others" in seen[-2]
    assert b"m.dead" in b"".join(seen)
    assert not [one for one in seen if TOKEN.encode() in one]


def test_tcp_without_a_token_is_warned_of_once(tmp_path: Path) -> None:
    """By the first process of the run; with a token, or a unix socket, there is nothing to say."""
    victim = Victim(tmp_path)
    source = (
        "import subprocess, sys, m\n"
        "if len(sys.argv) == 1: subprocess.run([sys.executable, 'program.py', '1'])\n"
    )
    address = str(tcp_address())
    ran = victim.run(source, TOMBS_SOCKET=address)
    (told,) = ran.told
    assert told.startswith(f"tombs: any user of this machine can read the tombs at {address}: ")
    path = token_file(tmp_path)
    assert victim.run(source, TOMBS_SOCKET=str(tcp_address()), TOMBS_TOKEN_FILE=path).told == []
    assert victim.run(source, TOMBS_SOCKET="").told == []


FAILS = """\
import sys, m, shop.cart
m.called()
shop.cart.Cart().total()
print("ready", flush=True)
sys.stdin.readline()
"""
CART = "class Cart:\n    def total(self): return 1\n    def void(self): return 2\n"


def with_shop(directory: Path, engine: str) -> Victim:
    """Give a program with a package."""
    victim = Victim(directory, engine)
    (directory / "shop").mkdir()
    victim.write("shop/__init__.py", "")
    victim.write("shop/cart.py", CART)
    return victim


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stripped_prefix_is_nowhere_to_be_seen(
    tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in the lines, the raw graveyard, the file or the dump, in the first start or a later."""
    victim = with_shop(tmp_path, engine)
    prefix = str(tmp_path).encode()
    env = {
        "TOMBS_NAMESPACE": "m,shop",
        "TOMBS_STRIP_PREFIX": str(tmp_path),
        "TOMBS_COMMAND": f"python {tmp_path}/program.py",
        "TOMBS_DUMP": f"{tmp_path}/dump",
    }
    for _ in range(3):  # the first compiles, the second writes the cache, the third reads it
        address = tcp_address()
        with victim.alive(FAILS, TOMBS_SOCKET=str(address), **env) as child:
            assert child.stdout is not None
            child.stdout.readline()
            lines = ask(address, b"tombs json\n")
            raw = ask(address, b"graveyard\n")
            assert sorted(answer(address).decode().split()) == ["m.dead", "shop.cart.Cart::void"]
            tell(child, "")
            assert child.wait(30) == 0
        kept = [Path(path).read_bytes() for path in victim.graveyards()]
        dump = (tmp_path / "dump").read_bytes()
        assert b'"file": "shop/cart.py"' in lines
        assert dump == lines
        assert not [one for one in (lines, raw, dump, *kept) if prefix in one]
    snapshot = read(victim.graveyards()[-1])
    assert snapshot.identity()["command"] == "python program.py"
    assert {image.file for _, image in snapshot.modules} == {"m.py", "shop/cart.py"}
    # The source is found all the same.
    assert main(["why", "Cart.void", victim.graveyards()[-1], "--source", str(tmp_path)]) == 0
    assert "dead: loaded" in capsys.readouterr().out
    page = tmp_path / "page.html"
    words = ["report", victim.graveyards()[-1], "--source", str(tmp_path), "--no-git"]
    pytest.importorskip("jinja2")
    assert main([*words, "--html", str(page)]) == 0
    assert "def void(self): return 2" in page.read_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cache_of_another_prefix_is_not_taken(tmp_path: Path, engine: str) -> None:
    """Whatever the option was before, the paths are as it says now; what was called is alive."""
    victim = with_shop(tmp_path, engine)
    victim.dir = f"{tmp_path.parent}/{tmp_path.name}-run"
    source = "import m, shop.cart\nm.called()\nshop.cart.Cart().total()\n"
    places = {
        "": f"{tmp_path}/shop/cart.py",
        str(tmp_path): "shop/cart.py",
        f"{tmp_path}/shop": "cart.py",
        f"{tmp_path}/no,{tmp_path}": "shop/cart.py",
    }
    for prefix, place in [*places.items(), *reversed(places.items()), *places.items()]:
        ran = victim.run(source, TOMBS_NAMESPACE="m,shop", TOMBS_STRIP_PREFIX=prefix)
        assert (ran.told, ran.rest) == ([], "")
        (path,) = victim.graveyards()
        found = {tomb["function"]: tomb["location"]["file"] for tomb in lines_of(path)}
        assert found == {"m.dead": place.replace("shop/cart.py", "m.py")} | {"void": place} or (
            prefix.endswith("/shop") and found == {"m.dead": f"{tmp_path}/m.py", "void": place}
        )
        os.unlink(path)


def lines_of(path: str) -> list[dict[str, dict[str, str]]]:
    """Give the tombs of a graveyard."""
    import json

    return [json.loads(line) for line in b"".join(read(path).lines("json")).splitlines()]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stranger_is_found_behind_the_prefix(tmp_path: Path, engine: str) -> None:
    """Code that runs in a process without its module is looked up as it was written down."""
    victim = Victim(tmp_path, engine)
    victim.write(
        "worker.py",
        "import marshal, sys, types\n"
        "code = marshal.loads(sys.stdin.buffer.read())\n"
        "print(types.FunctionType(code, {'__name__': 'm', '__builtins__': __builtins__})())\n",
    )
    ran = victim.run(
        "import marshal, subprocess, sys, m\n"
        "code = marshal.dumps(m.called.__code__)\n"
        "print(subprocess.run([sys.executable, 'worker.py'], input=code, check=True,"
        " stdout=subprocess.PIPE).stdout)\n",
        TOMBS_STRIP_PREFIX=str(tmp_path),
    )
    assert (ran.out, ran.told, ran.rest) == (["b'1\\n'"], [], "")
    assert victim.tombs() == ["m.dead"]
