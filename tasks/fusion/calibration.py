"""How likely a candidate is relevant, by one matcher's z-score: Platt scaling, a logistic curve a matcher.

Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
"""

import numpy as np
from scipy.special import expit

from tasks.arrays.types import Flags, Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.normalise import SIGMOID, Normaliser, zscore

MAX_STEPS = 50
CLOSE = 1e-10  # a step this small ends the search
LEAST_SLOPE = 1e-3  # a flatter curve is a straight line, whose slope does not matter


def fitted(name: str, candidates: Candidates, relevant: Flags) -> Normaliser:
    """A normaliser that has learned what it needs from users whom the choice may see.

    "sigmoid" learns, for every matcher, p(relevant | z) = 1 / (1 + exp(-(slope * z + intercept))) over all
    candidates of these users, z being the z-score. A score then counts the p that it has above p at z = 0,
    scaled so that z = 1 counts 1. So scores keep the scale of z-scores and their order; what changes is how
    much more the best ones count than the good ones. The others learn nothing. `relevant` (U, C) says whether
    a candidate is relevant.
    """
    if name != SIGMOID:
        return Normaliser(name)
    there = candidates.present
    scaled = zscore(candidates.scores, there)[there]  # (P, M)
    wanted = relevant[there]
    curves = (platt(scaled[:, column], wanted) for column in range(len(candidates.matchers)))
    return Normaliser(name, dict(zip(candidates.matchers, curves, strict=True)))


def platt(scores: Floats, relevant: Flags) -> tuple[float, float]:
    """Slope and intercept of the logistic curve of scores (P,) that makes `relevant` (P,) likeliest.

    It is found by Newton's method. The targets are Platt's: (n + 1) / (n + 2) for the n relevant ones and
    1 / (m + 2) for the m others, so that the curve is finite even where a score tells them apart.
    """
    n_relevant = int(relevant.sum())
    high, low = (n_relevant + 1) / (n_relevant + 2), 1 / (len(relevant) - n_relevant + 2)
    target = np.where(relevant, high, low)
    share = float(target.mean()) if len(target) else 0.5
    slope, intercept = 0.0, float(np.log(share / (1 - share)))
    for _ in range(MAX_STEPS):
        likely = expit(slope * scores + intercept)
        off, weight = likely - target, likely * (1 - likely) + 1e-12
        gradient = np.array([off @ scores, off.sum()])
        cross = float(weight @ scores)
        curvature = np.array([[weight @ scores**2 + 1e-9, cross], [cross, weight.sum() + 1e-9]])
        step = np.linalg.solve(curvature, gradient)
        slope, intercept = slope - float(step[0]), intercept - float(step[1])
        if np.abs(step).max() < CLOSE:
            break
    if abs(slope) < LEAST_SLOPE:
        slope = LEAST_SLOPE if slope >= 0 else -LEAST_SLOPE
    return slope, intercept
