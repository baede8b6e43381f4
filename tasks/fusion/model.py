"""The fusion model: the one way from candidates to scores, to lists, and to what each matcher gave."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.arrays.types import Codes, Floats, Positions
from tasks.fusion.candidates import Candidates
from tasks.fusion.networks import Gate, Ranker
from tasks.fusion.normalise import RECIPROCAL_RANK, Normaliser
from tasks.fusion.rerank import picked_items, rerank
from tasks.fusion.rerank_head import RerankContext
from warehouse.errors import SettingsError

WEIGHTED, GATED, RANKER = "weighted", "gated", "ranker"
METHODS = (WEIGHTED, RECIPROCAL_RANK, GATED, RANKER)
"""The simplest first."""
LEARNED = "learned_ranker"
"""What the learned ranker is called among the weights, beside the matchers."""


class Point(NamedTuple):
    """What a search chooses for a fusion whose method and normaliser are settled."""

    weights: dict[str, float]
    diversity: float
    category_cap: int | None = None
    """At most so many items of one category, see `RerankContext`; None: whatever lists are made under."""


@dataclass(frozen=True)
class FusionModel:
    """Method, normaliser, what both learned, weights and dial: frozen from tuning to publishing.

    score(u, c) = sum over matchers m of weights[m] * gate(u, m) * normalised(u, c, m)
                  + weights["learned_ranker"] * ranker(normalised(u, c))

    A gate is 1 unless the method is "gated", which needs candidates with user features; the last term is
    there with "ranker" alone. Reciprocal rank fusion is the weighted sum of reciprocal ranks.
    """

    method: str
    normaliser: Normaliser
    weights: Mapping[str, float]
    """Of at least 0, one of them above it."""
    diversity: float = 0.0
    gate: Gate | None = None
    ranker: Ranker | None = None
    category_cap: int | None = None
    """Of the point; None: whatever lists are made under."""
    diverse: Point | None = None
    """A second point of the same front, for those who ask for diversity."""
    model_selection: tuple[Mapping[str, Any], ...] = ()
    """What every method and normaliser was worth out of fold where they were compared; for reports."""

    def __post_init__(self) -> None:
        """Refuse what gives no score."""
        if self.method not in METHODS:
            raise SettingsError(
                f"there is no fusion method {self.method!r}; set method in [fusion] to one of "
                f"{', '.join(METHODS)}, or to auto"
            )
        if (self.gate is None) == (self.method == GATED) or (self.ranker is None) == (self.method == RANKER):
            raise ValueError(
                f"a fusion by {self.method!r} lacks its network, or has another one's; "
                "search again: polyrec run --stage fusion"
            )
        _check_weights(self.weights)

    @property
    def matchers(self) -> tuple[str, ...]:
        """Those whose scores it needs."""
        return tuple(name for name in self.weights if self.ranker is None or name != LEARNED)

    def features(self, candidates: Candidates) -> Floats:
        """(U, C, F): what is weighed, in the order of `columns`."""
        return self._features(candidates, self.normaliser(candidates))

    def columns(self, candidates: Candidates) -> tuple[str, ...]:
        """The F names: the candidates' matchers, then the learned ranker where there is one."""
        return (*candidates.matchers, *(() if self.ranker is None else (LEARNED,)))

    def scores(self, candidates: Candidates) -> Floats:
        """(U, C) fused scores; -inf where there is no item."""
        fused = fused_scores(self.features(candidates), self.vector(candidates))
        return np.where(candidates.present, fused, -np.inf)

    def contributions(
        self, candidates: Candidates, rows: NDArray[np.integer], columns: NDArray[np.integer]
    ) -> Floats:
        """(R, M) what each matcher gave to the scores of candidates (rows[r], columns[r]): Shapley values.

        In a sum they are its terms; those of the learned ranker are counted over all sets of matchers, an
        absent one counting 0 after normalisation. A row adds up to the score.
        """
        normalised = self.normaliser(candidates)
        vector, n = self.vector(candidates), len(candidates.matchers)
        picked = normalised[rows, columns]  # (R, M)
        gated = picked * self._multipliers(candidates)[rows]
        parts = gated * vector[:n]
        if (ranker := self.ranker) is None:
            return parts
        return parts + vector[n] * ranker.contributions(picked, candidates.matchers)

    def value_of(self, candidates: Candidates, row: int) -> Callable[[Floats], Floats]:
        """A function of normalised scores (S, M) of the user in a row to fused scores (S,)."""
        of_user = candidates.take(np.array([row]))
        vector = self.vector(of_user)
        return lambda normalised: fused_scores(self._features(of_user, normalised[None]), vector)[0]

    def vector(self, candidates: Candidates) -> Floats:
        """(F,) the weights in the order of `columns`; a ValueError where they are for other matchers."""
        if set(self.matchers) != set(candidates.matchers):
            raise ValueError(
                f"weights are for {', '.join(sorted(self.matchers))}, "
                f"scores are from {', '.join(sorted(candidates.matchers))}; "
                "take the scores of the fusion's own matchers, or tune again: polyrec run --stage fusion"
            )
        return np.array([self.weights[name] for name in self.columns(candidates)])

    def at(self, point: Point) -> "FusionModel":
        """The same fusion with other weights and another dial."""
        return replace(
            self, weights=point.weights, diversity=point.diversity, category_cap=point.category_cap
        )

    def lists(self, candidates: Candidates, context: RerankContext, k: int) -> Codes:
        """(U, k) item codes, best first, -1 padded, of candidates.users; the context is of all users."""
        places = self.reranked(self.scores(candidates), candidates, context, k)
        return picked_items(candidates.items, places)

    def reranked(self, scores: Floats, candidates: Candidates, context: RerankContext, k: int) -> Positions:
        """(U, k) positions of candidates by scores (U, C) and the model's dial, -1 padded."""
        of_users = context.of(candidates.users)
        if self.category_cap is not None:
            of_users = replace(of_users, category_cap=self.category_cap)
        return rerank(scores, candidates.items, of_users, self.diversity, k)

    @property
    def as_diverse(self) -> "FusionModel":
        """The fusion at its diverse point; itself where it has none."""
        return self if self.diverse is None else self.at(self.diverse)

    def to_record(self) -> dict[str, Any]:
        """The columns normaliser, diversity, weights and model of serving.fusion_models."""
        model = {
            "method": self.method,
            "category_cap": self.category_cap,
            "calibration": {name: list(curve) for name, curve in self.normaliser.calibration.items()},
            "gate": self.gate and asdict(self.gate),
            "ranker": self.ranker and asdict(self.ranker),
            "diverse": None if self.diverse is None else self.diverse._asdict(),
            "model_selection": list(self.model_selection),
        }
        return {
            "normaliser": self.normaliser.name,
            "diversity": self.diversity,
            "weights": json.dumps(dict(self.weights)),
            "model": json.dumps(model),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "FusionModel":
        """The model of a row of serving.fusion_models."""
        model = json.loads(record.get("model") or "{}")
        curves = {name: (slope, base) for name, (slope, base) in model.get("calibration", {}).items()}
        gate, ranker, diverse = (model.get(name) for name in ("gate", "ranker", "diverse"))
        return cls(
            model.get("method", WEIGHTED),
            Normaliser(record["normaliser"], curves),
            json.loads(record["weights"]),
            record["diversity"],
            gate and Gate.from_dict(gate),
            ranker and Ranker.from_dict(ranker),
            model.get("category_cap"),
            diverse and Point(**diverse),
            tuple(model.get("model_selection", ())),
        )

    def _features(self, candidates: Candidates, normalised: Floats) -> Floats:
        if self.gate is not None:
            return normalised * self._multipliers(candidates)[:, None, :]
        if self.ranker is None:
            return normalised
        rows = normalised.reshape(-1, normalised.shape[2])
        learned = self.ranker.value(rows, candidates.matchers).reshape(normalised.shape[:2])
        return np.concatenate([normalised, learned[:, :, None]], axis=2)

    def _multipliers(self, candidates: Candidates) -> Floats:
        """(U, M) of the gate; 1 without one."""
        if self.gate is None:
            return np.ones((len(candidates.users), len(candidates.matchers)))
        return self.gate.multipliers(candidates.known_features, candidates.matchers)


def fused_scores(features: Floats, weights: Floats) -> Floats:
    """(U, C): features (U, C, F) weighed by weights (F,) and added up."""
    # einsum without BLAS: the sum over F has one order, whatever the number of threads.
    return np.einsum("ucm,m->uc", features, weights, optimize=False)


def _check_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights that order nothing, or that are no weights."""
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise SettingsError(f"the weight of {name!r} is {weight}; a weight is a number of at least 0")
    if not any(weights.values()):
        raise SettingsError(
            f"all weights are zero ({', '.join(weights) or 'there are none'}), so nothing orders a list; "
            "give one of them a weight above 0, or search them: polyrec run --stage fusion"
        )
