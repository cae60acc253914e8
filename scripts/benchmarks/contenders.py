"""Who is measured: the plain program, Tombs, and every tool that somebody might take instead."""

from __future__ import annotations

PLAIN = "plain"
TOMBS = "tombs"


class Rival:
    """One of the tools.

    Args:
        name: how it is called here and in inside/rivals.py.
        label: how it is called in tables.
        package: what pip installs; empty where it needs nothing.
        slow: it makes programs several times slower, and is measured with less work.
        environ: variables that it needs.
        since: the oldest Python that it works on.
    """

    def __init__(
        self,
        name: str,
        label: str,
        package: str,
        *,
        slow: bool,
        environ: dict[str, str] | None = None,
        since: tuple[int, int] = (3, 11),
    ) -> None:
        self.name = name
        self.label = label
        self.package = package
        self.slow = slow
        self.environ = environ or {}
        self.since = since


RIVALS = (
    Rival("coverage-c", "coverage.py, C tracer", "coverage", slow=True,
          environ={"COVERAGE_CORE": "ctrace"}),
    Rival("coverage-sysmon", "coverage.py, sysmon", "coverage", slow=False,
          environ={"COVERAGE_CORE": "sysmon"}, since=(3, 12)),
    Rival("slipcover", "slipcover", "slipcover", slow=False),
    Rival("setprofile", "sys.setprofile", "", slow=True),
    Rival("ddtrace", "dd-trace lines", "ddtrace", slow=True),
    Rival("scavenger", "scavenger-agent", "scavenger-agent-python", slow=True),
)  # fmt: skip

LABELS = {PLAIN: "plain again", TOMBS: "**tombs**"} | {one.name: one.label for one in RIVALS}
