"""Templates: what their placeholders stand for, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.template import Template, TemplateProblem, as_text, fill_json

VALUES: dict[str, Any] = {
    "arguments": {"name": "Ada", "count": 3, "deep": {"list": [1, 2]}, "none": None, "yes": True},
    "run_id": 7,
    "slot": None,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{{ arguments.name }}", "Ada"),
        ("{{arguments.name}}-{{ run_id }}", "Ada-7"),
        ("{{ arguments.deep.list }}", "[1,2]"),
        ("{{ arguments.deep }}", '{"list":[1,2]}'),
        ("<{{ arguments.none }}{{ slot }}>", "<>"),
        ("{{ arguments.yes }}", "true"),
        ("{{{{ arguments.name }}", "{{ arguments.name }}"),
        ('{"a":{"b":{{ run_id }}}}', '{"a":{"b":7}}'),
        ("a } b }} c {", "a } b }} c {"),
    ],
)
def test_it_is_filled(template: str, text: str) -> None:
    assert Template.of(template).text(VALUES) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ argument.name }}", "'{{ argument.name }}' is not a placeholder"),
        ("{{ arguments }}", "is not a placeholder"),
        ("{{ run_id.x }}", "is not a placeholder"),
        ("{{ 1 + 1 }}", "is not a placeholder"),
        ("{{ arguments.x | upper }}", "is not a placeholder"),
        ("{{}}", "is not a placeholder"),
        ("{{ arguments.name", "'{{' is not closed"),
        ("{{ a {{ run_id }}", "'{{' is not closed"),
    ],
)
def test_what_cannot_be_read_is_named(template: str, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        Template.of(template)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ arguments.other }}", "there is no arguments.other"),
        ("{{ arguments.deep.x.y }}", "there is no arguments.deep.x"),
        ("{{ arguments.name.x }}", "there is no arguments.name.x"),
        ("{{ arguments.deep.list.0 }}", "there is no arguments.deep.list.0"),
    ],
)
def test_what_has_no_value_is_named(template: str, words: str) -> None:
    with pytest.raises(TemplateProblem, match=words):
        Template.of(template).text(VALUES)


def test_in_json_a_lone_placeholder_is_the_value_itself() -> None:
    body = {"n": "{{ arguments.count }}", "all": ["{{ arguments.deep }}", "{{ slot }}", 1.5, None]}
    assert fill_json(body, VALUES) == {"n": 3, "all": [{"list": [1, 2]}, None, 1.5, None]}
    assert fill_json(["n={{ arguments.count }}", " {{ run_id }}"], VALUES) == ["n=3", " 7"]


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        template = Template.of(text)
    except TemplateProblem:
        assert "{{" in text
    else:
        assert "{{" in text or template.text({}) == text


@given(st.text())
def test_doubled_braces_are_taken_back(text: str) -> None:
    if "{{{" not in text:
        assert Template.of(text.replace("{{", "{{{{")).text({}) == text


@given(st.text(), st.text(alphabet="ab/ %"), st.text(alphabet="ab/ %"))
def test_a_value_is_never_read_as_a_template(value: str, before: str, after: str) -> None:
    template = Template.of(f"{before}{{{{ arguments.x }}}}{after}")
    assert template.text({"arguments": {"x": value}}) == f"{before}{value}{after}"
    assert as_text(value) == value
