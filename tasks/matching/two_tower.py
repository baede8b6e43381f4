"""Two-tower: a network for users' histories and one for items' content, trained to meet.

Covington, Adams & Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016; trained by a
sampled softmax over in-batch negatives, corrected for how often items are drawn: Yi et al.,
"Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.
"""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn
from torch.nn import functional

from tasks.arrays.recency import recency_weights
from tasks.arrays.vectors import unit
from tasks.matching.augmentation import augmented
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, IntArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.deterministic import descend, deterministic
from tasks.matching.training_prefixes import pasts, with_past
from tasks.matching.whitening import content_vectors
from tasks.settings.matchers import TwoTowerSettings

# A history is pooled at several speeds: what was just done, lately, and over a long time.
HALF_LIVES_ITEMS = (2.0, 8.0, 40.0)
NEVER = -1e9  # a logit that no softmax sees
REACH = 80  # events of a past that is learned from; older ones weigh little even at the slowest speed


@dataclass(frozen=True)
class Examples:
    """M training prefixes, and the item that a user took next."""

    users: FloatArray
    """(M, F_u) float32, what the user tower sees of what was done before."""
    items: IntArray
    """(M,) int64, the item that was taken."""
    newest: NDArray[np.bool_]
    """(M,) bool, whether it is of the user's newest block of events: what early stopping looks at."""


class TwoTower(ArrayMatcher[TwoTowerSettings]):
    """The cosine between a user's and an item's tower.

    The item tower reads the principal components of an item's own vector and its mean text vector, so it
    places new items too. The user tower reads the same components of the history, averaged once for each of
    the half-lives with weights 0.5 ** (position back / half-life), so that it places new users too. Both have
    one hidden layer.
    """

    name = "two_tower"
    reads_texts = True
    of_users = ("users",)

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


def train_towers(
    examples: Examples, item_inputs: FloatArray, settings: TwoTowerSettings, seed: int
) -> tuple[dict[str, FloatArray], int]:
    """Train both towers so that a user's vector lies close to that of the item that comes next.

    With a patience, the newest events are not learned from, and the weights are those of the epoch whose loss
    on them is least, once that many epochs brought nothing better.

    Returns:
        Weights of both towers by name, and how many epochs they have seen.
    """
    with deterministic(seed) as generator:
        towers = _Towers(examples, item_inputs, settings)
        optimiser = torch.optim.Adam(towers.parameters(), lr=settings.learning_rate)
        # With nothing to look at, or nothing left to learn from, there is no early stopping.
        stops_early = bool(settings.patience) and examples.newest.any() and not examples.newest.all()
        held = examples.newest & stops_early
        learned = torch.from_numpy(np.flatnonzero(~held))
        kept = torch.from_numpy(np.random.default_rng(seed).permutation(np.flatnonzero(held)))
        best, best_loss, best_epoch = deepcopy(towers.state_dict()), np.inf, 0
        for epoch in range(1, settings.epochs + 1):
            towers.train()
            order = learned[torch.randperm(len(learned), generator=generator)]
            for chosen in order.split(settings.batch):
                loss = towers(chosen)
                descend(optimiser, loss)
            if not stops_early:
                continue
            towers.eval()
            with torch.no_grad():
                parts = kept.split(settings.batch)
                found = sum(float(towers(part)) * len(part) for part in parts) / len(kept)
            if found < best_loss:
                best, best_loss, best_epoch = deepcopy(towers.state_dict()), found, epoch
            elif epoch - best_epoch >= (settings.patience or 0):
                break
        if not stops_early:
            best, best_epoch = towers.state_dict(), settings.epochs
        return {name: value.numpy().copy() for name, value in best.items()}, best_epoch


class _Towers(nn.Module):
    """Both towers, and their loss on examples.

    The logit of item j for example i is cosine / temperature - log q_j, with q_j the share of the examples
    that have item j: an item that is drawn often as a negative is not held back for that. The same item
    elsewhere in a batch is no negative.
    """

    def __init__(self, examples: Examples, item_inputs: FloatArray, settings: TwoTowerSettings) -> None:
        super().__init__()
        self._inputs, self._temperature = torch.from_numpy(item_inputs), settings.temperature
        self._users, self._items = torch.from_numpy(examples.users), torch.from_numpy(examples.items)
        drawn = np.bincount(examples.items, minlength=len(item_inputs)) / len(examples.items)
        self._log_q = torch.from_numpy(np.log(np.maximum(drawn, 1e-12)).astype(np.float32))
        self.user = _tower(self._users.shape[1], settings)
        self.item = _tower(self._inputs.shape[1], settings)

    def forward(self, chosen: torch.Tensor) -> torch.Tensor:
        """Return the loss of some examples (B,)."""
        of_batch = self._items[chosen]
        user = functional.normalize(self.user(self._users[chosen]), dim=1)
        item = functional.normalize(self.item(self._inputs[of_batch]), dim=1)
        logits = user @ item.T / self._temperature - self._log_q[of_batch]  # (B, B)
        same = of_batch[:, None] == of_batch[None, :]
        logits = logits.masked_fill(same.fill_diagonal_(False), NEVER)
        return functional.cross_entropy(logits, torch.arange(len(chosen)))


def _tower(n_inputs: int, settings: TwoTowerSettings) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(
        nn.Linear(n_inputs, settings.hidden),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, settings.outputs),
    )
