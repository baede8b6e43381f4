from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.matching.contract import TrainingData, UserBatch
from tasks.matching.sasrec import Sasrec, ndcg_of, set_aside
from tasks.matching.sasrec_network import Network
from tasks.settings.matchers import SasrecSettings
from tests.matching.refusal import refusal
from tests.matching.toys import checkerboard, training_data


def sasrec(**changed: float) -> Sasrec:
    values = {
        "factors": 8,
        "blocks": 1,
        "length": 6,
        "dropout": 0.0,
        "epochs": 30,
        "batch": 8,
        "learning_rate": 0.02,
        "half_life_items": 0.1,
        "negatives": 0,
        "text_start": False,
    }
    return Sasrec(SasrecSettings.model_validate({**values, **changed}))


def circle() -> TrainingData:
    """Everybody goes round 0, 1, 2, 3, 4, 0, ... from another start, and stops at another item."""
    events = [(user, (user + step) % 5, step) for user in range(10) for step in range(6 + user % 3)]
    return training_data(events, n_users=11, n_items=5)


@pytest.mark.parametrize("negatives", [0, 3])
def test_it_learns_what_comes_next(negatives: int) -> None:
    matcher = sasrec(negatives=negatives)
    matcher.fit(circle())
    last = np.array([(user + 5 + user % 3) % 5 for user in range(10)])
    scores = matcher.score(UserBatch(np.arange(11)))
    assert scores[:10].argmax(axis=1).tolist() == ((last + 1) % 5).tolist()
    assert not scores[10].any()


def test_later_items_change_nothing_before_them() -> None:
    torch.manual_seed(0)
    network = Network(9, 8, 2, 0.3).eval()
    one, other = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1, 2, 8, 7]])
    with torch.no_grad():
        first, second = network(one), network(other)
    torch.testing.assert_close(first[:, :2], second[:, :2], rtol=0, atol=0)
    assert (first[:, 2:] != second[:, 2:]).all()


def test_the_order_of_the_history_matters() -> None:
    torch.manual_seed(0)
    network = Network(9, 8, 1, 0.0).eval()
    with torch.no_grad():
        forth, back = network(torch.tensor([[1, 2, 5]]))[0, 2], network(torch.tensor([[2, 1, 5]]))[0, 2]
    assert (forth - back).abs().max() > 1e-4


def test_items_start_from_their_texts() -> None:
    """Hardly trained, items of one camp are near one another; an item without vectors is random."""
    data = checkerboard()
    texts = data.text_vectors.copy()
    texts[7] = 0
    matcher = sasrec(factors=2, epochs=1, learning_rate=1e-9, text_start=True)
    matcher.fit(replace(data, text_vectors=texts))
    items = matcher._array("network.items.weight")
    camp = items[:7] @ items[:7].T > 0
    assert (camp == (np.add.outer(np.arange(7), np.arange(7)) % 2 == 0)).all()
    assert items[7].any()
    assert matcher.reads_texts
    assert not sasrec().reads_texts


def test_another_seed_gives_other_scores_and_the_callers_threads_stay() -> None:
    threads, everyone = torch.get_num_threads(), UserBatch(np.arange(11))
    one, other = sasrec(epochs=1), sasrec(epochs=1)
    one.fit(circle())
    other.fit(replace(circle(), seed=1))
    assert (one.score(everyone)[:10] != other.score(everyone)[:10]).all()
    assert torch.get_num_threads() == threads


def test_patience_ends_training_and_learns_all_anew() -> None:
    """Every epoch with a learning rate of nearly nothing is as good as the first: the first is the best."""
    idle = sasrec(patience=2, epochs=9, learning_rate=1e-12)
    idle.fit(circle())
    assert idle._array("epochs") == [1]
    events = [(user, (user + step) % 12, step) for user in range(24) for step in range(6)]
    data = training_data(events, n_users=24, n_items=12)  # what comes last is new to everybody
    eager = sasrec(patience=4, epochs=20)
    eager.fit(data)
    (epochs,) = eager._array("epochs")
    assert 1 < epochs <= 20
    frozen = sasrec(epochs=int(epochs))
    frozen.fit(data)
    everyone = UserBatch(np.arange(24))
    np.testing.assert_array_equal(eager.score(everyone), frozen.score(everyone))


def test_bad_parameters_are_refused() -> None:
    assert "multiple of 2" in refusal("sasrec", "factors", 7)
    assert "greater than 0" in refusal("sasrec", "half_life_items", 0)


# User 0 has twelve events, the last two at one time; user 1 one block; user 2 two events.
EVENTS = [(0, item, min(item, 10)) for item in range(12)] + [(1, 0, 1), (1, 1, 1), (2, 3, 1), (2, 4, 2)]
DATA = training_data(EVENTS, n_users=4, n_items=12)


def test_the_last_blocks_are_set_aside_whole() -> None:
    earlier, relevant = set_aside(DATA)
    assert earlier.item[earlier.user == 0].tolist() == list(range(10))
    assert [row.nonzero()[0].tolist() for row in relevant.toarray()] == [[10, 11], [], [4], []]
    assert earlier.item[earlier.user == 2].tolist() == [3]


def test_users_without_anything_earlier_do_not_count() -> None:
    earlier, relevant = set_aside(DATA)
    right = ndcg_of(lambda users: relevant[users].toarray().astype(np.float32), earlier, relevant)
    assert right == 1
    seen = ndcg_of(
        lambda users: earlier.seen[users].toarray() * 9 + relevant[users].toarray(), earlier, relevant
    )
    assert seen == 1  # what is seen already is in no list
    _, nothing = set_aside(training_data([(0, 0, 1)], n_users=1, n_items=2))
    assert ndcg_of(lambda users: np.zeros((len(users), 2), dtype=np.float32), DATA, nothing) == 0
