from dataclasses import replace

import numpy as np
import pytest

from tasks.matching import registry
from tasks.matching.contract import PairBatch, TrainingData, UserBatch
from tasks.matching.relevance_student import RelevanceStudent
from tasks.matching.training_data import RelevanceLabels
from tasks.settings.matching import Matching
from tests.matching.refusal import refusal
from tests.matching.toys import N_ITEMS, N_SLOTS, N_USERS, UNKNOWN_USER, checkerboard


def fitted(data: TrainingData, **settings: object) -> RelevanceStudent:
    matcher = registry.build("relevance_student", Matching.model_validate({"relevance_student": settings}))
    assert isinstance(matcher, RelevanceStudent)
    matcher.fit(data)
    return matcher


@pytest.mark.parametrize("reduction", ["max", "mean"])
def test_it_learns_what_the_language_model_likes(reduction: str) -> None:
    scores = fitted(checkerboard(), reduction=reduction).score(UserBatch(np.arange(UNKNOWN_USER)))
    for user, row in enumerate(scores):
        assert row[user % 2 :: 2].min() > row[1 - user % 2 :: 2].max()


def test_without_labels_every_score_is_zero() -> None:
    data = replace(checkerboard(), relevance_labels=None)
    matcher = fitted(data)
    pairs = PairBatch(np.zeros(3, dtype=np.int64), np.arange(3))
    assert not matcher.score(UserBatch(np.arange(N_USERS))).any()
    assert matcher.best_slot(pairs).tolist() == [-1] * 3
    nothing = np.zeros(0, dtype=np.int64)
    none = RelevanceLabels(
        np.zeros((0, 2), dtype=np.int64), nothing, nothing, nothing, np.zeros(0, np.float32)
    )
    assert not fitted(replace(data, relevance_labels=none)).score(UserBatch(np.arange(N_USERS))).any()


def test_a_users_offset_is_not_learned() -> None:
    """Only what sets a user's items apart can order them."""
    data = checkerboard()
    labels = data.relevance_labels
    assert labels is not None
    moved = replace(labels, value=labels.value + 5 * labels.group.astype(np.float32))
    everyone = UserBatch(np.arange(N_USERS))
    before, after = (fitted(replace(data, relevance_labels=one)).score(everyone) for one in (labels, moved))
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_best_slot_is_the_one_that_the_language_model_likes_best() -> None:
    data = checkerboard()
    labels = data.relevance_labels
    assert labels is not None
    texts = data.text_vectors.copy()
    texts[:, :, 5] = 0
    texts[:, 1, 5] = 3  # slot 1 says something of its own
    texts[-1, 1:] = 0
    value = np.where(labels.slot == 1, 1, -1).astype(np.float32)
    matcher = fitted(replace(data, text_vectors=texts, relevance_labels=replace(labels, value=value)))
    slots = matcher.best_slot(PairBatch(np.arange(7), np.arange(7)))
    assert slots.tolist() == [1] * 7
    alone = matcher.best_slot(PairBatch(np.array([0, UNKNOWN_USER]), np.array([N_ITEMS - 1, 0])))
    assert alone.tolist() == [0, -1]


def test_bad_labels_are_refused_by_name() -> None:
    labels = checkerboard().relevance_labels
    assert labels is not None
    with pytest.raises(ValueError, match="slot must be one value a label"):
        replace(labels, slot=labels.slot[:-1])
    with pytest.raises(ValueError, match="group codes must be between 0 and 7, got 0 to 8"):
        replace(labels, group=np.where(labels.item == 0, 8, labels.group))
    with pytest.raises(ValueError, match="NaN or infinity"):
        replace(labels, value=np.full_like(labels.value, np.nan))
    assert "should be 'max' or 'mean'" in refusal("relevance_student", "reduction", "sum")
    assert N_SLOTS == 3
