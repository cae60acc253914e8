"""A Django site that is nothing but the admin; a script that makes its database, and a WSGI module.

python adminsite.py DATABASE     makes the database, prints the cookie of somebody logged in
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = "/admin/auth/user/"
LIGHT = "/admin/login/"
USERS = 25
WARM_UP = 2.0


def configure() -> None:
    """Settle Django's settings; nothing is loaded by that but the settings themselves."""
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.environ.get("BENCH_DATABASE", ":memory:"),
            }
        },
        DEBUG=False,
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
        ],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        ROOT_URLCONF="adminurls",
        SECRET_KEY="the same in every process",  # noqa: S106 - and no secret at all
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        STATIC_URL="/static/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        USE_TZ=True,
    )


def load() -> Any:
    """Set Django up, admin and URLs included; gives the WSGI application."""
    configure()
    import django

    django.setup()
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import get_resolver

    assert get_resolver().url_patterns
    return WSGIHandler()


def get(application: Callable[..., Any], page: str, cookie: str = "") -> int:
    """Ask the application for a page, in this process; gives how long the page is."""
    import io

    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": page,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": f"sessionid={cookie}" if cookie else "",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    answer = application(environ, lambda line, _headers: status.append(line))
    size = sum(len(piece) for piece in answer)
    answer.close()
    if not status[0].startswith("200"):
        raise SystemExit(f"{page} answered {status[0]}")
    return size


def prepare() -> str:
    """Make the database and give the cookie."""
    load()
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.signed_cookies import SessionStore
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.bulk_create(
        User(username=f"user{at}", email=f"u{at}@x.org") for at in range(USERS)
    )
    somebody = User.objects.create(username="somebody", is_staff=True, is_superuser=True)
    session = SessionStore()
    session["_auth_user_id"] = str(somebody.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = somebody.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def work(requests: str) -> dict[str, float]:
    """Measure so many requests, one after another: the first ones, and as many after WARM_UP.

    Set-up is not measured. Collections are begun anew for both: a full one is as long as a request,
    and would be in the one process's requests and not in the other's.
    """
    import gc
    import time

    from measure import Clock

    application = load()
    cookie = os.environ["BENCH_COOKIE"]

    def served() -> dict[str, float]:
        gc.collect()
        clock: Clock = Clock()
        for _ in range(int(requests)):
            get(application, PAGE, cookie)
        measured: dict[str, float] = clock.read()
        return measured

    warm = time.monotonic() + WARM_UP
    first = served()["cpu"]
    while time.monotonic() < warm:
        get(application, PAGE, cookie)
    return served() | {"first": first}


def __getattr__(name: str) -> Any:
    if name == "application":  # gunicorn's `adminsite:application`
        globals()["application"] = load()
        return globals()["application"]
    raise AttributeError(name)


if __name__ == "__main__":
    os.environ["BENCH_DATABASE"] = sys.argv[1]
    print(prepare())
