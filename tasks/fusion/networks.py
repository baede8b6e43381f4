"""The small networks of fusion, as numbers: what they compute, and how they are kept.

They are learned in torch (`tasks/fusion/learning.py`) and used in double precision without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.arrays.types import Floats
from tasks.fusion.shapley import shares_of_coalitions

BLOCK_ROWS = 1 << 18
SHAPLEY_ROWS = 64  # whose hidden units stay in a processor's cache, for half of the inputs at a time
MOST = 4.0  # a gate makes a weight at most so many times larger, or smaller


@dataclass(frozen=True)
class Layers:
    """Two layers: a tanh of H units between F inputs and O outputs. Plain lists, so that JSON can hold it."""

    inner: list[list[float]]
    """(H, F)"""
    inner_bias: list[float]
    outer: list[list[float]]
    """(O, H)"""
    outer_bias: list[float]

    def __call__(self, inputs: Floats) -> Floats:
        """(S, O) of inputs (S, F)."""
        hidden = np.tanh(inputs @ np.array(self.inner).T + np.array(self.inner_bias))
        return hidden @ np.array(self.outer).T + np.array(self.outer_bias)

    def shapley_values(self, inputs: Floats) -> Floats:
        """(R, F) of inputs (R, F) and one output: what each input adds, an absent one counting 0.

        What reaches a hidden unit is a sum over the inputs. So it is summed once for each set of the first
        half of them and once for each set of the second half, not anew for each of the 2 ** F sets.
        """
        n_rows, n_inputs = inputs.shape
        inner, outer = np.array(self.inner).T, np.array(self.outer)[0]  # (F, H), (H,)
        shares, half = shares_of_coalitions(n_inputs), n_inputs // 2
        out = np.empty((n_rows, n_inputs))
        for start in range(0, n_rows, SHAPLEY_ROWS):
            rows = slice(start, start + SHAPLEY_ROWS)
            parts = inputs[rows].T[:, :, None] * inner[:, None]  # (F, B, H)
            first = _sums(parts[:half]) + np.array(self.inner_bias)
            worth = np.stack([np.tanh(first + second) @ outer for second in _sums(parts[half:])])
            out[rows] = worth.reshape(len(shares), -1).T @ shares
        return out

    def scaled(self, factor: float) -> "Layers":
        """The same with outputs so many times as large."""
        outer = (factor * np.array(self.outer)).tolist()
        return replace(self, outer=outer, outer_bias=(factor * np.array(self.outer_bias)).tolist())

    @classmethod
    def mean(cls, members: Sequence["Layers"]) -> "Layers":
        """Two layers whose outputs are the means of those of several."""
        return cls(
            [row for one in members for row in one.inner],
            [bias for one in members for bias in one.inner_bias],
            (np.concatenate([one.outer for one in members], axis=1) / len(members)).tolist(),
            np.mean([one.outer_bias for one in members], axis=0).tolist(),
        )


@dataclass(frozen=True)
class Gate:
    """How much more, or less, each matcher counts for a user, by what is known of the user."""

    matchers: tuple[str, ...]
    mean: list[float]
    """(F,) of the features of those users from whom it was learned."""
    deviation: list[float]
    layers: Layers

    def multipliers(self, features: Floats, matchers: Sequence[str]) -> Floats:
        """(U, M): what weights are multiplied by for user features (U, F), between 1/4 and 4.

        It is 1 for matchers that the gate does not know.
        """
        if features.shape[1] != len(self.mean):
            raise ValueError(
                f"the gate was learned from {len(self.mean)} user features, got {features.shape[1]}; "
                "search again: polyrec run --stage fusion"
            )
        scaled = (features - np.array(self.mean)) / np.array(self.deviation)
        learned = MOST ** np.tanh(self.layers(scaled))  # (U, those it was learned for)
        column = {name: at for at, name in enumerate(self.matchers)}
        out = np.ones((len(features), len(matchers)))
        for at, name in enumerate(matchers):
            if name in column:
                out[:, at] = learned[:, column[name]]
        return out

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Gate":
        """What `asdict` gave."""
        layers = Layers(**values["layers"])
        return cls(tuple(values["matchers"]), values["mean"], values["deviation"], layers)


@dataclass(frozen=True)
class Ranker:
    """A score from all normalised scores of a candidate together: a weighted sum and two layers beside it."""

    matchers: tuple[str, ...]
    linear: list[float]
    """(M,)"""
    layers: Layers

    def value(self, normalised: Floats, matchers: Sequence[str]) -> Floats:
        """(S,) scores of normalised scores (S, M) of some matchers; 0 where all of them are 0.

        Matchers that the ranker knows and that are not there count 0.
        """
        known = np.zeros((len(normalised), len(self.matchers)))
        column = {name: at for at, name in enumerate(matchers)}
        for at, name in enumerate(self.matchers):
            if name in column:
                known[:, at] = normalised[:, column[name]]
        out = known @ np.array(self.linear)
        nothing = self.layers(np.zeros((1, len(self.matchers))))[0, 0]
        for start in range(0, len(known), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            out[rows] += self.layers(known[rows])[:, 0] - nothing
        return out

    def contributions(self, normalised: Floats, matchers: Sequence[str]) -> Floats:
        """(R, M): what each matcher adds to `value`; Shapley values, an absent one counting 0."""
        column = {name: at for at, name in enumerate(matchers)}
        there = [at for at, name in enumerate(self.matchers) if name in column]
        places = [column[self.matchers[at]] for at in there]
        known = np.zeros((len(normalised), len(self.matchers)))
        known[:, there] = normalised[:, places]
        out = np.zeros(normalised.shape)
        out[:, places] = (known * np.array(self.linear) + self.layers.shapley_values(known))[:, there]
        return out

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Ranker":
        """What `asdict` gave."""
        return cls(tuple(values["matchers"]), values["linear"], Layers(**values["layers"]))


def _sums(parts: Floats) -> Floats:
    """(2 ** m, B, H) of parts (m, B, H): the sum of each set; bit i of a place says whether i is in it."""
    out = np.zeros((1, *parts.shape[1:]))
    for part in parts:
        out = np.concatenate([out, out + part])
    return out
