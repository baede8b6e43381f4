"""The networks of fusion, learned in torch: a gate, and a ranker. Both start from accurate weights.

The loss is that of `tasks/fusion/listwise.py` (ListNet, top one) over a sample of each user's candidates, so
that a network which learns nothing is the weighted sum. Each network is the mean of five; each of them holds
out another fifth of the users, and keeps the numbers that are best for those, the beginning included.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.arrays.types import Flags, Floats
from tasks.fusion.networks import MOST, Gate, Layers, Ranker

MEMBERS = 5
SAMPLED = 100  # candidates of a user to learn from, beside the relevant ones
GATE_UNITS, RANKER_UNITS = 8, 8
STEPS, PATIENCE = 200, 30
LEARNING_RATE = 0.02
GATE_DECAY, RANKER_DECAY = 0.05, 0.01

Forward = Callable[[nn.Sequential, Tensor, Tensor], Tensor]
"""A network, rows (U, S, M) of weighted scores and user features (U, F) to scores (U, S)."""


class Examples(NamedTuple):
    """What is learned from: the candidates of U users."""

    scores: Floats
    """(U, C, M) normalised."""
    relevant: Flags
    """(U, C)."""
    present: Flags
    """(U, C), whether there is a candidate."""


def learn_gate(
    examples: Examples, features: Floats, weights: Floats, matchers: Sequence[str], seed: int
) -> Gate:
    """The gate whose weights make relevant candidates of U users with features (U, F) likeliest.

    Weights (M,) are on the scale of the loss, see `likeliest_weights`. The seed is that of the first numbers,
    of the samples and of who is held out.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)

    def forward(network: nn.Sequential, scores: Tensor, known: Tensor) -> Tensor:
        multipliers = MOST ** torch.tanh(network(known))
        return torch.bmm(scores, multipliers[:, :, None])[:, :, 0]

    weighted = examples._replace(scores=examples.scores * weights)
    shape = (features.shape[1], GATE_UNITS, len(matchers))
    layers = _learned(forward, shape, GATE_DECAY, weighted, (features - mean) / deviation, seed)
    return Gate(tuple(matchers), mean.tolist(), deviation.tolist(), layers)


def learn_ranker(examples: Examples, weights: Floats, matchers: Sequence[str], seed: int) -> Ranker:
    """The ranker that makes relevant candidates likeliest; arguments as for `learn_gate`."""
    linear = torch.from_numpy(weights.astype(np.float32))

    def forward(network: nn.Sequential, scores: Tensor, _: Tensor) -> Tensor:
        return scores @ linear + network(scores)[:, :, 0]

    no_features = np.zeros((len(examples.scores), 0))
    shape = (len(matchers), RANKER_UNITS, 1)
    layers = _learned(forward, shape, RANKER_DECAY, examples, no_features, seed)
    total = float(weights.sum())  # so scaled, the ranker's scores are like those of weights that add up to 1
    return Ranker(tuple(matchers), (weights / total).tolist(), layers.scaled(1 / total))


def _learned(
    forward: Forward,
    shape: tuple[int, int, int],
    decay: float,
    examples: Examples,
    features: Floats,
    seed: int,
) -> Layers:
    """The mean of several networks of a shape (inputs, units, outputs)."""
    users = np.flatnonzero((examples.relevant & examples.present).any(axis=1))
    scores, relevant, present = examples.scores[users], examples.relevant[users], examples.present[users]
    held = np.random.default_rng(seed).permutation(len(users)) % MEMBERS
    known = torch.from_numpy(features[users].astype(np.float32))
    members = []
    with _one_thread():
        for number in range(min(MEMBERS, len(users))):
            columns = _sample(relevant, present, seed + number)  # (U', S)
            picked = np.take_along_axis(scores, columns[:, :, None], axis=1).astype(np.float32)
            wanted, there = (np.take_along_axis(flags, columns, axis=1) for flags in (relevant, present))
            loss = _listwise_loss(wanted, there)
            network, rows = _network(*shape, seed + number), torch.from_numpy(picked)
            _train(network, lambda n=network, r=rows, f=loss: f(forward(n, r, known)), held == number, decay)
            members.append(_layers(network))
    return Layers.mean(members)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Such small networks are slower on several threads, much slower where these are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sample(relevant: Flags, present: Flags, seed: int) -> NDArray[np.int64]:
    """(U, S) columns of the relevant candidates, then of random others, then of none."""
    order = np.random.default_rng(seed).random(present.shape)
    order[relevant & present] -= 1.0
    order[~present] += 1.0
    most = int((relevant & present).sum(axis=1).max(initial=0)) + SAMPLED
    return np.argsort(order, axis=1, kind="stable")[:, :most]


def _network(n_in: int, units: int, n_out: int, seed: int) -> nn.Sequential:
    """Two layers, of which the second is zero: at first it changes nothing."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Linear(n_in, units), nn.Tanh(), nn.Linear(units, n_out))
    inner, outer = cast(nn.Linear, network[0]), cast(nn.Linear, network[2])
    with torch.no_grad():
        inner.weight.normal_(0.0, n_in**-0.5, generator=generator)
        for zero in (inner.bias, outer.weight, outer.bias):
            zero.zero_()
    return network


def _listwise_loss(relevant: Flags, present: Flags) -> Callable[[Tensor], Tensor]:
    """A function of scores (U, C) to losses (U,): mean of -log softmax over the relevant candidates."""
    wanted = (relevant & present).astype(np.float32)
    target = torch.from_numpy(wanted / np.maximum(wanted.sum(axis=1, keepdims=True), 1))
    absent = torch.from_numpy(~present)

    def loss(scores: Tensor) -> Tensor:
        likely = torch.log_softmax(scores.masked_fill(absent, -1e9), dim=1)
        return -(target * likely).sum(dim=1)

    return loss


def _train(network: nn.Sequential, loss: Callable[[], Tensor], held: Flags, decay: float) -> None:
    """Adam over all users at once; at last the network is the one that was best for those held out."""
    learned_from = torch.from_numpy(~held if not held.all() else held)
    held_out = torch.from_numpy(held)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=decay)
    best, best_step, kept = float("inf"), 0, _copied(network)
    for step in range(STEPS):
        losses = loss()
        of_held = losses.detach()[held_out].mean().item()
        if of_held < best - 1e-6:
            best, best_step, kept = of_held, step, _copied(network)
        elif step - best_step >= PATIENCE:
            break
        optimiser.zero_grad()
        losses[learned_from].mean().backward()
        optimiser.step()
    network.load_state_dict(kept)


def _copied(network: nn.Sequential) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def _layers(network: nn.Sequential) -> Layers:
    """The network's numbers as plain lists."""
    inner, outer = cast(nn.Linear, network[0]), cast(nn.Linear, network[2])
    parts = (inner.weight, inner.bias, outer.weight, outer.bias)
    return Layers(*(part.detach().double().numpy().tolist() for part in parts))
