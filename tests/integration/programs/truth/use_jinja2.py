"""Jinja2's environment, loaders, extensions, filters, sandbox and errors; or its own test suite.

The test suite runs where TOMBS_TEST_JINJA2 names its directory (`tests` of the source package).
"""

import asyncio
import os
import sys
import tempfile

SUITE = os.environ.get("TOMBS_TEST_JINJA2")

BASE = """<!doctype html><title>{% block title %}{% endblock %}</title>
{% macro field(name, value='') -%}<input name="{{ name }}" value="{{ value|e }}" {{ kwargs|xmlattr }}>
{%- endmacro %}{% block body scoped %}{{ self.title() }}{% endblock %}{% include ['missing', 'part'] %}"""
CHILD = """{% extends 'base' %}{% import 'macros' as m with context %}{% from 'macros' import one, two as zwei %}
{% block title %}{{ super() }}{{ title|default('none')|title }}{% endblock %}
{% block body %}{% for group in items|groupby('kind') recursive %}{{ loop.index }}{{ loop.cycle('a', 'b') }}
{% for i in group.list if i.n is even %}{{ i.n }}{% else %}nothing{% endfor %}{% endfor %}
{% set ns = namespace(total=0) %}{% for i in items %}{% set ns.total = ns.total + i.n %}{% if loop.last %}{% break %}{% endif %}{% endfor %}
{{ ns.total }}{% call(x) m.wrap('b') %}{{ x }}{% endcall %}{{ one() }}{{ zwei(3) }}
{% filter upper %}shout{% endfilter %}{% with a=1, b=2 %}{{ a ~ b }}{% endwith %}{% raw %}{{ no }}{% endraw %}
{{ [1, 2, 3]|map('string')|join('-') }}{{ {'a': 1}|dictsort|tojson }}{{ '<b>'|safe|striptags }}
{{ 'a b c'|wordcount }}{{ 3.14159|round(2) }}{{ items|sum('n') }}{{ items|sort(attribute='n', reverse=true)|length }}
{{ 'text of it'|truncate(5, True, '.', 0) }}{{ 'x'|center(5) }}{{ 'one two'|replace('one', '1')|capitalize }}{{ 1 if missing is undefined }}
{{ range(10)|batch(3)|list }}{{ range(10)|slice(3)|list }}{{ 'http://x.org'|urlize }}{{ 12345|filesizeformat }}
{% autoescape false %}{{ '<i>' }}{% endautoescape %}{% trans n=2 %}one{% pluralize %}{{ n }} many{% endtrans %}{% do items.append(1) %}
{{ cycler('a', 'b').next() }}{{ joiner(',')() }}{{ lipsum(n=1)|length > 0 }}{{ dict(a=1)|items|list }}
{% endblock %}"""
MACROS = """{% macro one() %}1{{ varargs }}{% endmacro %}{% macro two(x, y=x) %}{{ x + y }}{% endmacro %}
{% macro wrap(tag) %}<{{ tag }}>{{ caller('in') }}</{{ tag }}>{% endmacro %}"""


class Item:
    def __init__(self, kind, n):
        self.kind, self.n = kind, n


def exercise():
    import jinja2
    from jinja2 import meta, nativetypes, sandbox

    sources = {"base": BASE, "child": CHILD, "macros": MACROS, "part": "part {{ title }}"}
    with tempfile.TemporaryDirectory() as place:
        with open(os.path.join(place, "file.html"), "w") as stream:
            stream.write("{{ title }} from a file")
        loader = jinja2.ChoiceLoader(
            [
                jinja2.DictLoader(sources),
                jinja2.FileSystemLoader(place),
                jinja2.PrefixLoader({"p": jinja2.FunctionLoader(lambda name: "prefixed")}),
            ]
        )
        extensions = ["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols", "jinja2.ext.debug"]
        env = jinja2.Environment(
            loader=loader,
            extensions=extensions,
            autoescape=jinja2.select_autoescape(),
            bytecode_cache=jinja2.FileSystemBytecodeCache(place),
            trim_blocks=True,
            line_statement_prefix="#",
        )
        env.install_null_translations(newstyle=True)
        for _ in range(2):
            values = {"title": "the title", "items": [Item("a", 1), Item("b", 2), Item("a", 4)]}
            print(env.get_template("child").render(**values), file=sys.stderr)
            env.cache.clear()
        print(env.get_template("file.html").render(title=1), env.list_templates, file=sys.stderr)
        print(env.get_or_select_template(["no", "p/x"]).render(), file=sys.stderr)
        print(list(env.from_string("{% for i in x %}{{ i }}{% endfor %}").stream(x="abc")))
        for wrong in ("{{ x", "{% for %}", "{{ x|none_such }}", "{% extends 'no' %}", "{{ 1 / 0 }}"):
            try:
                env.from_string(wrong).render()
            except Exception as error:
                print(type(error).__name__, error, file=sys.stderr)
        strict = jinja2.Environment(undefined=jinja2.StrictUndefined)
        for text in ("{{ x.y }}", "{{ x + 1 }}", "{{ x }}"):
            try:
                strict.from_string(text).render()
            except jinja2.UndefinedError as error:
                print(error, file=sys.stderr)
        safe = sandbox.SandboxedEnvironment()
        for text in ("{{ ''.__class__ }}", "{{ '{0.__class__}'.format(1) }}", "{{ range(5) }}"):
            try:
                print(safe.from_string(text).render(), file=sys.stderr)
            except Exception as error:
                print(error, file=sys.stderr)
        print(nativetypes.NativeEnvironment().from_string("{{ [1, 2] }}").render())
        print(sorted(meta.find_undeclared_variables(env.parse(CHILD))), file=sys.stderr)
        asynchronous = jinja2.Environment(enable_async=True, loader=loader)
        template = asynchronous.from_string("{% for i in x() %}{{ i }}{% endfor %}{{ [1]|map('abs')|list }}")

        async def numbers():
            for i in range(3):
                yield i

        print(asyncio.run(template.render_async(x=numbers)))
        print(env.compile_expression("a + 1")(a=1))


def suite():
    import types

    import pytest

    try:
        import trio
    except ImportError:
        # The suite wants it only to run coroutines a second time.
        sys.modules["trio"] = types.SimpleNamespace(run=lambda f, *values: asyncio.run(f(*values)))
    os.chdir(os.path.dirname(SUITE))
    words = ["-q", "-x", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", os.getcwd(), SUITE]
    code = pytest.main(words)
    print("the test suite of Jinja2 ended with", code, file=sys.stderr)
    if code:
        sys.exit(1)


if SUITE:
    suite()
else:
    exercise()
