"""What the soak runs: a program of its own, and one that nobody here wrote."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests import ground_truth

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAMS = Path(__file__).parents[2] / "tests" / "integration" / "programs"
PAGES = 400
APP = """\
def web(environ, start):
    number = int(environ["PATH_INFO"][1:] or 0)
    body = str(globals()[f"page{number}"]()).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
SETTINGS = """\
from site_project.settings import *
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
"""
PREPARE = """\
import django, django.core.management as management
django.setup()
management.call_command("migrate", "-v", "0")
from django.contrib.auth import get_user_model
from django.test import Client
get_user_model().objects.create_superuser("admin", "admin@example.org", "secret")
client = Client()
assert client.login(username="admin", password="secret")
print(client.cookies["sessionid"].value)
"""
# What is asked for, and the status that is right; later ones only later in the round.
VISITS = (
    ("/", 200),
    ("/items/7/", 200),
    ("/missing/", 404),
    ("/admin/login/?next=/admin/", 200),
    ("/json/", 200),
    ("/admin/", 302),
    ("/class/", 200),
    ("/fails/", 500),
    ("/admin/ signed in", 200),
    ("/items/x/", 404),
    ("/admin/auth/user/ signed in", 200),
    ("/form/ post", 403),
    ("/admin/auth/user/add/ signed in", 200),
    ("/admin/auth/user/1/change/ signed in", 200),
)


class WrongError(Exception):
    """The program answered, and not as it should."""


class Plain:
    """400 pages, of which every second is asked for; what was asked for was called."""

    name = "wsgi"
    namespace = "soaked"
    entry = "soaked:web"
    recycle = 2000

    def __init__(self, place: str) -> None:
        pages = "".join(f"def page{n}():\n    return {n}\n" for n in range(PAGES))
        with open(f"{place}/soaked.py", "w", encoding="utf-8") as file:
            file.write(APP + pages)
        self.environ: dict[str, str] = {}
        self.path = [place]
        self.called = {0}  # the page that is asked for at the start
        self.answered: set[int] = set()

    def visit(self, port: int, _part: float) -> None:
        """Ask for some page.

        Raises:
            WrongError: something else was answered.
            OSError, http.client.HTTPException: nothing was.
        """
        number = 2 * random.randrange(PAGES // 2)  # noqa: S311
        self.called.add(number)  # it may be, even if no answer comes
        status, body = ask(port, f"/{number}")
        if (status, body) != (200, str(number).encode()):
            raise WrongError(f"page {number}: {status}, {body[:80]!r}")
        self.answered.add(number)

    def differences(self, lines: Sequence[str], _unknown: set[str]) -> str:
        """Compare tombs, as wire lines, with the truth; gives every difference."""
        tombs = {json.loads(line)["function"] for line in lines}
        never = {f"soaked.page{n}" for n in set(range(PAGES)) - self.called}
        alive = {f"soaked.page{n}" for n in self.answered} | {"soaked.web"}
        return "\n".join([*sorted(never - tombs), *sorted(tombs & alive)])

    def early(self, lines: Sequence[str], answered: set[int]) -> set[str]:
        """Give the tombs among these lines that were called before they were asked for."""
        tombs = {json.loads(line)["function"] for line in lines}
        return tombs & {f"soaked.page{n}" for n in answered}


class Site:
    """Django, and the small site of the tests; a tracer in each worker says what was called."""

    name = "Django"
    namespace = "django"
    entry = "traced"
    recycle = 400

    def __init__(self, place: str) -> None:
        self.answered: set[int] = set()
        self._record = f"{place}/record"
        os.mkdir(self._record)
        with open(f"{place}/soak_settings.py", "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        self.path = [place, str(PROGRAMS), str(PROGRAMS / "truth"), str(Path(__file__).parent)]
        self.environ = {
            "DJANGO_SETTINGS_MODULE": "soak_settings",
            "SOAK_RECORD": self._record,
        }
        words = [sys.executable, "-c", PREPARE]
        env = {**os.environ, **self.environ, "PYTHONPATH": os.pathsep.join(self.path)}
        done = subprocess.run(words, cwd=place, env=env, stdout=subprocess.PIPE, check=True)
        self._cookie = f"sessionid={done.stdout.decode().strip()}"

    def visit(self, port: int, part: float) -> None:
        """Ask for some page, for the later ones only later; errors as above."""
        near = max(1, round(len(VISITS) * min(1.0, 1.2 * part)))
        path, right = random.choice(VISITS[:near])  # noqa: S311
        path, _, how = path.partition(" ")
        headers = {"Cookie": self._cookie} if how == "signed in" else {}
        status, _ = ask(port, path, "POST" if how == "post" else "GET", headers)
        if status != right:
            raise WrongError(f"{path} {how}: {status}")

    def differences(self, lines: Sequence[str], unknown: set[str]) -> str:
        """Compare tombs with what the workers' tracers wrote; `unknown` names files left out."""
        ran: set[tuple[object, ...]] = set()
        modules: set[tuple[str, str]] = set()
        for entry in os.scandir(self._record):
            with open(entry.path, encoding="utf-8") as file:
                for line in file:
                    if not line.endswith("\n"):
                        continue  # killed as it wrote
                    name, *function = json.loads(line)
                    if name is not None and f"{name}.".startswith("django."):
                        modules.add((name, function[0]))
                    ran.add(tuple(function))
        files = {file for _, file in modules}
        told = {"modules": sorted(modules), "ran": [one for one in ran if one[0] in files]}
        path = Path(self._record, "whole.json")
        path.write_text(json.dumps(told), "utf-8")
        truth = ground_truth.truth(path)
        known = {place: n for place, n in truth.tombs.items() if place.file not in unknown}
        found = ground_truth.differences(
            truth._replace(tombs=Counter(known)), ground_truth.observed(lines)
        )
        # When the interpreter ends, the tracer is gone before the last finalizers run.
        late = [one for one in found.splitlines() if one.startswith("not a") and "__del__" in one]
        return "\n".join(one for one in found.splitlines() if one not in late)

    def early(self, _lines: Sequence[str], _answered: set[int]) -> set[str]:
        """Give nothing: the tracers' records are read at the end."""
        return set()


def ask(
    port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Ask a server for a page; gives status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
