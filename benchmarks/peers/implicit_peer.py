"""implicit (github.com/benfred/implicit): iALS and BPR. Runs in .venv-peers."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from worker import Events, Lists, Model, Recommend, named, serve

# As the package asks for: its own threads share the work, BLAS must not do so again.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# What the package gives where a user has too few items left.
NO_SCORE = -1e38


def _recommender(model: Any, events: Events) -> Recommend:
    """Fit a model of the package on the presence of events."""
    sparse = import_module("scipy.sparse")
    users, items = events.pairs
    shape = (len(events.user_ids), len(events.item_ids))
    matrix = sparse.csr_matrix((np.ones(len(users), dtype=np.float32), (users, items)), shape=shape)
    model.fit(matrix, show_progress=False)
    hidden = np.flatnonzero(~events.recommendable)

    def recommend(top_n: int) -> Lists:
        found, scores = model.recommend(
            events.listed,
            matrix[events.listed],
            N=min(top_n, shape[1] - len(hidden)),
            filter_already_liked_items=True,
            filter_items=hidden if len(hidden) else None,
        )
        rows, places = np.nonzero(scores > NO_SCORE)
        return Lists(
            events.listed[rows], found[rows, places].astype(np.int64), scores[rows, places].astype(np.float64)
        )

    return recommend


def fit_ials(events: Events, parameters: Mapping[str, Any], seed: int) -> Recommend:
    """Weighted matrix factorisation by alternating least squares."""
    als = import_module("implicit.cpu.als")
    return _recommender(als.AlternatingLeastSquares(**parameters, random_state=seed), events)


def fit_bpr(events: Events, parameters: Mapping[str, Any], seed: int) -> Recommend:
    """Bayesian personalised ranking; one thread, or a run could not be repeated."""
    bpr = import_module("implicit.cpu.bpr")
    model = bpr.BayesianPersonalizedRanking(**parameters, random_state=seed, num_threads=1)
    return _recommender(model, events)


MODELS = {
    "ials": Model(
        fit_ials,
        defaults={"factors": 100, "regularization": 0.01, "alpha": 1.0, "iterations": 15},
        space={
            "factors": {"kind": "int", "low": 16, "high": 256, "log": True},
            "regularization": {"kind": "float", "low": 1e-3, "high": 100.0, "log": True},
            "alpha": {"kind": "float", "low": 0.1, "high": 100.0, "log": True},
            "iterations": {"kind": "int", "low": 5, "high": 40},
        },
    ),
    "bpr": Model(
        fit_bpr,
        defaults={"factors": 100, "learning_rate": 0.01, "regularization": 0.01, "iterations": 100},
        space={
            "factors": {"kind": "int", "low": 16, "high": 256, "log": True},
            "learning_rate": {"kind": "float", "low": 1e-3, "high": 0.3, "log": True},
            "regularization": {"kind": "float", "low": 1e-4, "high": 0.3, "log": True},
            "iterations": {"kind": "int", "low": 20, "high": 300, "log": True},
        },
    ),
}

if __name__ == "__main__":
    serve(named("implicit", "pm-implicit"), MODELS)
