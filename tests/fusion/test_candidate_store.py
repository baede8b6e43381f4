"""Candidates that are kept and read again are the same to the bit."""

from pathlib import Path

import numpy as np
import pytest

from tasks.fusion.candidate_store import candidate_rows, candidates_of_row
from tests.empty import with_warehouse
from tests.fusion.toys import ITEM_IDS, MATCHERS, USER_IDS, USERS, random_candidates
from warehouse.connection import writing


@pytest.mark.parametrize("with_user_features", [False, True])
def test_there_and_back(tmp_path: Path, with_user_features: bool) -> None:
    candidates = random_candidates()
    if with_user_features:
        candidates = candidates.with_user_features(np.random.default_rng(1).random((USERS, 3)))
    rows = candidate_rows(candidates, USER_IDS, ITEM_IDS, "p")
    with writing(with_warehouse(tmp_path), "a test") as warehouse:
        warehouse.append("serving.candidates", rows)
        warehouse.execute("set_current", publication_id="p")
        for user, user_id in enumerate(USER_IDS):
            kept = warehouse.query("candidates_of_user", user_id=user_id).row(0, named=True)
            ids, own = candidates_of_row(kept)
            there = candidates.present[user]
            assert ids == [ITEM_IDS[item] for item in candidates.items[user, there]]
            assert own.matchers == MATCHERS
            np.testing.assert_array_equal(own.scores[0], candidates.scores[user, there])
            if candidates.user_features is None:
                assert own.user_features is None
            else:
                np.testing.assert_array_equal(own.user_features, candidates.user_features[[user]])
