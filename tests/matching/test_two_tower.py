from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.matching.contract import TrainingData, UserBatch, VisitorBatch
from tasks.matching.deterministic import deterministic
from tasks.matching.two_tower import Examples, TwoTower, principal_components, train_towers
from tasks.settings.matchers import TwoTowerSettings
from tests.matching.refusal import refusal
from tests.matching.toys import N_USERS, checkerboard

SMALL = TwoTowerSettings(
    hidden=16,
    outputs=8,
    temperature=0.1,
    epochs=15,
    patience=None,
    batch=32,
    learning_rate=0.03,
    dropout=0.0,
)


def followers(n: int = 128) -> tuple[Examples, np.ndarray]:
    """Whoever comes from item i goes on to item i + 1 of four."""
    items = np.eye(4, dtype=np.float32)
    before = np.random.default_rng(0).integers(0, 4, n)
    return Examples(items[before], (before + 1) % 4, np.arange(n) >= 3 * n // 4), items


def forward(weights: dict[str, np.ndarray], tower: str, inputs: np.ndarray) -> np.ndarray:
    hidden = np.maximum(inputs @ weights[f"{tower}.0.weight"].T + weights[f"{tower}.0.bias"], 0)
    out = hidden @ weights[f"{tower}.3.weight"].T + weights[f"{tower}.3.bias"]
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def test_towers_learn_what_comes_next() -> None:
    examples, items = followers()
    weights, epochs = train_towers(examples, items, SMALL, seed=0)
    cosines = forward(weights, "user", items) @ forward(weights, "item", items).T
    assert cosines.argmax(axis=1).tolist() == [1, 2, 3, 0]
    assert epochs == SMALL.epochs


def test_with_a_patience_training_ends_when_nothing_is_gained() -> None:
    """What comes next has nothing to do with what was: the more is learned, the worse for what is held."""
    rng = np.random.default_rng(3)
    users = rng.normal(size=(64, 8)).astype(np.float32)
    examples = Examples(users, rng.integers(0, 8, 64), np.arange(64) >= 48)
    how = SMALL.model_copy(update={"epochs": 60, "patience": 2})
    weights, epochs = train_towers(examples, np.eye(8, dtype=np.float32), how, seed=0)
    assert epochs < 20
    # Frozen at that number, and learning from the newest events too, it is another model.
    frozen, same = train_towers(
        examples, np.eye(8, dtype=np.float32), SMALL.model_copy(update={"epochs": max(epochs, 1)}), seed=0
    )
    assert same == max(epochs, 1)
    assert (frozen["item.0.weight"] != weights["item.0.weight"]).any()


def test_with_nothing_but_newest_events_all_are_learned_from() -> None:
    examples, items = followers(16)
    alone = replace(examples, newest=np.ones(16, dtype=bool))
    found, epochs = train_towers(alone, items, SMALL.model_copy(update={"epochs": 2, "patience": 1}), seed=0)
    expected, _ = train_towers(alone, items, SMALL.model_copy(update={"epochs": 2}), seed=0)
    assert epochs == 2
    np.testing.assert_array_equal(found["user.0.weight"], expected["user.0.weight"])


def test_popular_items_are_not_held_back_for_being_drawn_often() -> None:
    """Nobody's history says anything, one item is taken nine times in ten: it must come out first."""
    rng = np.random.default_rng(1)
    taken = np.where(rng.random(400) < 0.9, 0, rng.integers(1, 4, 400))
    examples = Examples(np.ones((400, 1), np.float32), taken, np.zeros(400, dtype=bool))
    items = np.eye(4, dtype=np.float32)
    weights, _ = train_towers(examples, items, SMALL, seed=0)
    cosines = forward(weights, "user", np.ones((1, 1))) @ forward(weights, "item", items).T
    assert cosines.argmax() == 0


def test_training_leaves_torch_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with deterministic(0) as generator:
        first = torch.rand(2), torch.rand(2, generator=generator)
    with deterministic(0) as generator:
        again = torch.rand(2), torch.rand(2, generator=generator)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.equal(torch.rand(1), expected)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_components_keep_cosines_when_none_is_left_out() -> None:
    vectors = np.random.default_rng(2).normal(size=(20, 5)).astype(np.float32)
    all_of_them = principal_components(vectors, 99)
    assert all_of_them.shape == (20, 5)
    assert np.square(all_of_them).mean() == pytest.approx(1, rel=1e-5)
    ratio = (all_of_them @ all_of_them.T) / (vectors @ vectors.T)
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-3)
    two = principal_components(vectors, 2)
    np.testing.assert_allclose(two / two[0, 0], all_of_them[:, :2] / all_of_them[0, 0], rtol=1e-3)
    assert not principal_components(np.zeros((3, 4), np.float32), 2).any()


def moved(data: TrainingData, item: int) -> TrainingData:
    """The same without any event with an item."""
    kept = data.item != item
    return replace(data, **{name: getattr(data, name)[kept] for name in ("user", "item", "value", "time")})


def test_an_item_that_nobody_has_seen_is_liked_by_its_camp() -> None:
    data = moved(checkerboard(), 6)  # an item of the even camp
    matcher = TwoTower(TwoTowerSettings(text_share=1.0, epochs=30, learning_rate=0.01, dropout=0.0))
    matcher.fit(data)
    scores = matcher.score(UserBatch(np.arange(N_USERS - 1)))
    assert scores[0::2, 6].min() > scores[1::2, 6].max()


def test_somebody_without_history_gets_what_suits_all() -> None:
    matcher = TwoTower(TwoTowerSettings(text_share=1.0, dropout=0.0))
    matcher.fit(checkerboard())
    start = np.zeros(2, np.int64)
    nobody = VisitorBatch(np.zeros(0, np.int64), start, np.zeros((1, 1, 6), np.float32), [""])
    np.testing.assert_allclose(
        matcher.score_visitors(nobody), matcher.score(UserBatch(np.array([N_USERS - 1]))), atol=1e-6
    )


def test_wrong_settings_say_where_to_set_them() -> None:
    assert "greater than or equal to 1" in refusal("two_tower", "epochs", 0)
