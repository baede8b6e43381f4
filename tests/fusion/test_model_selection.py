"""Which method is kept: toys in which the answer is known."""

import numpy as np
import pytest

from tasks.fusion.candidates import Candidates
from tasks.fusion.model_selection import Winner, winner
from tasks.fusion.plan import Plan
from tasks.fusion.user_features import FEATURES
from tests.fusion import toys

USERS, WIDTH = 160, 30


def two_camps(depends: bool, seed: int = 0) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """Users with long and with short histories; one relevant candidate each.

    Where it depends on the history, matcher "a" knows what those with a long one want, and "b" the others;
    each is sure of a wrong item for those whom it does not know. Otherwise both know a little of everybody.
    """
    generator = np.random.default_rng(seed)
    long = np.arange(USERS) % 2 == 0
    wanted = generator.integers(WIDTH, size=USERS)
    relevant = np.zeros((USERS, WIDTH), dtype=bool)
    relevant[np.arange(USERS), wanted] = True
    scores = generator.normal(size=(USERS, WIDTH, 2)).astype(np.float32)
    if depends:
        wrong = (wanted + 1 + generator.integers(WIDTH - 1, size=USERS)) % WIDTH
        for column, knows in enumerate((long, ~long)):
            at = np.where(knows, wanted, wrong)
            scores[np.arange(USERS), at, column] += 6
    else:
        scores += 1.5 * relevant[:, :, None]
    features = np.zeros((USERS, len(FEATURES)))
    features[:, 0] = np.where(long, 5.0, 1.0) + generator.normal(size=USERS) / 4
    items = np.tile(np.arange(WIDTH, dtype=np.int32), (USERS, 1))
    return (
        Candidates(np.arange(USERS), items, scores, ("a", "b"), features),
        relevant,
        np.ones(USERS, dtype=np.int64),
    )


def selected(depends: bool, method: str = "auto", normaliser: str = "zscore") -> Winner:
    ids = [f"u{user}" for user in range(USERS)]
    return winner(*two_camps(depends), ids, Plan(5, 2, 0.0, method=method, normaliser=normaliser), 500)


def test_the_gate_wins_where_it_matters_who_the_user_is() -> None:
    won = selected(depends=True)
    assert won.method == "gated"
    by_method = {entry.method: entry for entry in won.entries}
    assert list(by_method) == ["weighted", "reciprocal_rank", "gated", "ranker"]
    assert by_method["gated"].low > 0
    assert by_method["gated"].ndcg > by_method["weighted"].ndcg + 0.1
    assert [entry.method for entry in won.entries if entry.kept] == ["gated"]


def test_the_weighted_sum_stays_where_nothing_is_surely_better() -> None:
    won = selected(depends=False)
    assert (won.method, won.normaliser) == ("weighted", "zscore")
    assert all(entry.low <= 0 for entry in won.entries)


def test_the_normaliser_is_chosen_with_weighted_sums_before_the_method() -> None:
    won = selected(depends=False, normaliser="auto")
    of_weighted = [entry.normaliser for entry in won.entries if entry.method == "weighted"]
    assert of_weighted == ["zscore", "min_max", "rank", "sigmoid"]
    assert all(entry.against == "weighted zscore" for entry in won.entries[:4])


@pytest.mark.parametrize(("method", "normaliser"), [("gated", "rank"), ("weighted", "zscore")])
def test_what_the_settings_name_is_not_compared(method: str, normaliser: str) -> None:
    assert selected(True, method, normaliser) == Winner(method, normaliser)


def test_few_users_tell_nothing() -> None:
    candidates, relevant, n_relevant = two_camps(depends=True)
    rows = np.arange(10)
    won = winner(
        candidates.take(rows), relevant[rows], n_relevant[rows], toys.USER_IDS[:10],
        Plan(5, 2, 0.0, method="auto", normaliser="auto"),
    )  # fmt: skip
    assert won == Winner("weighted", "zscore")
