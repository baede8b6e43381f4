"""Two-tower: a network for users' histories and one for items' content, trained to meet.

Covington, Adams & Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016; how they are
trained is in tasks/matching/towers.py.
"""

import numpy as np
from scipy import sparse

from tasks.arrays.recency import recency_weights
from tasks.arrays.vectors import unit
from tasks.matching.augmentation import augmented
from tasks.matching.base import ArrayMatcher
from tasks.matching.content_vectors import content_vectors
from tasks.matching.contract import FloatArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.towers import Examples, train_towers
from tasks.matching.training_prefixes import pasts, with_past
from tasks.settings.matchers import TwoTowerSettings

# A history is pooled at several speeds: what was just done, lately, and over a long time.
HALF_LIVES_ITEMS = (2.0, 8.0, 40.0)
REACH = 80  # events of a past that is learned from; older ones weigh little even at the slowest speed


class TwoTower(ArrayMatcher[TwoTowerSettings]):
    """The cosine between a user's and an item's tower.

    The item tower reads the principal components of an item's own vector and its mean text vector, so it
    places new items too. The user tower reads the same components of the history, averaged once for each of
    the half-lives with weights 0.5 ** (position back / half-life), so that it places new users too. Both have
    one hidden layer.
    """

    name = "two_tower"
    reads_texts = True

    def fit(self, data: TrainingData) -> None:
        """Train the towers, then place every item and every user."""
        content = content_vectors(data, self.settings.text_share)
        inputs = principal_components(content, self.settings.components)  # (N, F)
        learned = augmented(data.learned, self.settings.augmentation, np.random.default_rng(data.seed))
        examples = self._examples(learned, inputs)
        weights, epochs = {}, 0
        if len(examples.items) and inputs.any():
            weights, epochs = train_towers(examples, inputs, self.settings, data.seed)
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "epochs": np.array([epochs]),
            "inputs": inputs,
            **weights,
        }
        self._arrays["items"] = self._placed("item", inputs)  # (N, outputs)
        histories = [
            data.weighted(recency_weights(data.position_back, half_life)) for half_life in HALF_LIVES_ITEMS
        ]
        self._arrays["users"] = self._placed("user", _pooled(histories, inputs))  # (U, outputs)

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32 cosines."""
        return self._array("users")[self._known(users.users)] @ self._array("items").T

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32: what a user with this history would get."""
        inputs = self._array("inputs")
        histories = [visitors.history(len(inputs), half_life) for half_life in HALF_LIVES_ITEMS]
        return self._placed("user", _pooled(histories, inputs)) @ self._array("items").T

    def _examples(self, data: TrainingData, inputs: FloatArray) -> Examples:
        """Every event with a past, or some of them."""
        events = with_past(data)
        if len(events) > self.settings.max_events:
            drawn = np.random.default_rng(data.seed).choice(events, self.settings.max_events, replace=False)
            events = np.sort(drawn)
        past = pasts(data, events, REACH)
        histories = [past.weighted(data, len(events), half_life) for half_life in HALF_LIVES_ITEMS]
        newest = data.position_back[events] == 0
        return Examples(_pooled(histories, inputs), data.item[events], newest)

    def _placed(self, tower: str, inputs: FloatArray) -> FloatArray:
        """Send inputs (R, F) through a tower: (R, outputs) of unit length; zeros if nothing was learned."""
        if f"{tower}.0.weight" not in self._arrays:
            return np.zeros((len(inputs), self.settings.outputs), dtype=np.float32)
        hidden = inputs @ self._array(f"{tower}.0.weight").T + self._array(f"{tower}.0.bias")
        outputs = np.maximum(hidden, 0) @ self._array(f"{tower}.3.weight").T + self._array(f"{tower}.3.bias")
        return unit(outputs)


def principal_components(vectors: FloatArray, n: int) -> FloatArray:
    """(N, F) float32 of mean square 1: vectors (N, D) along the F = min(n, D) directions of most variance.

    The sign of a direction is that of its largest part, so that it does not depend on the solver.
    """
    covariance = vectors.T.astype(np.float64) @ vectors.astype(np.float64)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :n]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    components = vectors @ (directions * np.where(largest < 0, -1, 1)).astype(np.float32)
    scale = float(np.sqrt(np.square(components).mean())) if components.size else 0.0
    return components / np.float32(scale) if scale > 0 else components


def _pooled(histories: list[sparse.csr_matrix], inputs: FloatArray) -> FloatArray:
    """(R, F * H) float32: weighted means of inputs (N, F) under each of H weightings (R, N) of histories."""
    means = []
    for history in histories:
        total = np.asarray(history.sum(axis=1))  # (R, 1)
        means.append(np.asarray(history @ inputs) / np.maximum(total, np.float32(1e-12)))
    return np.concatenate(means, axis=1).astype(np.float32)
