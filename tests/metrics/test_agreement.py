"""The measures agree with independent implementations on random input."""

import numpy as np
import pytest
import pytrec_eval
from scipy.sparse import csr_array
from scipy.spatial.distance import cosine, jaccard, jensenshannon
from sklearn.metrics import ndcg_score, precision_score, recall_score

from tasks.metrics.evaluator import Truth, evaluate_at, evaluate_lists, truths_at

TREC = {  # a measure of trec_eval, which is cut at k as `<measure>.<k>`
    "ndcg": "ndcg_cut",
    "recall": "recall",
    "precision": "P",
    "hit_rate": "success",
    "mrr": "recip_rank",
    "map": "map_cut",
}
LENGTHS = (10, 1, 3, 5, 20)
USERS, ITEMS, K, CATEGORIES = 60, 80, 10, 7


@pytest.fixture(scope="module", params=range(5))
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, Truth]:
    """Random lists of random lengths (some empty), and a random truth (some users without any)."""
    generator = np.random.default_rng(request.param)
    longest = max(LENGTHS)
    items = np.argsort(generator.random((USERS, ITEMS)), axis=1)[:, :longest]
    items[np.arange(longest) >= generator.integers(0, longest + 8, USERS)[:, None]] = -1
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
def test_accuracy_agrees_with_trec_eval_at_every_k(case: tuple[np.ndarray, Truth], name: str) -> None:
    items, truth = case
    relevant = truth.relevant.toarray()
    judged = [user for user in range(USERS) if relevant[user].any()]
    wanted = {f"u{user}": {f"i{item}": 1 for item in np.nonzero(relevant[user])[0]} for user in judged}
    evaluation = evaluate_at(items, truths_at(truth, LENGTHS))
    for k in LENGTHS:
        # trec_eval wants a document for every query: one that nobody wants, last, stands for an empty list.
        given = {
            f"u{user}": {
                f"i{item}": float(k - rank) for rank, item in enumerate(items[user, :k]) if item >= 0
            }
            | {"none": -1.0}
            for user in judged
        }
        measure = TREC[name] if name == "mrr" else f"{TREC[name]}.{k}"
        answer = measure if name == "mrr" else f"{TREC[name]}_{k}"
        evaluator = pytrec_eval.RelevanceEvaluator(wanted, {measure})
        theirs = {user: values[answer] for user, values in evaluator.evaluate(given).items()}
        ours = evaluation.per_user[f"{name}_at_{k}"]
        assert np.isnan(np.delete(ours, judged)).all()
        np.testing.assert_allclose(ours[judged], [theirs[f"u{user}"] for user in judged], rtol=0, atol=1e-9)
        mean = np.mean(list(theirs.values()))
        assert evaluation.metrics[f"{name}_at_{k}"] == pytest.approx(mean, abs=1e-9)


def test_ndcg_and_precision_agree_with_scikit_learn_at_every_k(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case
    relevant = truth.relevant.toarray()
    evaluation = evaluate_at(items, truths_at(truth, LENGTHS))
    for k in LENGTHS:
        full = [user for user in range(USERS) if relevant[user].any() and (items[user, :k] >= 0).all()]
        scores = np.zeros((USERS, ITEMS))
        places = np.maximum(items[:, :k], 0)
        np.put_along_axis(scores, places, np.arange(k, 0, -1, dtype=float)[None], axis=1)
        shown = scores[full] > 0
        theirs = {
            "ndcg": ndcg_score(relevant[full], scores[full], k=k, ignore_ties=True),
            "precision": precision_score(relevant[full], shown, average="samples"),
            "recall": recall_score(relevant[full], shown, average="samples"),
        }
        for name, value in theirs.items():
            ours = evaluation.per_user[f"{name}_at_{k}"][full].mean()
            assert ours == pytest.approx(value, abs=1e-9), (name, k)


def test_variety_agrees_with_scipy(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case[0][:, :K], case[1]
    assert truth.vectors is not None
    vectors = truth.vectors.astype(np.float64)
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
        by_vector = np.mean([cosine(vectors[a], vectors[b]) for a, b in pairs])
        taste = jensenshannon(shares[chosen].sum(axis=0), shares[history[user]].sum(axis=0), base=2)
        assert evaluation.per_user[f"ild_at_{K}"][user] == pytest.approx(by_category, abs=1e-9)
        assert evaluation.per_user[f"ild_embedding_at_{K}"][user] == pytest.approx(by_vector, abs=1e-9)
        assert evaluation.per_user[f"calibration_at_{K}"][user] == pytest.approx(taste, abs=1e-9)
    assert compared > 20


def test_catalogue_measures_agree_with_plain_loops(case: tuple[np.ndarray, Truth]) -> None:
    items, truth = case[0][:, :K], case[1]
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
    items, truth = case[0][:, :K], case[1]
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
