"""Exact search, beside a float32 argsort of everything."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tasks.arrays.vectors import unit
from tasks.matching import blocked
from tasks.matching.blocked import BlockedTexts
from tasks.matching.bound import COSTS, Bound, choose_bound
from tasks.matching.prefilter import Prefilter
from tasks.matching.top import NO_BAR, TopItems
from tests.matching.searching import top_items_by_text

FORMATS = (torch.float32, torch.bfloat16)


def naive_scores(users: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """(U, N): every product there is."""
    users = users[:, None] if users.ndim == 2 else users
    there, wanted = (texts != 0).any(axis=2), (users != 0).any(axis=2)  # (N, K), (U, I)
    products = np.einsum("uid,nkd->uink", users, texts)
    reduced = np.where(there, products, -np.inf).max(axis=3)
    best = np.where(wanted[:, :, None], reduced, -np.inf).max(axis=1)
    return np.where(there.any(axis=1) & wanted.any(axis=1)[:, None], best, 0).astype(np.float32)


def joined(blocks: list[TopItems]) -> tuple[np.ndarray, np.ndarray]:
    assert [block.start for block in blocks] == np.cumsum([0, *(len(b.items) for b in blocks)])[:-1].tolist()
    scores, items = zip(*((block.scores, block.items) for block in blocks), strict=True)
    return np.concatenate(scores), np.concatenate(items)


def expected_items(scores: np.ndarray, m: int, may: np.ndarray) -> list[list[int]]:
    out = []
    for row, allowed in zip(scores, may, strict=True):
        best = sorted(np.flatnonzero(allowed), key=lambda item: (-row[item], item))[:m]
        out.append([*map(int, best), *[-1] * (m - len(best))])
    return out


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whole_numbers_give_the_very_order_of_a_sort(data: st.DataObject) -> None:
    """Products of small whole numbers are exact and tie often."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    n_users, n_interests, n_items = (data.draw(st.integers(1, top)) for top in (7, 3, 40))
    n_slots, n_dimensions = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([3, 40]))
    users = rng.integers(-2, 3, (n_users, n_interests, n_dimensions)).astype(np.float32)
    texts = rng.integers(-2, 3, (n_items, n_slots, n_dimensions)).astype(np.float32)
    users[rng.random(users.shape[:2]) < 0.3] = 0
    texts[rng.random(texts.shape[:2]) < 0.3] = 0
    m = data.draw(st.integers(1, 45))
    seen, allowed = rng.random((n_users, n_items)) < 0.3, rng.random(n_items) < 0.8
    blocks = top_items_by_text(
        users,
        texts,
        m,
        hidden=sparse.csr_matrix(seen),
        allowed=allowed,
        user_block=data.draw(st.integers(1, 9)),
        item_block=data.draw(st.integers(1, 50)),
        workers=1,
        number_format=data.draw(st.sampled_from(FORMATS)),
    )
    scores, items = joined(list(blocks))
    every = naive_scores(users, texts)
    assert items.tolist() == expected_items(every, m, allowed & ~seen)
    found = items >= 0
    rows = np.nonzero(found)[0]
    np.testing.assert_array_equal(scores[found], every[rows, items[found]])
    assert np.isneginf(scores[~found]).all()


def leaning(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Unit vectors most of whose length is in few directions, as those of sentences."""
    size = shape[-1]
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0]
    scale = 0.8 ** np.arange(size)
    return unit(((rng.normal(size=shape) * scale) @ axes.T).astype(np.float32))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("number_format", FORMATS)
def test_short_vectors_find_what_whole_ones_do(together: bool, number_format: torch.dtype) -> None:
    rng = np.random.default_rng(3)
    vectors = leaning(rng, 3 * 2000 + 60, 64)
    texts, users = vectors[:6000].reshape(2000, 3, 64), vectors[6000:]
    texts[rng.random((2000, 3)) < 0.1] = 0
    queries = users if together else rng.normal(size=(0, 64)).astype(np.float32)
    searched = BlockedTexts(texts, queries, 3, 100, number_format)
    assert (searched.width < 64) == together
    scores, items = joined(list(searched.blocks(users, 3, user_block=16, workers=2)))
    every = naive_scores(users, texts)
    best = -np.sort(-every, axis=1)[:, :3]
    np.testing.assert_allclose(scores, best, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(every, items, axis=1), best, atol=1e-6)
    assert all(len(set(row)) == 3 for row in items.tolist())


def test_a_bar_that_was_estimated_too_high_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """All good items lie in the first block, so it promises more than the catalogue keeps."""
    monkeypatch.setattr(blocked, "FIRST_ITEMS", 50)
    rng = np.random.default_rng(11)
    noise = rng.normal(size=(2012, 8)).astype(np.float32)
    texts, users = unit(noise[:2000]).reshape(1000, 2, 8), unit(noise[2000:2006])
    n_good = 5
    block = 20 * np.arange(n_good)  # item_block 50 of 1000 items: block 0 has every 20th
    noise *= 0.1
    texts[block, 0] = unit(users[:1] + noise[2006 : 2006 + n_good])
    m, scans = 9, []
    scan = BlockedTexts._scan
    monkeypatch.setattr(
        BlockedTexts, "_scan", lambda *of, **how: (scans.append(len(of[1])), scan(*of, **how))
    )
    searched = BlockedTexts(texts, users, m, item_block=50)
    scores, items = joined(list(searched.blocks(users, m, workers=1)))
    every = naive_scores(users, texts)
    np.testing.assert_allclose(scores, -np.sort(-every, axis=1)[:, :m], atol=1e-6)
    assert items.tolist() == expected_items(every, m, np.ones(every.shape, dtype=bool))
    assert scans[0] == len(users) and 1 <= sum(scans[1:]) < len(users)


def test_results_do_not_depend_on_blocks_or_workers() -> None:
    rng = np.random.default_rng(5)
    vectors = leaning(rng, 1040, 48)
    texts, users = vectors[:1000].reshape(500, 2, 48), vectors[1000:]
    texts[250:] = texts[:250]  # every item has a twin: ties everywhere
    results = [
        joined(list(top_items_by_text(users, texts, 9, None, None, u, i, w, number_format)))
        for u, i, w in ((1, 7, 1), (40, 500, 1), (13, 64, 3))
        for number_format in FORMATS
    ]
    for scores, items in results:
        np.testing.assert_array_equal(scores, results[0][0])
        np.testing.assert_array_equal(items, results[0][1])
        np.testing.assert_array_equal(items[:, 1] - items[:, 0], 250)


def test_a_bound_is_never_below_the_product() -> None:
    rng = np.random.default_rng(7)
    vectors = leaning(rng, 3000, 64) * rng.uniform(0.2, 3, (3000, 1)).astype(np.float32)
    texts, users = vectors[:2400].reshape(800, 3, 64), vectors[2400:]
    bound = choose_bound(texts, users, 2, 800)
    assert bound.axes is not None and bound.axes.shape[1] - 1 < 64
    flat = texts.reshape(-1, 64)
    limits = bound.shortened(users) @ bound.shortened(flat).T
    lengths = np.linalg.norm(users, axis=1)[:, None] * np.linalg.norm(flat, axis=1)
    exact = users.astype(np.float64) @ flat.astype(np.float64).T
    assert (limits + bound.margin * lengths >= exact).all()
    assert np.median(limits - exact) < 0.2


@pytest.mark.parametrize("shortened", [True, False])
def test_no_rounded_product_falls_below_a_bar_that_the_whole_one_reaches(shortened: bool) -> None:
    rng = np.random.default_rng(8)
    vectors = leaning(rng, 3000, 64) * rng.uniform(0.2, 3, (3000, 1)).astype(np.float32)
    texts, users = vectors[:2400].reshape(800, 3, 64), vectors[2400:]
    bound = choose_bound(texts, users, 2, 800, COSTS[torch.bfloat16]) if shortened else Bound(None, 1e-5)
    assert (bound.axes is not None) == shortened
    prefilter = Prefilter(texts, 4, bound, torch.bfloat16)
    asked, lower = prefilter.asked(users)
    for t in range(4):
        exact = np.einsum("nkd,qd->knq", texts[t::4].astype(np.float64), users.astype(np.float64))
        out = torch.empty(exact.shape, dtype=torch.bfloat16)
        prefilter.multiply(t, asked, out)
        bars = exact.astype(np.float32) - lower
        reached = torch.stack([prefilter.bar(bar) for bar in bars.reshape(-1, len(users))]).view(out.shape)
        assert (out >= reached).all()
    assert 0 < lower.max() < 0.01 * 3 * 3


def test_who_is_not_wanted_passes_no_bar() -> None:
    prefilter = Prefilter(np.ones((2, 1, 3), dtype=np.float32), 1, Bound(None, 1e-6), torch.bfloat16)
    bars = prefilter.bar(np.array([NO_BAR, -1.001, 0, 1.001], dtype=np.float32))
    assert torch.isfinite(bars).all()
    assert (bars.float().numpy() <= np.array([-3.3e38, -1.001, 0, 1.001])).all()
    assert (bars.float().numpy()[1:] >= [-1.01, 0, 0.99]).all()


def test_memory_maps_are_searched_where_they_lie(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    texts = leaning(rng, 50, 2, 16)
    np.save(tmp_path / "texts.npy", texts)
    mapped = np.load(tmp_path / "texts.npy", mmap_mode="r")
    users = leaning(rng, 5, 16)
    found = [joined(list(top_items_by_text(users, array, 4)))[1] for array in (mapped, texts)]
    np.testing.assert_array_equal(found[0], found[1])


def test_nobody_gets_nothing() -> None:
    texts = np.ones((3, 1, 2), dtype=np.float32)
    assert list(top_items_by_text(np.zeros((0, 2), dtype=np.float32), texts, 2)) == []


def test_what_cannot_be_searched_is_refused() -> None:
    texts, users = np.ones((3, 1, 2), dtype=np.float32), np.ones((2, 2), dtype=np.float32)
    with pytest.raises(ValueError, match=r"got \(0, 1, 2\), 1 and 512"):
        BlockedTexts(texts[:0], users, 1)
    searched = BlockedTexts(texts, users, 1)
    with pytest.raises(ValueError, match="at least 1, got 0 and 512"):
        list(searched.blocks(users, 0))
    with pytest.raises(ValueError, match="2 dimensions, as texts have"):
        list(searched.blocks(users[:, :1], 1))
    with pytest.raises(ValueError, match=r"hidden must be \(2, 3\), got \(2, 2\)"):
        list(searched.blocks(users, 1, sparse.csr_matrix((2, 2))))
