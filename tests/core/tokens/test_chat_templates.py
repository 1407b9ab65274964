"""Chat templates are programs from a stranger: they write text, within bounds, and nothing else."""

from __future__ import annotations

import resource
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.tokens.templates import SOURCE, Template

TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]

WRITTEN = [
    ("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'] }}{% endfor %}", "<s>[user]hi[assistant]yo"),
    ("{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}", "hiyo"),
    ("{% for m in messages %}{% if loop.last %}{% break %}{% endif %}{{ loop.index }}{% endfor %}", "1"),
    ("{% for m in messages[1:] %}{{ loop.length }}{{ m.content | upper }}{% endfor %}", "1YO"),
    ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "2"),
    ("{{ messages | map(attribute='role') | join(', ') }}", "user, assistant"),
    ("{{ messages[0] | tojson }}", '{"role": "user", "content": "hi"}'),
    ("{{ 'a-b'.split('-')[1] }}{{ 'x'.replace('x', 'y') }}{{ '-'.join(['p', 'q']) }}", "byp-q"),
    ("{% macro f(m) %}<{{ m.content }}>{% endmacro %}{{ f(messages[0]) }}", "<hi>"),
    ("{{ 'open' if add_generation_prompt else 'shut' }}{{ tools is none }}", "shutTrue"),
    ("  {% if true %}\n  x\n  {% endif %}\n", "  x\n"),
    ("{{ strftime_now('%Y') | length }}", "4"),
]


@pytest.mark.parametrize(("source", "text"), WRITTEN, ids=range(len(WRITTEN)))
def test_what_templates_use_works(source: str, text: str) -> None:
    assert Template(source, {"bos_token": "<s>"}).render(TALK) == text


DOUBLING = "{% set a=['x'] %}" + 12 * ("{% set a=[" + ",".join("a" * 20) + "] %}") + "{{ a }}"
HOSTILE = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set r=range(99999) %}{% for a in r %}{% for b in r %}{% set x=1 %}{% endfor %}{% endfor %}",
    "{% set ns=namespace(x='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns=namespace(x='aaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
    "{% set ns=namespace(x=9) %}{% for i in range(99999) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "{% set ns=namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{{ 'a' * 10000000000 }}",
    "{{ [1] * 10000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a'.encode().zfill(1000000000) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ 'a' | indent(1000000000) | length > 99 and raise_exception('grew') or raise_exception('held') }}",
    "{{ [1] | batch(1000000000, 'x') | list }}",
    "{{ range(10000000000) | list }}",
    "{{ (['a' * 1000] * 1000) | join('b' * 10000) }}",
    "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(50) }}",
    "{% set x %}{% for i in range(99999) %}" + "b" * 200_000 + "{% endfor %}{% endset %}",
    "{% for i in range(99999) %}" + "b" * 200_000 + "{% endfor %}",
    DOUBLING,
    "{{ ''.__class__.__mro__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update(x=1) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{% include 'x' %}",
    "{% import 'os' as os %}",
    "{{ lipsum(n=1000) }}",
    "{{ raise_exception('no') }}",
    "{% for %}",
    "{{ " + "(" * 50_000,
    "x" * (SOURCE + 1),
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_what_would_take_too_much_is_refused_in_time_and_room(source: str) -> None:
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput):
        Template(source).render(TALK)
    assert time.process_time() - begun < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KB


def test_the_messages_themselves_stay_as_they_are() -> None:
    talk = [dict(message) for message in TALK]
    Template("{% for m in messages %}{% set m = 1 %}{% endfor %}{% set messages = [] %}").render(talk)
    assert talk == TALK


@given(st.text(alphabet="{}%#-abm.[]()|'\"~*+ \n", max_size=60))
def test_any_text_is_a_template_or_is_refused(source: str) -> None:
    try:
        Template(source).render(TALK)
    except BadInput as error:
        assert str(error)
