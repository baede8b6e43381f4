"""Every rule on a small shop whose answer is known; in every list, hard rules are never broken."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.rules.applying import FALLBACK, apply_hard_rules, around_rules, ruled_lists
from tasks.rules.book import RuleBook
from tasks.rules.effects import effects_of_rows, effects_table, rule_effects
from tests.rules import ruling
from tests.rules.ruling import ITEMS, USERS, book, candidates, listed, lists, named
from warehouse.errors import PolyrecError


def rule(name: str, kind: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, **keys}


def rows_of(made: Any) -> pl.DataFrame:
    """Lists as published rows."""
    row, rank = np.nonzero(made.items >= 0)
    return pl.DataFrame(
        {
            "user_id": [USERS[one] for one in row],
            "rank": (rank + 1).astype(np.int32),
            "item_id": [ITEMS[item] for item in made.items[row, rank]],
            "rules": made.names(row, rank),
        }
    )


def effects_of(rows: pl.DataFrame, told: RuleBook) -> pl.DataFrame:
    given = candidates()
    return rule_effects(rows, given.users, given.items, told)


def test_without_rules_lists_are_those_of_re_ranking() -> None:
    made = lists(book())
    assert listed(made) == ["i0", "i1", "i2", "i3", "i4"]
    assert made.moved == {} and named(made) == {}
    assert made.places[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (rule("r", "block", items=["i0", "i2"]), ["i1", "i3", "i4", "i5", "i6"]),
        (rule("r", "block", categories=["toy"]), ["i4", "i5", "i6", "i7", "i8"]),
        (rule("r", "block", column="brand", values=["acme", "core"]), ["i1", "i4", "i7"]),
        (rule("r", "block", categories=["toy"], column="brand", values=["acme"]), ["i1", "i2", "i4"]),
        (rule("r", "block", column="year", values=["1990"], items=["i1"]), ["i0", "i2", "i3"]),
        (rule("r", "out_of_stock", items=["i4"]), ["i0", "i1", "i2", "i3", "i5"]),
        (rule("r", "out_of_stock", column="stock"), ["i0", "i2", "i4", "i5", "i6"]),
        (rule("r", "out_of_stock", column="stock", values=["7"]), ["i0", "i1", "i3", "i4", "i5"]),
    ],
)
def test_what_hard_rules_keep_out(told: dict[str, Any], left: list[str]) -> None:
    assert listed(lists(book(told)))[: len(left)] == left


def test_what_fills_a_gap_is_recorded() -> None:
    made = lists(book(rule("r", "block", items=["i0", "i7"])))
    assert listed(made) == ["i1", "i2", "i3", "i4", "i5"]
    assert named(made) == {"i5": [FALLBACK]}  # i7 would not have been in the list


def test_rules_that_empty_a_list_leave_what_most_people_had() -> None:
    told = book(rule("r", "block", items=ITEMS[:5]), recommendable=[True] * 10 + [False, True])
    made = lists(told, n=5)
    assert listed(made) == ["i5", "i6", "i7", "i8", "i9"]
    assert set(map(tuple, named(made).values())) == {(FALLBACK,)}
    assert (made.places == -1).all()
    made = lists(told, n=7)  # first the candidates that are left
    assert listed(made) == ["i5", "i6", "i7", "i8", "i9"]
    assert made.places[0].tolist() == [5, 6, -1, -1, -1]


def test_a_list_is_never_longer_than_without_rules() -> None:
    assert listed(lists(book(rule("r", "pin", items=["i9"], rank=1)), n=3)) == ["i9", "i0", "i1"]


@pytest.mark.parametrize(
    ("keys", "kept_out"),
    [
        ({"items": ["i1"], "min_age": 12}, {"child": ["i1"], "secret": ["i1"]}),
        ({"items": ["i1"], "min_age": 12, "unknown_age": "allow"}, {"child": ["i1"]}),
        # FSK 16 is read as 16; what says no number is for nobody
        ({"column": "age", "unknown_age": "allow"}, {"child": ["i2", "i3", "i5"], "secret": ["i5"]}),
        ({"column": "age"}, {"child": ["i2", "i3", "i5"], "secret": ["i2", "i3", "i5"]}),
    ],
)
def test_age_limits(keys: dict[str, Any], kept_out: dict[str, list[str]]) -> None:
    made = lists(book(rule("r", "age_limit", **keys)), k=6, n=6)
    for user in USERS:
        gone = sorted(set(ITEMS[:6]) - set(listed(made, user)))
        wanted = kept_out.get(user, ["i5"] if keys.get("column") else [])
        assert gone == wanted, user


def test_seen_items_may_come_back_but_for_the_events_that_exclude() -> None:
    seen = [("adult", "i0", "view"), ("adult", "i1", "purchase"), ("child", "i0", "purchase")]
    plain = book(seen=seen)
    assert not plain.allowed(np.array(0), np.array([0, 1])).any()
    told = book(rule("bought", "exclude_seen", event_types=["purchase"]), seen=seen)
    assert listed(lists(told)) == ["i0", "i2", "i3", "i4", "i5"]
    assert listed(lists(told), "child") == ["i1", "i2", "i3", "i4", "i5"]
    hidden = told.excluded_events().toarray()
    assert np.argwhere(hidden).tolist() == [[0, 1], [1, 0]]
    toys = book(rule("toys", "exclude_seen", categories=["toy"], users=["adult"]), seen=seen)
    assert np.argwhere(toys.excluded_events().toarray()).tolist() == [[0, 0], [0, 1]]


def test_pins_boosts_and_buries() -> None:
    made = lists(
        book(rule("first", "pin", items=["i7"], rank=1), rule("third", "pin", items=["i11"], rank=3))
    )
    assert listed(made) == ["i7", "i0", "i11", "i1", "i2"]
    assert named(made) == {"i7": ["first"], "i11": ["third"]}
    assert made.places[0].tolist() == [7, 0, -1, 1, 2]
    # Scores go from 1 to -1 in steps of 2 / 9; their standard deviation is 0.638.
    made = lists(book(rule("up", "boost", items=["i3"], strength=1.2)))
    assert listed(made) == ["i3", "i0", "i1", "i2", "i4"] and named(made) == {"i3": ["up"]}
    made = lists(book(rule("up", "boost", items=["i3"], strength=0.8)))
    assert listed(made) == ["i0", "i3", "i1", "i2", "i4"]
    made = lists(book(rule("down", "bury", items=["i0"], strength=0.5)))
    assert listed(made) == ["i1", "i0", "i2", "i3", "i4"] and named(made) == {"i0": ["down"]}


def test_rules_for_some_users() -> None:
    told = book(
        rule("one", "block", items=["i0"], users=["child", "nobody"]),
        rule("club", "pin", items=["i9"], rank=1, user_column="club", user_values=["gold"]),
        rule("old", "block", items=["i1"], user_column="age", user_values=["40"]),
    )
    made = lists(told)
    assert listed(made) == ["i9", "i0", "i2", "i3", "i4"]
    assert listed(made, "child") == ["i9", "i1", "i2", "i3", "i4"]
    assert listed(made, "secret") == ["i0", "i1", "i2", "i3", "i4"]
    # A visitor is nobody of whom anything is known.
    assert told.allowed(np.array(-1), np.arange(12)).all()


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"categories": ["toy"], "at_most": 2}, ["i0", "i1", "i4", "i5", "i6"]),
        ({"categories": ["toy"], "at_most": 0}, ["i4", "i5", "i6", "i7", "i8"]),
        ({"per": "categories", "at_most": 2}, ["i0", "i1", "i4", "i5", "i9"]),
        ({"per": "brand", "at_most": 1, "first": 3}, ["i0", "i1", "i2", "i3", "i4"]),
        ({"per": "brand", "at_most": 1, "categories": ["toy"]}, ["i0", "i1", "i2", "i4", "i5"]),
        ({"categories": ["toy"], "at_most": 1, "first": 3}, ["i0", "i4", "i5", "i1", "i2"]),
    ],
)
def test_caps(keys: dict[str, Any], wanted: list[str]) -> None:
    made = lists(book(rule("cap", "cap", **keys)))
    assert listed(made) == wanted
    waited = [item for item in wanted if named(made).get(item) == ["cap"]]
    assert waited == (["i1", "i2"] if keys.get("first") == 3 and "categories" in keys else [])


def test_a_cap_takes_from_outside_and_yields_only_when_there_is_nothing_else() -> None:
    told = book(rule("cap", "cap", per="brand", at_most=1))
    made = lists(told, n=10)  # three brands for five places
    assert listed(made) == ["i0", "i1", "i2", "i3", "i4"]
    rows = rows_of(made)
    assert effects_of(rows, told).filter(effect="unmet").rows() == [
        (user, "cap", "unmet", 2) for user in USERS
    ]
    made = lists(book(rule("cap", "cap", categories=["toy"], at_most=2)), k=5, n=4)
    assert listed(made) == ["i0", "i1", "i4", "i5"]
    assert named(made) == {"i4": [FALLBACK], "i5": [FALLBACK]}


def test_a_pinned_item_counts_in_a_cap() -> None:
    told = book(rule("cap", "cap", categories=["toy"], at_most=1), rule("pin", "pin", items=["i3"], rank=4))
    assert listed(lists(told)) == ["i4", "i5", "i6", "i3", "i7"]


def test_new_items_come_last_among_the_first_ranks() -> None:
    made = lists(book(rule("fresh", "new_share", share=0.4, first=5)))
    # New are i9, whose first event is 5 days old, and i10 and i11, which have none.
    assert listed(made) == ["i0", "i1", "i2", "i9", "i10"]
    assert named(made) == {"i9": ["fresh"], "i10": ["fresh", FALLBACK]}
    made = lists(book(rule("fresh", "new_share", share=0.2, first=5, days=3)))
    assert listed(made)[-1] == "i10"
    made = lists(book(rule("fresh", "new_share", share=0.3, first=3, categories=["film"])))
    assert listed(made) == ["i0", "i1", "i9", "i2", "i3"]
    no_times = {"source": "files", "interactions": {"time": None}}
    told = book(rule("fresh", "new_share", share=0.3), data=no_times)
    assert told.targets["fresh"].nonzero()[0].tolist() == [10, 11]


def test_new_items_that_there_are_not_leave_a_share_unmet() -> None:
    told = book(rule("fresh", "new_share", share=1.0, first=5))
    made = lists(told)
    assert listed(made) == ["i9", "i10", "i11", "i0", "i1"]
    effects = effects_of(rows_of(made), told)
    assert effects.filter(user_id="adult").rows() == [
        ("adult", "fallback", "moved", 2),
        ("adult", "fresh", "moved", 3),
        ("adult", "fresh", "unmet", 2),
    ]


def test_validity_dates() -> None:
    told = rule("r", "block", items=["i0"], valid_from=date(2026, 12, 1), valid_until=date(2026, 12, 2))
    days = [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 3)]
    assert ["i0" in listed(lists(book(told, day=day))) for day in days] == [True, False, False, True]
    prints = [book(told, day=day).fingerprint for day in days]
    assert prints[0] == prints[3] == book().fingerprint == "" and prints[1] == prints[2] != ""


def test_the_fingerprint_is_of_rules_and_of_what_they_are_about() -> None:
    one, other = rule("r", "block", items=["i0"]), rule("r", "block", items=["i1"])
    assert book(one).fingerprint == book(one).fingerprint != book(other).fingerprint


def test_effects_are_counted() -> None:
    seen = [("adult", "i0", "view"), ("adult", "i8", "view")]
    told = book(
        rule("toys", "block", categories=["toy"]),
        rule("grown", "age_limit", items=["i2", "i4"], min_age=18),
        rule("seen", "exclude_seen"),
        rule("pin", "pin", items=["i9"], rank=1),
        seen=seen,
    )
    effects = effects_of(rows_of(lists(told)), told)
    assert effects.filter(user_id="adult", effect="excluded").rows() == [
        ("adult", "seen", "excluded", 2),
        ("adult", "toys", "excluded", 4),
    ]
    assert effects.filter(user_id="child", rule="grown")["items"].to_list() == [2]
    assert {"rule": "pin", "effect": "moved", "items": 3, "users": 3} in effects_table(effects)
    assert effects_table(effects_of(rows_of(lists(book())), book())) == []
    given = candidates()
    kept = [[ITEMS[item] for item in of_user if item >= 0] for of_user in given.items]
    kept[0].append("no longer there")
    rows = pl.DataFrame({"user_id": [USERS[user] for user in given.users], "item_ids": kept})
    gone = pl.DataFrame({"user_id": ["gone"], "item_ids": [["i0"]]})
    again = effects_of_rows(rows_of(lists(told)), pl.concat([gone, rows]), told)
    assert again.equals(effects)


def test_a_pin_that_a_hard_rule_forbids_to_some_is_unmet() -> None:
    told = book(
        rule("grown", "age_limit", items=["i9"], min_age=18), rule("pin", "pin", items=["i9"], rank=1)
    )
    made = lists(told)
    assert listed(made)[0] == "i9" and listed(made, "child")[0] == "i0"
    unmet = effects_of(rows_of(made), told).filter(effect="unmet")
    assert unmet["user_id"].to_list() == ["child", "secret"]


def test_old_lists_obey_the_hard_rules_of_today() -> None:
    old = pl.DataFrame(
        {
            "user_id": ["adult", "adult", "adult", "adult", "gone", "child", "child"],
            "rank": pl.Series([1, 2, 3, 4, 1, 1, 2], dtype=pl.Int32),
            "item_id": ["i0", "i1", "vanished", "i2", "i2", "i3", "i1"],
            "score": [4.0, 3.0, 2.5, 2.0, 1.0, 2.0, 1.0],
        }
    )
    told = book(rule("r", "block", items=["i1"]), seen=[("adult", "i0", "view")])
    assert apply_hard_rules(old, told).rows() == [
        ("adult", 1, "i2", 2.0),
        ("gone", 1, "i2", 1.0),
        ("child", 1, "i3", 2.0),
    ]
    assert apply_hard_rules(old, told).schema == old.schema
    assert apply_hard_rules(old.clear(), told).is_empty()
    closed = book(recommendable=[item != 2 for item in range(12)])
    assert apply_hard_rules(old, closed)["item_id"].to_list() == ["i0", "i1", "i3", "i1"]


A_TARGET = st.one_of(
    st.builds(lambda ids: {"items": ids}, st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4)),
    st.sampled_from([{"categories": ["toy"]}, {"column": "brand", "values": ["acme", "core"]}]),
)
SOME_USERS = st.sampled_from([{}, {"users": ["child"]}, {"user_column": "club", "user_values": ["gold"]}])
HARD = st.one_of(
    st.builds(lambda target: {"kind": "block", **target}, A_TARGET),
    st.just({"kind": "out_of_stock", "column": "stock"}),
    st.builds(
        lambda target, age: {"kind": "age_limit", "min_age": age, **target}, A_TARGET, st.integers(0, 50)
    ),
    st.just({"kind": "exclude_seen", "event_types": ["purchase"]}),
)
SOFT = st.one_of(
    st.builds(
        lambda item, at: {"kind": "pin", "items": [item], "rank": at},
        st.sampled_from(ITEMS),
        st.integers(1, 12),
    ),
    st.builds(lambda target: {"kind": "boost", "strength": 2.0, **target}, A_TARGET),
    st.builds(
        lambda n, first: {"kind": "cap", "per": "brand", "at_most": n, "first": first},
        st.integers(0, 3),
        st.integers(1, 12),
    ),
    st.builds(
        lambda share, first: {"kind": "new_share", "share": share, "first": first},
        st.floats(0.1, 1),
        st.integers(1, 12),
    ),
)
PAIRS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from(["view", "purchase"])),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(HARD, SOME_USERS), max_size=3),
    st.lists(st.tuples(SOFT, SOME_USERS), max_size=4),
    PAIRS,
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
)
def test_hard_rules_are_never_broken(hard: Any, soft: Any, seen: Any, k: int, seed: int) -> None:
    told = [{"name": f"r{n}", **keys, **whom} for n, (keys, whom) in enumerate([*hard, *soft])]
    try:
        ruled = book(*told, seen=seen)
    except (ValueError, PolyrecError):  # contradictory
        return
    if not told:  # then lists are those of candidates, which matching chose
        return
    generator = np.random.default_rng(seed)
    given_ = candidates(12)
    shown = np.where(generator.random((3, 12)) < 0.7, given_.items, -1)
    shown = np.take_along_axis(shown, np.argsort(shown < 0, axis=1, kind="stable"), axis=1)
    mine = type(given_)(given_.users, shown, given_.scores, given_.matchers)
    scores = np.where(shown >= 0, generator.normal(size=(3, 12)), -np.inf)
    made = ruled_lists(scores, mine.users, shown, ruled, k, lambda told: ruling.by_score(told, k))
    for user, row in enumerate(made.items):
        items = row[row >= 0]
        assert (row[: len(items)] >= 0).all(), "ranks have gaps"
        assert len(set(items.tolist())) == len(items), "an item stands twice"
        allowed = ruled.allowed(np.array(user), np.arange(12))
        assert allowed[items].all(), "a hard rule is broken"
        wanted = min(k, int((shown[user] >= 0).sum()))
        assert len(items) == min(wanted, int(allowed.sum())), "a list is short although there is more"
        at = made.places[user][: len(items)]
        assert (shown[user][at[at >= 0]] == items[at >= 0]).all()
    check_caps(ruled, made.items, shown, k)


def check_caps(ruled: RuleBook, items: np.ndarray, shown: np.ndarray, k: int) -> None:
    """With nothing but caps that can be kept, they are."""
    caps = ruled.of_kind("cap")
    if len(caps) != 1 or len(ruled.rules) > 1 or caps[0].about_users:
        return
    (cap,) = caps
    room = sum(min(cap.at_most or 0, 4) for _ in range(3))
    for user in range(3):
        free = ruled.allowed(np.array(user), np.arange(12)).all()
        wanted = min(k, int((shown[user] >= 0).sum()), cap.n_first)
        if free and room >= wanted:
            first = items[user][: cap.n_first]
            counts = np.bincount(first[first >= 0] % 3, minlength=3)
            assert counts.max() <= (cap.at_most or 0)


def ordered(items: str, rules: dict[str, list[str]]) -> pl.DataFrame:
    told = [rules.get(item, []) for item in items]
    return pl.DataFrame(
        {
            "rank": pl.Series(range(1, len(items) + 1), dtype=pl.Int32),
            "item_id": list(items),
            "rules": pl.Series(told, dtype=pl.List(pl.String)),
        }
    )


def test_other_rows_go_around() -> None:
    published = ordered("abcde", {"a": ["pin"], "d": ["cap", "fallback"]})
    for order, wanted in (("edcba", "aecdb"), ("abcde", "abcde"), ("bceda", "abcde"), ("ced", "acede"[:4])):
        reranked = pl.concat([published.filter(item_id=item) for item in order])
        made = around_rules(published, reranked)
        assert "".join(made["item_id"]) == wanted
    plain = ordered("abc", {})
    assert around_rules(plain, plain.reverse())["item_id"].to_list() == ["c", "b", "a"]
