"""LensKit (lenskit.org): item-item nearest neighbours and iALS. Runs in .venv-peers."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from worker import Events, Lists, Model, Recommend, named, serve


def _recommender(scorer: Any, events: Events, seed: int) -> Recommend:
    """Train the package's own pipeline around a scorer, on the presence of events."""
    data, pipelines = import_module("lenskit.data"), import_module("lenskit.pipeline")
    frame = import_module("pandas").DataFrame
    users, items = events.pairs
    rows = frame({"user_id": users, "item_id": items})
    dataset = data.from_interactions_df(rows, class_name="event")
    pipeline = pipelines.topn_pipeline(scorer)
    pipeline.train(dataset, import_module("lenskit.training").TrainingOptions(rng=seed))
    recommend_one = import_module("lenskit").recommend

    def recommend(top_n: int) -> Lists:
        found_users, found_items, scores = [], [], []
        for user in np.intersect1d(events.listed, users):
            allowed = np.flatnonzero(events.recommendable & ~events.seen(np.array([user]))[0])
            ranked = recommend_one(pipeline, int(user), top_n, data.ItemList(item_ids=allowed))
            values = np.asarray(ranked.scores(), dtype=np.float64)
            kept = np.isfinite(values)
            found_items.append(np.asarray(ranked.ids())[kept].astype(np.int64))
            found_users.append(np.full(int(kept.sum()), user))
            scores.append(values[kept])
        return Lists(np.concatenate(found_users), np.concatenate(found_items), np.concatenate(scores))

    return recommend


def fit_itemknn(events: Events, parameters: Mapping[str, Any], seed: int) -> Recommend:
    """Item-item collaborative filtering, in its mode for implicit feedback."""
    knn = import_module("lenskit.knn")
    return _recommender(knn.ItemKNNScorer(feedback="implicit", **parameters), events, seed)


def fit_ials(events: Events, parameters: Mapping[str, Any], seed: int) -> Recommend:
    """Implicit matrix factorisation by alternating least squares."""
    als = import_module("lenskit.als")
    return _recommender(als.ImplicitMFScorer(**parameters), events, seed)


MODELS = {
    "itemknn": Model(
        fit_itemknn,
        defaults={"max_nbrs": 20, "min_nbrs": 1, "min_sim": 1e-6},
        space={
            "max_nbrs": {"kind": "int", "low": 5, "high": 1000, "log": True},
            "min_nbrs": {"kind": "int", "low": 1, "high": 5},
            "min_sim": {"kind": "float", "low": 1e-6, "high": 0.1, "log": True},
        },
    ),
    "ials": Model(
        fit_ials,
        defaults={"embedding_size": 50, "epochs": 10, "regularization": 0.1, "weight": 40.0},
        space={
            "embedding_size": {"kind": "int", "low": 8, "high": 256, "log": True},
            "epochs": {"kind": "int", "low": 5, "high": 30},
            "regularization": {"kind": "float", "low": 1e-3, "high": 100.0, "log": True},
            "weight": {"kind": "float", "low": 1.0, "high": 100.0, "log": True},
        },
    ),
}

if __name__ == "__main__":
    serve(named("lenskit", "lenskit"), MODELS)
