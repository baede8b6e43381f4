"""The networks of fusion, learned in torch: a gate, and a ranker. Both start from accurate weights.

The loss is that of `tasks/fusion/listwise.py` (ListNet, top one), so that a network which learns nothing is
the weighted sum. A part of the users is held out; training keeps the network that is best for them, the
beginning included.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.fusion.networks import MOST, Gate, Layers, Ranker
from tasks.measures import Flags, Floats

HELD_OUT = 5  # one user in so many ends training
SAMPLED = 100  # candidates of a user, beside the relevant ones, that the ranker learns from
GATE_UNITS, RANKER_UNITS = 8, 16
STEPS, PATIENCE = 300, 40
LEARNING_RATE = 0.01
GATE_DECAY, RANKER_DECAY = 0.05, 0.01


def learn_gate(
    normalised: Floats,
    relevant: Flags,
    present: Flags,
    facts: Floats,
    weights: Floats,
    matchers: Sequence[str],
    seed: int,
) -> Gate:
    """The gate whose weights make relevant candidates likeliest.

    Args:
        normalised: (U, C, M).
        relevant: (U, C).
        present: (U, C).
        facts: (U, F).
        weights: (M,) on the scale of the loss, see `likeliest_weights`.
        matchers: the M names.
        seed: of the first weights and of who is held out.
    """
    mean, deviation = facts.mean(axis=0), facts.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    users = np.flatnonzero((relevant & present).any(axis=1))
    scores = torch.from_numpy((normalised[users] * weights).astype(np.float32))  # (U', C, M)
    inputs = torch.from_numpy(((facts[users] - mean) / deviation).astype(np.float32))
    loss = _listwise_loss(relevant[users], present[users])
    network = _network(facts.shape[1], GATE_UNITS, len(matchers), seed)

    def forward() -> Tensor:
        multipliers = MOST ** torch.tanh(network(inputs))
        return torch.bmm(scores, multipliers[:, :, None])[:, :, 0]

    _train(network, lambda: loss(forward()), len(users), GATE_DECAY, seed)
    return Gate(tuple(matchers), mean.tolist(), deviation.tolist(), _layers(network))


def learn_ranker(
    normalised: Floats, relevant: Flags, present: Flags, weights: Floats, matchers: Sequence[str], seed: int
) -> Ranker:
    """The ranker that makes relevant candidates likeliest among a sample of each user's candidates.

    Args:
        normalised: (U, C, M).
        relevant: (U, C).
        present: (U, C).
        weights: (M,) on the scale of the loss, see `likeliest_weights`.
        matchers: the M names.
        seed: of the first weights, of the sample and of who is held out.
    """
    users = np.flatnonzero((relevant & present).any(axis=1))
    columns = _sample(relevant[users], present[users], seed)  # (U', S)
    picked = np.take_along_axis(normalised[users], columns[:, :, None], axis=1)
    scores = torch.from_numpy(picked.astype(np.float32))
    linear = torch.from_numpy((picked @ weights).astype(np.float32))  # (U', S)
    there = np.take_along_axis(present[users], columns, axis=1)
    loss = _listwise_loss(np.take_along_axis(relevant[users], columns, axis=1), there)
    network = _network(len(matchers), RANKER_UNITS, 1, seed)
    _train(network, lambda: loss(linear + network(scores)[:, :, 0]), len(users), RANKER_DECAY, seed)
    total = float(weights.sum())  # so scaled, the ranker's scores are like those of weights that add up to 1
    layers = _layers(network)
    outer = [[value / total for value in row] for row in layers.outer]
    return Ranker(tuple(matchers), (weights / total).tolist(), replace(layers, outer=outer))


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


def _train(
    network: nn.Sequential, loss: Callable[[], Tensor], n_users: int, decay: float, seed: int
) -> None:
    """Adam over all users at once; at last the network is the one that was best for those held out."""
    held = np.random.default_rng(seed).permutation(n_users) < n_users // HELD_OUT
    held_out, learned_from = torch.from_numpy(held), torch.from_numpy(~held)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=decay)
    best, best_step, kept = float("inf"), 0, _copied(network)
    for step in range(STEPS):
        losses = loss()
        judged = losses.detach()[held_out if held.any() else learned_from].mean().item()
        if judged < best - 1e-6:
            best, best_step, kept = judged, step, _copied(network)
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
