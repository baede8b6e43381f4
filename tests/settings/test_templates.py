import pytest

from tasks.settings.templates import EMPTY, Columns, check_template, rendered
from warehouse.errors import PolyrecError


@pytest.mark.parametrize(
    ("template", "line", "column", "said"),
    [
        ("{{ titel }}\nIt", 1, 4, "there is no variable 'titel'; known are title, year"),
        ("titel {{ title.titel }} titel\n{%- if titel %}\nIt{% endif %}", 2, 8, "no variable 'titel'"),
        ("{{ facts }}\n{% if %}It", 2, 7, "Expected an expression"),
        ("{{ facts }}\n{{ title b }}", 2, 10, "got 'b'"),
        ("{{ facts }}\nIt {{ title ?? }}", 2, 13, "unexpected char '?'"),
        ("{{ facts }}\nIt {{ title | nope }}", 2, 15, "No filter named 'nope'"),
        ("{{ facts }}\n{% if 0 %}{{ title | nope }}{% endif %}It", 2, 22, "no filter 'nope'"),
        ("{{ facts }}\n{% if title is nope %}{% endif %}It", 2, 16, "no test 'nope'"),
        ("{{ facts }}\n{% foo %}It", 2, 4, "unknown tag 'foo'"),
        ("{% for one in categories %}\nIt", 1, 4, "The innermost block that needs to be closed is 'for'"),
        ("{{ facts }}\n{{ title.__class__ }}", 2, 10, "the attribute '__class__' is forbidden"),
        ("{% if 0 %}{{ title['__class__'] }}{% endif %}\nIt", 1, 21, "'__class__' is forbidden"),
        ("{{ facts }}\nIt {{ title | attr('__class__') }}", 2, 21, "is unsafe"),
        ("{{ facts }}\nIt {{ content.pop('a') }}", 2, 15, "'pop' of 'Columns' object is unsafe"),
        ("{{ facts }}\nIt {{ title.director }}", 2, 13, "no attribute 'director'"),
        ("{{ facts }}\nIt {{ lipsum() }}", 2, 7, "no variable 'lipsum'"),
        ("{{ facts }}\nIt {{ categories | random }}", 2, 20, "No filter named 'random'"),
        ("{{ facts }}\n\tIt", 2, 1, "the character '\\t' is not allowed"),
        ("\x1e{{ facts }}\nIt", 1, 1, "the character '\\x1e' is not allowed"),
    ],
)
def test_error_is_named_with_line_and_column(template: str, line: int, column: int, said: str) -> None:
    with pytest.raises(PolyrecError) as error:
        check_template("mood", template)
    place = f"angle 'mood', line {line}, column {column} of its template: "
    assert str(error.value).startswith(place), str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ facts }}\nIt {{ title", "line 2 of its template: unexpected end of template"),
        ("{{ facts }}\nIt {{ title } }}", "line 2 of its template: unexpected '}'"),
        ("{{ facts }}\n{% include 'other' %}It", "line 2 of its template: a template cannot use other"),
        ("{{ categories }}\nIt", "line 1 of its template: {{ }} would print a list; join"),
        ("{{ facts }}\n{{ content.values }}", "line 2 of its template: {{ }} would print a function"),
        ("{{ facts }}\n{{ self }}It", "line 2 of its template: {{ }} would print"),
        ("{{ year + 1 }}\nIt", "line 1 of its template: can only concatenate str"),
        ("{{ range(999999) | length }}\nIt", "line 1 of its template: Range too big"),
        ("It is", "has one line only; give the facts first"),
        ("{{ facts }}\n{{ title }}", "has a last line that is empty for an item that lacks columns"),
    ],
)
def test_error_without_a_column_says_only_what_is_known(template: str, said: str) -> None:
    with pytest.raises(PolyrecError, match="angle 'mood'") as error:
        check_template("mood", template)
    assert said in str(error.value) and ", column " not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ facts }}\nIt is",
        "{{ facts }}\nIt is\n",
        "{{ noun | capitalize }}: {{ title }}{% if year %} ({{ year // 10 }}){% endif %}\nBy {{ content.x }}",
        "{% for one in categories %}{{ loop.index }} {{ one | lower }} {% endfor %}\n{# why #}It is",
        "{% set name = title or 'it' %}{{ name }}\nWhoever likes {{ name }}",
        "{{ content.items() | map('join', ': ') | join(', ') }}\nIt",
    ],
)
def test_good_templates(template: str) -> None:
    check_template("mood", template)


def test_values_are_never_templates() -> None:
    given = dict(EMPTY) | {
        "title": "{{ 7*7 }}{% raw %}",
        "description": "{{ title.__class__ }}",
        "content": Columns({"a": "{{ title }}"}),
    }
    text = rendered("mood", "{{ title }} {{ description }} {{ content.a }}{{ content.b }}", given)
    assert text == "{{ 7*7 }}{% raw %} {{ title.__class__ }} {{ title }}"
