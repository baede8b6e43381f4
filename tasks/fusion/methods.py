"""Each way of fusing at its most accurate: what it learns from users whom the choice may see."""

from tasks.arrays.types import Flags
from tasks.fusion.calibration import fitted
from tasks.fusion.candidates import Candidates
from tasks.fusion.learning import Examples, learn_gate, learn_ranker
from tasks.fusion.listwise import likeliest_weights
from tasks.fusion.model import GATED, LEARNED, RANKER, WEIGHTED, FusionModel
from tasks.fusion.normalise import RECIPROCAL_RANK
from warehouse.errors import SettingsError


def accurate_model(
    method: str, normaliser: str, candidates: Candidates, relevant: Flags, seed: int
) -> FusionModel:
    """A fusion that makes these users' relevant candidates likeliest, without regard to diversity.

    Where no user has a relevant candidate, as `relevant` (U, C) says, all matchers weigh alike and no network
    is learned. "gated" needs candidates with user features; reciprocal rank fusion has its own normaliser.
    """
    if LEARNED in candidates.matchers:
        raise SettingsError(f"no matcher may be called {LEARNED!r}; give it another name in [matching]")
    scale = fitted(RECIPROCAL_RANK if method == RECIPROCAL_RANK else normaliser, candidates, relevant)
    names, there = candidates.matchers, candidates.present
    normalised = scale(candidates)
    found = likeliest_weights(normalised, relevant, there)
    if found is None:
        return FusionModel(WEIGHTED, scale, dict.fromkeys(names, 1 / len(names)))
    examples = Examples(normalised, relevant, there)
    weights = dict(zip(names, (found / found.sum()).tolist(), strict=True))
    match method:
        case "gated":
            gate = learn_gate(examples, candidates.known_features, found, names, seed)
            return FusionModel(GATED, scale, weights, gate=gate)
        case "ranker":
            ranker = learn_ranker(examples, found, names, seed)
            return FusionModel(RANKER, scale, {**dict.fromkeys(names, 0.0), LEARNED: 1.0}, ranker=ranker)
        case _:
            return FusionModel(method, scale, weights)
