"""The table of options, and how texts become settings."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tombs import config
from tombs.config import OPTIONS, Given, Settings
from tombs.errors import ConfigError

READ = [
    ("namespace", "app", ("app",)),
    ("namespace", "app,lib.core", ("app", "lib.core")),
    ("namespace", " app , app ,*", ("app", "*")),
    ("namespace", "_\u00e9.b2", ("_\u00e9.b2",)),
    ("exclude", "app.migrations", ("app.migrations",)),
    ("slots", "1", 1),
    ("slots", "16777216", 16777216),
    ("strings", "65536", 64 << 10),
    ("strings", "64K", 64 << 10),
    ("strings", "3m", 3 << 20),
    ("strings", "4G", 4 << 30),
    ("socket", "0", "0"),
    ("socket", "/run/app.sock", "unix:///run/app.sock"),
    ("socket", "tcp://[::1]:4000", "tcp://[::1]:4000"),
    ("token_file", "/run/secrets/tombs", "/run/secrets/tombs"),
    ("strip_prefix", "/srv/app", ("/srv/app",)),
    ("strip_prefix", "/srv/app,/home/me", ("/srv/app", "/home/me")),
    ("dump", "0", None),
    ("dump", "2", 2),
    ("dump", "./2", "./2"),
    ("dump", "tombs.json", "tombs.json"),
    ("format", "function", "function"),
    ("engine", "rewrite", "rewrite"),
    ("dir", "/run/tombs", "/run/tombs"),
    ("release", "2026.11 (a1b2c3)", "2026.11 (a1b2c3)"),
    ("epoch", "24h", 86400),
    ("trap", "shop.legacy.**, *.fax_*", ("shop.legacy.**", "*.fax_*")),
]
REFUSED = [
    ("namespace", "app.", "app or app.billing, and *"),
    ("namespace", "a-b", "app or app.billing, and *"),
    ("namespace", ".app", "app or app.billing, and *"),
    ("namespace", "app.*", "app or app.billing, and *"),
    ("exclude", "*", "app or app.billing"),
    ("slots", "0", "1 to 16777216"),
    ("slots", "16777217", "1 to 16777216"),
    ("slots", "-1", "1 to 16777216"),
    ("slots", "1e3", "1 to 16777216"),
    ("slots", "9" * 5000, "1 to 16777216"),
    ("strings", "63K", "64K to 4G"),
    ("strings", "5G", "64K to 4G"),
    ("strings", "1.5M", "64K to 4G"),
    ("strings", "M", "64K to 4G"),
    ("strings", "\u0661M", "64K to 4G"),
    ("socket", "http://x", "tcp://HOST:PORT"),
    ("socket", "tcp://0.0.0.0:1", "localhost, 127.0.0.1, [::1], and any other with --token-file"),
    ("socket", "tcp://app.example:1", "--token-file"),
    ("token_file", "a\0b", "is no path"),
    ("strip_prefix", "/", "a directory below it"),
    ("dump", "9999999", "a descriptor's number"),
    ("dump", "a\0b", "is no path"),
    ("format", "Json", "json and function"),
    ("engine", "tracing", "auto, rewrite and monitoring"),
    ("dir", "a\0b", "is no path"),
    ("trap", "shop.fax**", "** any number of them"),
    ("trap", "shop.fax#2", "marked together"),
    ("release", "a\nb", "printable"),
    ("release", "a" * 101, "up to 100"),
]


def settle(name: str, text: str) -> Settings:
    """Settle one option."""
    return config.settle([{name: Given("--it", [text])}])


def test_the_table_has_every_setting_once() -> None:
    """Each option has one attribute in Settings, and each attribute its option."""
    names = [option.name for option in OPTIONS]
    assert names == list(Settings.__slots__)
    assert names == list(Settings.__annotations__)
    assert len({flag for option in OPTIONS for flag in option.flags}) == len(OPTIONS) + 1  # -n


def test_the_default_that_is_told_is_the_default_that_is_used() -> None:
    """A default that reads like a value is the value."""
    told = {option.name: option for option in OPTIONS if not option.multiple}
    for name in ("slots", "strings", "format", "engine"):
        assert told[name].parse(told[name].default) == told[name].unset


def test_nothing_said_gives_the_defaults() -> None:
    """An environment without a setting gives the defaults, and so does one with empty ones."""
    settings = config.read({"TOMBS_NAMESPACE": "", "TOMBS_SLOTS": ""})
    assert [getattr(settings, option.name) for option in OPTIONS] == [
        option.unset for option in OPTIONS
    ]


@pytest.mark.parametrize(("name", "text", "value"), READ)
def test_a_text_becomes_a_value(name: str, text: str, value: object) -> None:
    """Every allowed text is read, and travels through the environment unchanged."""
    settings = settle(name, text)
    assert getattr(settings, name) == value
    assert getattr(config.read(config.to_environ(settings)), name) == value


@pytest.mark.parametrize(("name", "text", "allowed"), REFUSED)
def test_a_fault_tells_place_value_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    """What is not allowed is told with where it was said, what was said, and what is allowed."""
    with pytest.raises(ConfigError) as refusal:
        settle(name, text)
    (fault,) = refusal.value.faults
    assert fault.startswith("--it: ")
    assert repr(text) in fault
    assert allowed in fault


def test_each_name_of_a_list_is_judged_alone() -> None:
    """In a list with faulty names, each of them is a fault of its own."""
    with pytest.raises(ConfigError) as refusal:
        settle("exclude", "app,,b-c,d")
    assert [fault.split()[1] for fault in refusal.value.faults] == ["''", "'b-c'"]


def test_an_engine_that_this_python_lacks_is_refused() -> None:
    """Monitoring is allowed just where Python has it."""
    if hasattr(sys, "monitoring"):
        assert settle("engine", "monitoring").engine == "monitoring"
    else:
        with pytest.raises(ConfigError, match=r"needs Python 3\.12"):
            settle("engine", "monitoring")


def test_all_faults_are_told_at_once() -> None:
    """Faults of every place are told together, those of an overridden value too."""
    weak = {"slots": Given("TOMBS_SLOTS", ["many"]), "format": Given("TOMBS_FORMAT", ["xml"])}
    strong = {"slots": Given("--slots", ["5"]), "namespace": Given("-n", ["a..b", "c", "d."])}
    with pytest.raises(ConfigError) as refusal:
        config.settle([weak, strong], ["found before"])
    starts = [fault.partition(":")[0] for fault in refusal.value.faults]
    assert starts == ["found before", "TOMBS_SLOTS", "TOMBS_FORMAT", "-n", "-n"]


def test_the_stronger_place_wins() -> None:
    """A later layer replaces what an earlier one said, back to a default too."""
    layers = [
        {"dump": Given("file", ["tombs.json"]), "namespace": Given("file", ["app"])},
        {"dump": Given("--dump", ["0"])},
    ]
    settings = config.settle(layers)
    assert settings.dump is None
    assert settings.namespace == ("app",)
    assert "TOMBS_DUMP" not in config.to_environ(settings)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dir", "run", "/srv/run"),
        ("dir", "/run", "/run"),
        ("dump", "out.json", "/srv/out.json"),
        ("dump", "7", 7),
        ("socket", "app.sock", "unix:///srv/app.sock"),
        ("socket", "unix:///run/app.sock", "unix:///run/app.sock"),
        ("socket", "tcp://localhost:1", "tcp://localhost:1"),
        ("socket", "0", "0"),
        ("slots", "7", 7),
    ],
)
def test_relative_paths_start_from_the_base(name: str, text: str, value: object) -> None:
    """A layer with a base has its relative paths made absolute; other values stay."""
    settings = config.settle([{name: Given("--it", [text], "/srv")}])
    assert getattr(settings, name) == value


def test_a_socket_path_that_becomes_too_long_is_a_fault() -> None:
    """A short relative path in a deep directory is refused as the long path that it is."""
    with pytest.raises(ConfigError, match="bytes long"):
        config.settle([{"socket": Given("--socket", ["app.sock"], "/" + "d" * 200)}])


@given(st.dictionaries(st.sampled_from([option.variable for option in OPTIONS]), st.text()))
def test_any_environment_is_read_or_refused(environ: dict[str, str]) -> None:
    """Whatever the variables hold, the settings are valid or every fault is told."""
    try:
        settings = config.read(environ)
    except ConfigError:
        return
    again = config.read(config.to_environ(settings))
    for option in OPTIONS:
        assert getattr(again, option.name) == getattr(settings, option.name)


@pytest.mark.parametrize("where", ["tcp://0.0.0.0:4000", "tcp://[::]:4000", "tcp://host:4000"])
@pytest.mark.parametrize("weak", ["socket", "token_file"])
def test_beyond_loopback_a_token_is_needed(where: str, weak: str) -> None:
    """Wherever the two are said: it is what is settled in the end that counts."""
    said = {"socket": Given("-s", [where]), "token_file": Given("-t", ["/token"])}
    strong = {name: given for name, given in said.items() if name != weak}
    settings = config.settle([{weak: said[weak]}, strong])
    assert (settings.socket, settings.token_file) == (where, "/token")
    with pytest.raises(ConfigError, match=r"-s: .* could be reached from other machines"):
        config.settle([{"socket": said["socket"]}])
    assert config.settle([{"socket": said["socket"]}, {"socket": Given("", ["0"])}]).socket == "0"


def test_a_prefix_starts_where_it_was_said() -> None:
    """It is compared as a text, so what leads nowhere is taken out of it."""
    layer = {"strip_prefix": Given("--it", [".", "../b/", "c"], "/srv/app")}
    assert config.settle([layer]).strip_prefix == ("/srv/app", "/srv/b", "/srv/app/c")
    with pytest.raises(ConfigError, match="a directory below it"):
        config.settle([{"strip_prefix": Given("--it", ["../.."], "/srv/app")}])
