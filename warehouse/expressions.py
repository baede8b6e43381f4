"""SQL of single values: how text as delivered becomes an id, a text or a list; see numbers and times, too."""

from collections.abc import Iterable, Mapping

from warehouse.sql import name_of, text_of

# Control characters, NUL among them, and those of no width.
INVISIBLE = r"[\x00-\x1f\x7f-\x{9f}\x{ad}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2064}\x{feff}]"
NO_WIDTH = r"[\x{ad}\x{200b}-\x{200f}\x{2060}-\x{2064}\x{feff}]"
NO_CATEGORY = r"(?i)^\((no|none|n/a|not|unknown|undefined)\b.*\)$"
"""What stands in the place of categories where there are none, as `(no genres listed)`."""
MAX_ID = 500
MAX_TEXT = 20_000
MAX_KEPT = 1_000  # characters of a field that quarantine and attributes keep
DAY_S = 86_400

_SPACES = " || ".join(f"chr({code})" for code in (32, 9, 10, 11, 12, 13, 160, 0x3000))


def trimmed(column: str) -> str:
    """A text without white space around it."""
    return f"trim({column}, {_SPACES})"


def blank(column: str) -> str:
    """Whether there is nothing in a text."""
    return f"(coalesce({trimmed(column)}, '') = '')"


def id_fault(identifier: str) -> str:
    """What is wrong with a trimmed id, in words that go on from its name; null when nothing is."""
    return f"""case when coalesce({identifier}, '') = '' then 'is missing'
        when regexp_matches({identifier}, '{INVISIBLE}') then 'holds control or invisible characters'
        when length({identifier}) > {MAX_ID} then 'is longer than {MAX_ID} characters' end"""


def clean_text(column: str) -> str:
    """A text on one line, without invisible characters; null when nothing is left."""
    spaced = f"regexp_replace({column}, '{NO_WIDTH}', '', 'g')"
    one_line = f"regexp_replace({spaced}, '({INVISIBLE}|\\s|\\x{{a0}})+', ' ', 'g')"
    return f"nullif(left(trim({one_line}), {MAX_TEXT}), '')"


def listed_text(column: str) -> str:
    """The elements of a JSON list, one after the other; a text that is no such list as it is."""
    elements = f"array_to_string(json_extract_string({column}, '$[*]'), ' ')"
    is_list = f"starts_with(ltrim({column}), '[') and json_valid({column})"
    return f"case when {is_list} then {elements} else {column} end"


def categories(column: str | None, delimiter: str) -> str:
    """Distinct categories in their order, from a JSON list, a list as Python writes it, or text to cut."""
    if column is None:
        return "[]::varchar[]"
    cut = f"string_split({column}, {text_of(delimiter)})"
    listed = f"""case when {column} is null then []::varchar[]
        when starts_with(ltrim({column}), '[') then
            coalesce(case when json_valid({column}) then json_extract_string({column}, '$[*]') end,
                     try_cast({column} as varchar[]), {cut})
        else {cut} end"""
    told = f"c is not null and not regexp_matches(c, {text_of(NO_CATEGORY)})"
    cleaned = f"list_filter(list_transform({listed}, lambda c: {clean_text('c')}), lambda c: {told})"
    return f"list_filter({cleaned}, lambda c, place: list_position({cleaned}, c) = place)"


def json_of(columns: Iterable[str], prefix: str = "") -> str:
    """A JSON object of staged columns by their names, without those that are empty; `prefix` as `s.`."""
    return _object(
        {column: f"nullif(left({trimmed(prefix + name_of(column))}, {MAX_KEPT}), '')" for column in columns}
    )


def content_of(columns: Iterable[str], prefix: str = "") -> str:
    """As `json_of`, of clean texts on one line."""
    return _object({column: clean_text(listed_text(prefix + name_of(column))) for column in columns})


def _object(values: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{text_of(name)}, {value}" for name, value in values.items())
    return f"json_merge_patch('{{}}', json_object({pairs}))::varchar" if pairs else "null::varchar"


def json_path(column: str) -> str:
    """The JSON pointer to a key of an object, such as a column in `content`."""
    return "/" + column.replace("~", "~0").replace("/", "~1")
