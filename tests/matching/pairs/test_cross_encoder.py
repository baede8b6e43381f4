from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.matching.contract import PairBatch, TrainingData
from tasks.matching.pairs.cross_encoder import CrossEncoder, _Events
from tasks.matching.training_data import Names
from tasks.settings.matchers import CrossEncoderSettings
from tests.matching.toys import training_data

SPACE, LOVE = (
    ["Alien planet", "Star ship", "Moon base", "Mars robot"],
    ["Sweet love", "Wedding", "Kiss", "Romance"],
)


def data() -> TrainingData:
    """Users of even code watch space films, others romances; each has three of four."""
    events = [(user, 4 * (user % 2) + (user + n) % 4, n) for user in range(8) for n in range(3)]
    names = Names(
        [str(u) for u in range(9)], [str(n) for n in range(8)], SPACE + LOVE, [""] * 8, [[None]] * 8
    )
    return replace(training_data(events, n_users=9, n_items=8), names=names)


def candidates(window: TrainingData) -> PairBatch:
    """What nobody had: the other camp's."""
    return PairBatch(*(part.astype(np.int64) for part in np.nonzero(window.seen[:8].toarray() == 0)))


def encoder(steps: int) -> CrossEncoder:
    return CrossEncoder(
        CrossEncoderSettings(items=2, max_tokens=32, steps=steps, groups=4, negatives=2, learning_rate=5e-4)
    )


def test_it_learns_what_comes_next_and_keeps_it(tmp_path: Path) -> None:
    window = data()
    losses: list[float] = []
    matcher = encoder(8)
    matcher.fit(window, candidates(window), losses.append)
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    pairs = PairBatch(np.repeat(np.arange(9), 8), np.tile(np.arange(8), 9))
    scores = matcher.score_pairs(pairs)
    assert scores.dtype == np.float32 and np.isfinite(scores).all()  # user 8 has no history
    by_user = scores.reshape(9, 8)[:8]
    own = np.array([row[4 * (u % 2) : 4 * (u % 2) + 4].mean() for u, row in enumerate(by_user)])
    other = np.array([row[4 - 4 * (u % 2) : 8 - 4 * (u % 2)].mean() for u, row in enumerate(by_user)])
    assert (own > other).all()
    few = PairBatch(pairs.users[10:13], pairs.items[10:13])
    np.testing.assert_allclose(matcher.score_pairs(few), scores[10:13], atol=1e-4)
    matcher.save(tmp_path / "saved")
    loaded = CrossEncoder.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.score_pairs(pairs), scores)
    assert loaded.settings == matcher.settings
    assert {path.suffix for path in (tmp_path / "saved").iterdir()} == {".safetensors", ".json"}


def test_two_fits_with_one_seed_are_equal() -> None:
    window = data()
    pairs = PairBatch(np.arange(8), np.arange(8))
    first, second = (encoder(1) for _ in range(2))
    first.fit(window, candidates(window))
    second.fit(window, candidates(window))
    np.testing.assert_array_equal(first.score_pairs(pairs), second.score_pairs(pairs))


def test_histories_lie_strictly_before_positives_and_negatives_are_candidates() -> None:
    events = [(0, 0, 1), (0, 1, 2), (0, 2, 2), (0, 3, 3), (1, 4, 1)]
    window = training_data(events, n_users=2, n_items=8)
    drawn = _Events(window, PairBatch(np.array([0, 0, 1]), np.array([6, 7, 5])), length=3)
    assert len(drawn) == 3  # neither the first of a user nor user 1's only one
    before = {1: [0], 2: [0], 3: [0, 1, 2]}
    histories, items = drawn.draw(np.random.default_rng(0), 50, 2)
    for history, row in zip(histories, items, strict=True):
        assert [item for item in history if item >= 0] == before[row[0]]
        assert set(row[1:]) <= {6, 7}


def test_without_events_or_words() -> None:
    window = data()
    empty = replace(training_data([], n_users=9, n_items=8), names=window.names)
    matcher = encoder(3)
    with pytest.raises(RuntimeError, match="cross_encoder is not fitted"):
        matcher.score_pairs(PairBatch(np.array([0]), np.array([0])))
    nobody = np.zeros(0, dtype=np.int64)
    matcher.fit(empty, PairBatch(nobody, nobody))
    assert np.isfinite(matcher.score_pairs(PairBatch(np.array([0]), np.array([0])))).all()
    assert matcher.score_pairs(PairBatch(nobody, nobody)).shape == (0,)
    with pytest.raises(ValueError, match="give TrainingData names"):
        matcher.fit(replace(window, names=None), candidates(window))
