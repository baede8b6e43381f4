"""RecTools (github.com/MobileTeleSystems/RecTools): EASE and SASRec. Runs in .venv-peers."""

import logging
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worker import Events, Lists, Model, Recommend, named, serve


def _recommender(model: Any, events: Events, rows: tuple[NDArray[np.int64], ...]) -> Recommend:
    """Fit a model of the package on events (user, item, seconds), each weighing 1."""
    pandas = import_module("pandas")
    users, items, seconds = rows
    frame = pandas.DataFrame(
        {"user_id": users, "item_id": items, "weight": 1.0, "datetime": pandas.to_datetime(seconds, unit="s")}
    )
    dataset = import_module("rectools.dataset").Dataset.construct(frame)
    model.fit(dataset)
    known = np.unique(items)

    def recommend(top_n: int) -> Lists:
        found = model.recommend(
            users=np.intersect1d(events.listed, users),
            dataset=dataset,
            k=top_n,
            filter_viewed=True,
            items_to_recommend=known[events.recommendable[known]],
            on_unsupported_targets="ignore",
        )
        return Lists(*(found[name].to_numpy() for name in ("user_id", "item_id", "score")))

    return recommend


def fit_ease(events: Events, parameters: Mapping[str, Any], _seed: int) -> Recommend:
    """EASE on the presence of events."""
    users, items = events.pairs
    model = import_module("rectools.models").EASEModel(**parameters, recommend_use_gpu_ranking=False)
    return _recommender(model, events, (users, items, np.zeros(len(users), dtype=np.int64)))


def fit_sasrec(events: Events, parameters: Mapping[str, Any], seed: int) -> Recommend:
    """SASRec on sequences; places in a sequence stand for its times, or the package would order ties anew."""
    import_module("pytorch_lightning").seed_everything(seed, verbose=False)
    longest = int(np.bincount(events.user).max())  # beyond that a session is padding, which only takes time
    sizes = {**parameters, "session_max_len": min(parameters["session_max_len"], longest)}
    model = import_module("rectools.models").SASRecModel(
        **sizes, deterministic=True, recommend_torch_device="cpu"
    )
    return _recommender(model, events, (events.user, events.item, np.arange(len(events.user))))


MODELS = {
    "ease": Model(
        fit_ease,
        defaults={"regularization": 500.0},
        space={"regularization": {"kind": "float", "low": 10.0, "high": 5000.0, "log": True}},
    ),
    "sasrec": Model(
        fit_sasrec,
        defaults={
            "n_factors": 256,
            "n_blocks": 2,
            "dropout_rate": 0.2,
            "session_max_len": 100,
            "lr": 0.001,
            "epochs": 3,
        },
        # Three epochs are the package's default; small logs need more.
        starts=[
            {
                "n_factors": 64,
                "n_blocks": 2,
                "dropout_rate": 0.2,
                "session_max_len": 100,
                "lr": 0.001,
                "epochs": 30,
            }
        ],
        space={
            "n_factors": {"kind": "categorical", "choices": [64, 128, 256]},
            "n_blocks": {"kind": "int", "low": 1, "high": 3},
            "dropout_rate": {"kind": "float", "low": 0.0, "high": 0.5},
            "session_max_len": {"kind": "categorical", "choices": [50, 100, 200]},
            "lr": {"kind": "float", "low": 3e-4, "high": 1e-2, "log": True},
            "epochs": {"kind": "int", "low": 3, "high": 60, "log": True},
        },
    ),
}

if __name__ == "__main__":
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    serve(named("rectools", "rectools"), MODELS)
