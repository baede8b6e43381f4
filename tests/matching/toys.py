"""Small worlds with known answers."""

from dataclasses import replace

import numpy as np

from tasks.arrays.vectors import unit
from tasks.matching.contract import TrainingData
from tasks.matching.ease import Ease
from tasks.matching.training_data import Names, RelevanceLabels
from tasks.settings.matchers import EaseSettings

N_USERS, N_ITEMS, N_SLOTS, N_DIMENSIONS = 9, 8, 3, 6
UNKNOWN_USER = N_USERS - 1
# Users and items fall into two camps by parity. Every known user has all items of the own camp but one.
HELD_BACK = {user: (user + 2 * (user // 2)) % N_ITEMS for user in range(UNKNOWN_USER)}


def training_data(
    events: list[tuple[int, int, int]],
    n_users: int,
    n_items: int,
    text_vectors: np.ndarray | None = None,
    interests: np.ndarray | None = None,
    categories: np.ndarray | None = None,
) -> TrainingData:
    """Make training data from (user, item, time) rows, all of value 1.

    Ids are "u0", "u1", ... and "i0", "i1", ...; the fit is "train" with events, "empty" without.
    """
    rows = np.array(sorted((user, time, item) for user, item, time in events), dtype=np.int64).reshape(-1, 3)
    texts = np.zeros((n_items, 1, 2), dtype=np.float32) if text_vectors is None else text_vectors
    if interests is None:
        interests = np.zeros((n_users, 1, texts.shape[2]), dtype=np.float32)
    return TrainingData(
        n_users=n_users,
        n_items=n_items,
        user=rows[:, 0],
        item=rows[:, 2],
        value=np.ones(len(rows), dtype=np.float32),
        time=rows[:, 1],
        text_vectors=texts.astype(np.float32),
        interests=interests.astype(np.float32),
        item_vectors=np.zeros((n_items, texts.shape[2]), dtype=np.float32),
        seed=0,
        categories=np.zeros((n_items, 0), dtype=bool) if categories is None else categories,
        names=Names(
            user_ids=[f"u{user}" for user in range(n_users)],
            item_ids=[f"i{item}" for item in range(n_items)],
            titles=[f"Item {item}" for item in range(n_items)],
            descriptions=[""] * n_items,
            texts=[[None] * texts.shape[1]] * n_items,
        ),
        fit="train" if len(rows) else "empty",
    )


def random_events(seed: int) -> list[tuple[int, int, int]]:
    """Histories of up to 14 items, with ties in time."""
    rng = np.random.default_rng(seed)
    events = []
    for user in range(12):
        items = rng.permutation(15)[: rng.integers(1, 15)]
        events += [(user, int(item), int(rng.integers(0, 8))) for item in items]
    return events


def checkerboard() -> TrainingData:
    """Two camps that never mix, each a category; the last user has no events, the last item one text."""
    events = [
        (user, item, 1_000 * ((item + user) % N_ITEMS))  # everyone starts elsewhere: each item follows others
        for user in range(UNKNOWN_USER)
        for item in range(N_ITEMS)
        if item % 2 == user % 2 and item != HELD_BACK[user]
    ]
    rng = np.random.default_rng(0)
    camp = np.zeros((2, N_DIMENSIONS))
    camp[0, 0], camp[1, 0] = 1, -1
    texts = np.stack([camp[item % 2] for item in range(N_ITEMS)])[:, None, :]  # (N, 1, D)
    texts = texts + 0.2 * rng.normal(size=(N_ITEMS, N_SLOTS, N_DIMENSIONS))
    texts[-1, 1:] = 0
    interests = np.zeros((N_USERS, 2, N_DIMENSIONS))
    for user in range(UNKNOWN_USER):
        interests[user, 0] = camp[user % 2]
        if user >= 4:
            interests[user, 1] = camp[user % 2] + 0.1 * rng.normal(size=N_DIMENSIONS)
    data = training_data(
        events,
        N_USERS,
        N_ITEMS,
        unit(texts.astype(np.float32)),
        unit(interests.astype(np.float32)),
        np.eye(2, dtype=bool)[np.arange(N_ITEMS) % 2],
    )
    return replace(data, relevance_labels=relevance_labels())


def relevance_labels() -> RelevanceLabels:
    """A language model that was told of two items of each known user: it likes texts of the user's camp."""
    context = np.array([[user % 2, user % 2 + 4] for user in range(UNKNOWN_USER)])
    group, item, slot = np.indices((len(context), N_ITEMS, N_SLOTS)).reshape(3, -1)
    value = np.where(item % 2 == group % 2, 1, -1).astype(np.float32)
    there = (item < N_ITEMS - 1) | (slot == 0)
    return RelevanceLabels(context, group[there], item[there], slot[there], value[there])


def plain_ease(regularisation: float, **settings: float) -> Ease:
    """EASE as published, but for these settings."""
    plain = {"half_life_items": None, "side_information_weight": 0}
    return Ease(EaseSettings.model_validate({"regularisation": regularisation, **plain, **settings}))
