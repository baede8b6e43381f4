"""Rules that contradict one another are told with both names: as written, and as the data has it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import load_settings
from tasks.settings.rule_conflicts import AsWritten, contradiction
from tasks.settings.rules import Rule
from tests.rules.ruling import DAY, book
from tests.rules.test_applying import rule
from warehouse.errors import PolyrecError, SettingsError

PIN = rule("top", "pin", items=["i3"], rank=1)
NEW = rule("fresh", "new_share", share=0.2)
# Two rules, and what the message says of them; those of the second group are known from data alone.
WRITTEN = [
    (PIN, rule("no", "block", items=["i3", "i4"]), "item 'i3' is pinned by one and kept out by the other"),
    (PIN, rule("no", "out_of_stock", items=["i3"]), "pinned by one and kept out"),
    (PIN, rule("no", "cap", per="categories", at_most=0), "pinned by one and capped at 0"),
    (PIN, rule("no", "pin", items=["i4"], rank=1), "both pin an item to rank 1"),
    (PIN, rule("no", "pin", items=["i3"], rank=2), "they pin item 'i3' to rank "),
    (NEW, rule("no", "cap", per="categories", at_most=0), "wants new items where the other caps all of them"),
    (
        NEW | {"categories": ["film"]},
        rule("no", "cap", categories=["film"], at_most=0),
        "caps all of them at 0",
    ),
    (NEW | {"categories": ["film"]}, rule("no", "block", categories=["film"]), "keeps all of them out"),
    (
        rule("up", "boost", items=["i1"], strength=1),
        rule("no", "bury", items=["i1"], strength=1),
        "one boosts what the other buries",
    ),
    (
        rule("up", "boost", categories=["toy"], strength=1),
        rule("no", "bury", categories=["toy"], strength=2),
        "boosts what the other buries",
    ),
]
FOUND = [
    (PIN, rule("no", "block", categories=["toy"]), "pinned by one and kept out"),
    (PIN, rule("no", "block", column="brand", values=["acme"]), "pinned by one and kept out"),
    (PIN, rule("no", "cap", categories=["toy"], at_most=0), "capped at 0"),
    (NEW | {"categories": ["film"]}, rule("no", "block", items=["i9", "i10"]), "keeps all of them out"),
    (
        rule("up", "boost", categories=["toy"], strength=1),
        rule("no", "bury", column="brand", values=["acme"], strength=1),
        "boosts what the other buries",
    ),
    (
        PIN | {"user_column": "club", "user_values": ["gold"]},
        rule("no", "block", items=["i3"], users=["child"]),
        "pinned by one and kept out",
    ),
]
FINE = [
    (PIN, rule("no", "block", items=["i4"])),
    (PIN, rule("no", "out_of_stock", column="stock")),  # i3 is sold out today: it is just not pinned
    (PIN, rule("no", "age_limit", items=["i3"], min_age=18)),
    (PIN, rule("no", "pin", items=["i4"], rank=2)),
    (PIN | {"users": ["child"]}, rule("no", "pin", items=["i4"], rank=1, users=["adult"])),
    (PIN | {"rank": 11}, rule("no", "cap", categories=["toy"], at_most=0)),
    (NEW, rule("no", "cap", categories=["toy"], at_most=0)),
    (NEW, rule("no", "block", categories=["film"])),  # i11 is new, too
    (
        rule("up", "boost", items=["i1"], strength=1),
        rule("no", "bury", items=["i2"], strength=1),
    ),
]


def names(pair: Any) -> str:
    return " ".join(str(one) for one in (pair["kind"], *sorted(pair.keys() - {"name", "kind"})))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("a", "b", "why"), WRITTEN, ids=lambda value: names(value) if value != str(value) else ""
)
def test_as_written(a: dict[str, Any], b: dict[str, Any], why: str, swapped: bool, tmp_path: Path) -> None:
    rules = [Rule.model_validate(one) for one in ((b, a) if swapped else (a, b))]
    said = contradiction(rules, AsWritten(), DAY)
    assert said and why in said
    assert f"rules {rules[0].name!r} and {rules[1].name!r} contradict one another" in said


@pytest.mark.parametrize(("a", "b", "why"), [*FOUND, *WRITTEN[-1:]])
def test_in_the_data(a: dict[str, Any], b: dict[str, Any], why: str) -> None:
    rules = [Rule.model_validate(one) for one in (a, b)]
    if (a, b, why) in FOUND:
        assert contradiction(rules, AsWritten(), DAY) is None
        with pytest.raises(PolyrecError, match=f"'{a['name']}' and 'no' contradict one another.*{why}"):
            book(a, b)
    for day, valid in ((date(2026, 12, 1), True), (date(2026, 12, 5), False)):
        later = b | {"valid_until": date(2026, 12, 4)}
        if valid and (a, b, why) in FOUND:
            with pytest.raises(PolyrecError):
                book(a, later, day=day)
        elif not valid:
            earlier = a | {"valid_from": date(2026, 12, 5)}
            assert book(earlier, later, day=day).rules == (Rule.model_validate(earlier),)


@pytest.mark.parametrize(("a", "b"), FINE)
def test_what_is_no_contradiction(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert len(book(a, b).rules) == 2


@pytest.mark.parametrize(("a", "b", "why"), WRITTEN)
def test_dates_that_do_not_meet(a: dict[str, Any], b: dict[str, Any], why: str) -> None:
    early, late = {"valid_until": date(2026, 12, 4)}, {"valid_from": date(2026, 12, 5)}
    assert (
        contradiction([Rule.model_validate(a | early), Rule.model_validate(b | late)], AsWritten(), DAY)
        is None
    )
    both = [Rule.model_validate(a | early), Rule.model_validate(b | {"valid_from": date(2026, 12, 4)})]
    assert contradiction(both, AsWritten(), DAY)


def test_the_table_and_the_settings_are_one() -> None:
    with pytest.raises(PolyrecError, match="'top' and 'no' contradict"):
        book(PIN, table=[{"name": "no", "kind": "block", "items": ["i3"]}])
    with pytest.raises(PolyrecError, match="two rules are called 'top'"):
        book(PIN, table=[PIN])


@pytest.mark.parametrize(("key", "value"), [("blocked", ["i3"]), ("excluded_categories", ["toy"])])
def test_a_pin_and_the_catalogue(key: str, value: list[str]) -> None:
    with pytest.raises(PolyrecError, match=rf"rule 'top' and {key} in \[catalogue\] contradict one another"):
        book(PIN, catalogue={key: value})


def test_settings_with_contradictory_rules_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[fusion.rules]]\nname = "top"\nkind = "pin"\nitems = ["3"]\nrank = 1\n'
        '[[fusion.rules]]\nname = "no"\nkind = "block"\nitems = ["3"]\n'
    )
    with pytest.raises(SettingsError, match=r"'fusion.rules'.*rules 'top' and 'no' contradict") as error:
        load_settings(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"kind": "ban"}, "'exclude_seen', 'block'"),
        ({"kind": "block"}, r"rule 'r' \(block\) names no item; give items, categories"),
        ({"kind": "block", "items": ["1"], "rank": 1}, r"rule 'r' \(block\) has no rank"),
        ({"kind": "block", "items": ["1"], "shelf": 1}, "Extra inputs are not permitted"),
        ({"kind": "block", "column": "brand"}, "column and values go together"),
        ({"kind": "block", "items": ["1"], "user_column": "age"}, "user_column and user_values go together"),
        ({"kind": "pin", "items": ["1"]}, "needs rank"),
        ({"kind": "pin", "items": ["1", "2"], "rank": 1}, "pins one item"),
        ({"kind": "pin", "rank": 1}, "pins one item"),
        ({"kind": "boost", "items": ["1"]}, "needs strength"),
        ({"kind": "boost", "items": ["1"], "strength": 0}, "greater than 0"),
        ({"kind": "cap", "per": "brand"}, "needs at_most"),
        ({"kind": "cap", "at_most": 1}, "names no item"),
        ({"kind": "new_share"}, "needs share"),
        ({"kind": "new_share", "share": 1.2}, "less than or equal to 1"),
        ({"kind": "age_limit", "items": ["1"]}, "needs min_age, or the column"),
        ({"kind": "age_limit", "column": "fsk", "min_age": 3}, "column and values go together"),
        ({"kind": "exclude_seen", "valid_from": "2026-02-30"}, "valid date"),
        (
            {"kind": "exclude_seen", "valid_from": date(2026, 2, 2), "valid_until": date(2026, 2, 1)},
            "is valid until 2026-02-01, before it begins on 2026-02-02",
        ),
        ({"kind": "exclude_seen", "name": "a b"}, "match pattern"),
    ],
)
def test_what_is_no_rule(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Rule.model_validate({"name": "r", **keys})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"kind": "block", "column": "colour", "values": ["red"]},
            "rule 'r': there is no column 'colour'; write one of: age, brand, categories",
        ),
        ({"kind": "cap", "per": "colour", "at_most": 1}, "there is no column 'colour'"),
        (
            {"kind": "block", "items": ["1"], "user_column": "team", "user_values": ["a"]},
            "no column 'team'; write one of: age, club",
        ),
        ({"kind": "pin", "items": ["i1"], "rank": 13}, "rule 'r' pins to rank 13, and lists have 12"),
    ],
)
def test_rules_that_do_not_go_with_the_data(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(PolyrecError, match=said):
        book({"name": "r", **keys})
