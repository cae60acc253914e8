"""The settings: one table of options, and how a text becomes a setting.

Every option can be said in four places; the later one wins: its default, `[tool.tombs]` in
pyproject.toml, the environment, the command line. In each place it is a text, read by the same
function, and every fault in any place is told at once, before anything is started.

A new option is one row of OPTIONS and one typed line in Settings: its flag gives its key in
pyproject.toml, its variable, and its attribute.
"""

from __future__ import annotations

from tombs import address, rundir, values, wire
from tombs.errors import AddressError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Final


class Option:
    """One row of the table.

    Args:
        flags: as on the command line, the long one last.
        metavar: what stands for the value in a help text.
        default: how a person is told the default.
        unset: the value where nothing was said.
        purpose: one sentence without its full stop.
        parse: reads one text; raises ValueError saying what is wrong with it and what is allowed.
        multiple: it may be said several times; its texts are also split at commas.
        switch: on the command line it takes no value; elsewhere that is 1 or 0.
        anchor: makes a value that holds a relative path absolute, given a directory.
    """

    __slots__ = (
        *("anchor", "default", "flags", "metavar", "multiple", "parse", "purpose", "switch"),
        "unset",
    )

    def __init__(  # noqa: PLR0913 - as many fields as the table has columns
        self,
        flags: tuple[str, ...],
        metavar: str,
        default: str,
        unset: object,
        purpose: str,
        parse: Callable[[str], Any],
        *,
        multiple: bool = False,
        switch: bool = False,
        anchor: Callable[[Any, str], Any] | None = None,
    ) -> None:
        self.flags = flags
        self.metavar = metavar
        self.default = default
        self.unset = unset
        self.purpose = purpose
        self.parse = parse
        self.multiple = multiple
        self.switch = switch
        self.anchor = anchor

    @property
    def key(self) -> str:
        """Its key in `[tool.tombs]`."""
        return self.flags[-1].removeprefix("--")

    @property
    def name(self) -> str:
        """Its attribute in Settings."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"TOMBS_{self.name.upper()}"


class Given:
    """What was said about one option in one place.

    Args:
        place: what a person would look for: a flag, a variable, a file and key.
        texts: one or, where the option allows it, several.
        base: the directory that relative paths start from; None leaves them as they are.
    """

    __slots__ = ("base", "place", "texts")

    def __init__(self, place: str, texts: Sequence[str], base: str | None = None) -> None:
        self.place = place
        self.texts = texts
        self.base = base


OPTIONS: Final = (
    Option(
        ("-n", "--namespace"), "NAME", "all first-party code", (),
        "dotted prefix of the modules to watch, on a dot boundary; `*` takes everything",
        values.namespace, multiple=True,
    ),
    Option(
        ("--exclude",), "NAME", "none", (), "dotted prefix left out", values.dotted, multiple=True,
    ),
    Option(("--slots",), "N", "65536", 65536, "most functions that can be recorded", values.slots),
    Option(("--strings",), "SIZE", "32M", 32 << 20, "text region; K/M/G suffixes", values.strings),
    Option(
        ("--socket",), "ADDRESS", "in the run directory", None,
        "`unix://path`, `tcp://host:port` or a bare path (unix) to serve at; `0` is off; any user"
        " of the machine can connect over TCP: see `--token-file`",
        values.socket, anchor=values.socket_at,
    ),
    Option(
        ("--token-file",), "PATH", "none", None,
        "file, closed to others, with the token that clients over TCP must know; without it TCP is"
        " for loopback only",
        values.path, anchor=values.path_at,
    ),
    Option(
        ("--dump",), "PATH|FD", "off", None,
        "file that gets the tombs at the end of the run, or a descriptor for those of the first"
        " process; `0` is off",
        values.dump, anchor=values.path_at,
    ),
    Option(
        ("--format",), "FORMAT", "json", "json", "`json` or `function`",
        values.choice(*wire.FORMATS),
    ),
    Option(
        ("--strip-prefix",), "PATH", "none", (),
        "directory to take away from the paths that are written down and sent",
        values.prefix, multiple=True, anchor=values.prefix_at,
    ),
    Option(
        ("--engine",), "ENGINE", "auto", "auto", "`auto`, `rewrite` or `monitoring`", values.engine,
    ),
    Option(
        ("--dir",), "PATH", "`$XDG_RUNTIME_DIR/tombs`, else a 0700 directory of the user's own",
        None, "where graveyard files and sockets live", values.path, anchor=values.path_at,
    ),
    Option(
        ("--cache",), "PATH", "`$XDG_CACHE_HOME/tombs`, else `~/.cache/tombs`", None,
        "where what was made of a module is kept for the next start; `0` is off",
        values.path, anchor=values.cache_at,
    ),
    Option(
        ("--release",), "NAME", "none", None,
        "label of the deployment (a version, a commit) that its evidence carries", values.release,
    ),
    Option(
        ("--name",), "NAME", "none", None,
        "go on in the graveyard of this name, which outlives the program; a new release begins a"
        " new generation of it",
        values.name,
    ),
    Option(
        ("--keep",), "0|1", "off", False,  # noqa: FBT003 - the value where nothing was said
        "the same, under the application's name (the variable is `1`)", values.switch, switch=True,
    ),
    Option(
        ("--epoch",), "LENGTH", "off", 0,
        "arm again so often what was called, so that its last call is known; such as `24h`",
        values.epoch,
    ),
    Option(
        ("--returned",), "LENGTH", "`30d`", 30 * 86400,
        "keep the stack of who calls a function that was not called for so long; `0` is off",
        values.length,
    ),
    Option(
        ("--trap",), "PATTERN", "none", (),
        "keep the stack of who first calls a function of such a name (`shop.legacy.**`), however"
        " long it was not called",
        values.pattern, multiple=True,
    ),
)  # fmt: skip


class Settings:
    """What was settled: a valid value for each option."""

    __slots__ = tuple(option.name for option in OPTIONS)

    namespace: tuple[str, ...]  # () is all first-party code, '*' everything
    exclude: tuple[str, ...]
    slots: int
    strings: int  # bytes
    socket: str | None  # None is the default place, '0' off, else an address
    token_file: str | None
    dump: str | int | None  # path, descriptor, off
    format: str
    strip_prefix: tuple[str, ...]
    engine: str
    dir: str | None  # None is the default place
    cache: str | None  # None is the default place, '0' off
    release: str | None
    name: str | None  # of a graveyard that is kept
    keep: bool
    epoch: int  # seconds, 0 off
    returned: int  # seconds, 0 off
    trap: tuple[str, ...]

    def __init__(self, settled: Mapping[str, object]) -> None:
        for option in OPTIONS:
            setattr(self, option.name, settled.get(option.name, option.unset))

    @property
    def kept(self) -> bool:
        """Whether the graveyard is to outlive the program."""
        return self.keep or self.name is not None

    def run(self, application: str) -> str:
        """Name a run that begins: anew, or where the graveyard is kept, as it was named before."""
        if not self.kept:
            return rundir.run_id(application)
        watched = (*self.namespace, "-", *self.exclude)
        return rundir.kept_id(self.name or application, self.release, watched)


def settle(layers: Iterable[Mapping[str, Given]], faults: Iterable[str] = ()) -> Settings:
    """Read what was said in all places, the strongest last.

    Args:
        layers: for each place, what it says by option name.
        faults: those already found on the way here, to be told with the others.

    Raises:
        ConfigError: with every fault of every place, the weaker ones' too.
    """
    found = list(faults)
    values: dict[str, object] = {}
    places: dict[str, str] = {}
    for layer in layers:
        for option in OPTIONS:
            given = layer.get(option.name)
            if given is not None:
                values[option.name] = _value(option, given, found)
                places[option.name] = given.place
    where = values.get("socket")
    if isinstance(where, str) and not values.get("token_file") and _far(where):
        found.append(
            f"{places['socket']}: {where!r} could be reached from other machines; allowed hosts are"
            " localhost, 127.0.0.1, [::1], and any other with --token-file"
        )
    if found:
        raise ConfigError(found)
    return Settings(values)


def _far(where: str) -> bool:
    place = address.parse(where)
    return place is not None and not place.loopback


def _value(option: Option, given: Given, faults: list[str]) -> object:
    texts: Iterable[str] = given.texts
    if option.multiple:  # dict.fromkeys: each once, in order
        texts = dict.fromkeys(part.strip() for text in given.texts for part in text.split(","))
    values = []
    for text in texts:
        try:
            value = option.parse(text)
            if option.anchor and given.base is not None:
                value = option.anchor(value, given.base)
        except AddressError as fault:
            faults.append(f"{given.place}: {fault.message}; {fault.help}")
        except ValueError as fault:
            faults.append(f"{given.place}: {text!r} {fault}")
        else:
            values.append(value)
    if option.multiple:
        return tuple(values)
    return values[-1] if values else option.unset


def from_environ(environ: Mapping[str, str], base: str | None = None) -> dict[str, Given]:
    """Collect what the environment says; an empty variable says nothing."""
    return {
        option.name: Given(option.variable, [environ[option.variable]], base)
        for option in OPTIONS
        if environ.get(option.variable)
    }


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings of a process from its environment.

    Raises:
        ConfigError: with every fault.
    """
    return settle([from_environ(environ)])


def to_environ(settings: Settings) -> dict[str, str]:
    """Give the variables by which `read` finds the same settings; defaults need none."""
    environ = {}
    for option in OPTIONS:
        value = getattr(settings, option.name)
        if value != option.unset:
            if option.switch:
                value = int(value)
            environ[option.variable] = ",".join(value) if option.multiple else str(value)
    return environ
