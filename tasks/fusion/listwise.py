"""Weights that make relevant candidates likely: where the search over weights begins.

Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach" (ListNet, top one), ICML 2007.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from tasks.arrays.types import Flags, Floats

MAX_ITERATIONS = 200


def likeliest_weights(normalised: Floats, relevant: Flags, present: Flags) -> Floats | None:
    """(M,) weights of at least 0 of the least cross-entropy of a softmax over candidates.

    The loss of a user is the mean of -log p(c) over the relevant candidates c, p being the softmax of the
    weighted sums over all of the user's candidates. It is convex in the weights, so the answer is the only
    one, found in a second; unlike NDCG it has a gradient. None where no user has a relevant candidate, or
    where no weight is above 0. Scores are (U, C, M), `relevant` and `present` (whether there is one) (U, C).
    """
    wanted = relevant & present
    users = wanted.any(axis=1)
    if not users.any():
        return None
    scores, wanted, there = normalised[users], wanted[users], present[users]
    target = wanted / wanted.sum(axis=1, keepdims=True)  # (U', C)
    seen = np.einsum("uc,ucm->um", target, scores, optimize=False)  # (U', M)

    def loss_and_gradient(weights: Floats) -> tuple[float, Floats]:
        sums = np.where(there, np.einsum("ucm,m->uc", scores, weights, optimize=False), -np.inf)
        log_total = np.asarray(logsumexp(sums, axis=1))  # (U',)
        likely = np.exp(sums - log_total[:, None])
        expected = np.einsum("uc,ucm->um", likely, scores, optimize=False)
        return float((log_total - seen @ weights).mean()), (expected - seen).mean(axis=0)

    n_matchers = scores.shape[2]
    found = minimize(
        loss_and_gradient,
        np.zeros(n_matchers),  # of two opposite matchers one stays there
        jac=True,
        bounds=[(0, None)] * n_matchers,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITERATIONS},
    ).x
    return found if found.sum() > 0 else None
