"""The measures agree with independent implementations on random input."""

import numpy as np
import pytest
import pytrec_eval
from scipy.sparse import csr_array
from scipy.spatial.distance import cosine, jaccard, jensenshannon
from sklearn.metrics import ndcg_score

from tasks.evaluation.metrics import Truth, evaluate_lists

TREC = {
    "ndcg": "ndcg_cut_10",
    "recall": "recall_10",
    "precision": "P_10",
    "hit_rate": "success_10",
    "mrr": "recip_rank",
    "map": "map_cut_10",
}
USERS, ITEMS, K, CATEGORIES = 60, 80, 10, 7


@pytest.fixture(scope="module", params=range(5))
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, Truth]:
    """Random lists of random lengths (some empty), and a random truth (some users without any)."""
    generator = np.random.default_rng(request.param)
    items = np.argsort(generator.random((USERS, ITEMS)), axis=1)[:, :K]
    items[np.arange(K) >= generator.integers(0, K + 8, USERS)[:, None]] = -1
    density = generator.choice([0.0, 0.02, 0.1, 0.5], USERS)[:, None]
    vectors = generator.normal(size=(ITEMS, 6)).astype(np.float32)
    truth = Truth(
        relevant=csr_array(generator.random((USERS, ITEMS)) < density),
        history=csr_array(generator.random((USERS, ITEMS)) < 0.1),
        categories=generator.random((ITEMS, CATEGORIES)) < 0.3,
        k=K,
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )
    return items, truth


@pytest.mark.parametrize("name", TREC)
def test_accuracy_agrees_with_trec_eval(case: tuple[np.ndarray, Truth], name: str) -> None:
    items, truth = case
    relevant = truth.relevant.toarray()
    judged = [user for user in range(USERS) if relevant[user].any()]
    wanted = {f"u{user}": {f"i{item}": 1 for item in np.nonzero(relevant[user])[0]} for user in judged}
    # trec_eval wants a document for every query: one that nobody wants, last, stands for an empty list.
    given = {
        f"u{user}": {f"i{item}": float(K - rank) for rank, item in enumerate(items[user]) if item >= 0}
        | {"none": 0.0}
        for user in judged
    }
    measure = {"success_10": "success", "P_10": "P", "recall_10": "recall", "recip_rank": "recip_rank"}
    evaluator = pytrec_eval.RelevanceEvaluator(
        wanted, {measure.get(TREC[name], TREC[name].rsplit("_", 1)[0])}
    )
    theirs = {user: values[TREC[name]] for user, values in evaluator.evaluate(given).items()}

    evaluation = evaluate_lists(items, truth)
    ours = evaluation.per_user[f"{name}_at_{K}"]
    assert np.isnan(np.delete(ours, judged)).all()
    np.testing.assert_allclose(ours[judged], [theirs[f"u{user}"] for user in judged], rtol=0, atol=1e-9)
    assert evaluation.metrics[f"{name}_at_{K}"] == pytest.approx(np.mean(list(theirs.values())), abs=1e-9)


def test_ndcg_agrees_with_scikit_learn(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case
    relevant = truth.relevant.toarray()
    full = [user for user in range(USERS) if relevant[user].any() and (items[user] >= 0).all()]
    scores = np.zeros((USERS, ITEMS))
    np.put_along_axis(scores, np.maximum(items, 0), np.arange(K, 0, -1, dtype=float)[None], axis=1)
    theirs = [ndcg_score(relevant[[user]], scores[[user]], k=K, ignore_ties=True) for user in full]
    ours = evaluate_lists(items, truth).per_user[f"ndcg_at_{K}"][full]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_variety_agrees_with_scipy(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case
    assert truth.vectors is not None
    evaluation = evaluate_lists(items, truth)
    shares = truth.categories / np.maximum(truth.categories.sum(axis=1, keepdims=True), 1)
    history = truth.history.toarray()
    compared = 0
    for user in range(USERS):
        chosen = [item for item in items[user] if item >= 0]
        pairs = [(a, b) for at, a in enumerate(chosen) for b in chosen[at + 1 :]]
        if not truth.n_relevant[user] or not pairs:
            continue
        compared += 1
        by_category = np.mean([jaccard(truth.categories[a], truth.categories[b]) for a, b in pairs])
        by_vector = np.mean([cosine(truth.vectors[a], truth.vectors[b]) for a, b in pairs])
        taste = jensenshannon(shares[chosen].sum(axis=0), shares[history[user]].sum(axis=0), base=2)
        assert evaluation.per_user[f"ild_at_{K}"][user] == pytest.approx(by_category, abs=1e-9)
        assert evaluation.per_user[f"ild_embedding_at_{K}"][user] == pytest.approx(
            by_vector, abs=1e-6
        )  # float32
        assert evaluation.per_user[f"calibration_at_{K}"][user] == pytest.approx(taste, abs=1e-9)
    assert compared > 20


def test_catalogue_measures_agree_with_plain_loops(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case
    relevant = truth.relevant.toarray()
    counts, hit_items = [0] * ITEMS, set()
    for user in range(USERS):
        for item in items[user]:
            if item >= 0:
                counts[item] += 1
                if relevant[user, item]:
                    hit_items.add(int(item))
    total = sum(counts)
    entropy = -sum(count / total * np.log(count / total) for count in counts if count)
    unevenness = sum(abs(a - b) for a in counts for b in counts) / (2 * ITEMS * total)
    metrics = evaluate_lists(items, truth).metrics
    assert metrics[f"coverage_at_{K}"] == pytest.approx(sum(count > 0 for count in counts) / ITEMS, abs=1e-12)
    assert metrics[f"hit_coverage_at_{K}"] == pytest.approx(len(hit_items) / ITEMS, abs=1e-12)
    assert metrics[f"effective_catalogue_at_{K}"] == pytest.approx(np.exp(entropy) / ITEMS, abs=1e-9)
    assert metrics[f"gini_at_{K}"] == pytest.approx(unevenness, abs=1e-9)


def test_novelty_and_serendipity_agree_with_plain_loops(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case
    history, relevant = truth.history.toarray(), truth.relevant.toarray()
    evaluation = evaluate_lists(items, truth)
    popularity = history.sum(axis=0)
    shares = truth.categories / np.maximum(truth.categories.sum(axis=1, keepdims=True), 1)
    for user in range(USERS):
        chosen = [item for item in items[user] if item >= 0]
        hit = [item for item in chosen if relevant[user, item]]
        if not hit:
            assert np.isnan(evaluation.per_user[f"serendipity_at_{K}"][user])
            continue
        surprise = np.mean([-np.log2(max(popularity[item], 1) / USERS) for item in chosen])
        assert evaluation.per_user[f"novelty_at_{K}"][user] == pytest.approx(surprise, abs=1e-9)
        profile = shares[history[user]].sum(axis=0)
        nearness = {
            item: round(1 - cosine(truth.categories[item].astype(float), profile), 9)
            if truth.categories[item].any()
            else 0.0
            for item in range(ITEMS)
        }
        unseen = [item for item in range(ITEMS) if not history[user, item]]
        popular = sorted(unseen, key=lambda item: (-popularity[item], item))[:K]
        near = sorted(unseen, key=lambda item: (-nearness[item], item))[:10]
        share = np.mean([item not in popular and item not in near for item in hit])
        assert evaluation.per_user[f"serendipity_at_{K}"][user] == pytest.approx(share, abs=1e-12)
