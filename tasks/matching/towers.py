"""Training of two towers: sampled softmax over in-batch negatives, corrected for how often items are drawn.

Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019.
"""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from tasks.matching.contract import FloatArray, IntArray
from tasks.matching.deterministic import deterministic
from tasks.settings.matchers import TwoTowerSettings

NEVER = -1e9  # a logit that no softmax sees


@dataclass(frozen=True)
class Examples:
    """M training prefixes, and the item that a user took next.

    Args:
        users: (M, F_u) float32, what the user tower sees of what was done before.
        items: (M,) int64, the item that was taken.
        newest: (M,) bool, whether it is of the user's newest block of events: what early stopping looks at.
    """

    users: FloatArray
    items: IntArray
    newest: NDArray[np.bool_]


def train_towers(
    examples: Examples, item_inputs: FloatArray, settings: TwoTowerSettings, seed: int
) -> tuple[dict[str, FloatArray], int]:
    """Train a user and an item tower so that a user is near to the item that comes next.

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
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
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
