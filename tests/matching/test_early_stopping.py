import numpy as np

from tasks.matching.early_stopping import ndcg_of, set_aside
from tests.matching.toys import training_data

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
