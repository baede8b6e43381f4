"""What runs on an accelerator, run on the processor: the same as exact search in blocks."""

import numpy as np
from scipy import sparse

from tasks.matching.blocked_device import top_items_on_device
from tests.matching.searching import top_items_by_text


def test_finds_what_exact_search_finds() -> None:
    rng = np.random.default_rng(0)
    users, texts = rng.normal(size=(9, 2, 8)), rng.normal(size=(60, 3, 8))
    texts[rng.random((60, 3)) < 0.4] = 0
    users[::2, 1] = 0
    users[4] = 0
    users, texts = users.astype(np.float32), texts.astype(np.float32)
    hidden = sparse.csr_matrix(rng.random((9, 60)) < 0.2)
    allowed = rng.random(60) < 0.9
    for m, items_at_once in ((5, 7), (60, 60), (70, 13)):
        (exact,) = top_items_by_text(users, texts, m, hidden=hidden, allowed=allowed)
        blocks = top_items_on_device(users, texts, m, "cpu", hidden, allowed, 4, items_at_once)
        found = list(blocks)
        assert [block.start for block in found] == [0, 4, 8]
        scores, items = (
            np.concatenate([getattr(block, name) for block in found]) for name in ("scores", "items")
        )
        np.testing.assert_allclose(scores, exact.scores, atol=1e-5)
        known = np.delete(np.arange(9), 4)  # for user 4 everything ties, and the device may choose
        np.testing.assert_array_equal(items[known], exact.items[known])
