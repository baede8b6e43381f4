import numpy as np
import pytest
from scipy.sparse import csr_array

from tasks.metrics.evaluator import Truth, evaluate_lists
from tasks.metrics.ranking import contains


def toy(**changes: object) -> Truth:
    """Three users, five items; user 2 has nothing relevant."""
    values: dict[str, object] = {
        "relevant": csr_array(np.array([[1, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=bool)),
        "history": csr_array(np.array([[0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0]], dtype=bool)),
        "categories": np.array([[1, 0], [1, 0], [0, 1], [1, 1], [0, 1]], dtype=bool),
        "k": 2,
    }
    return Truth(**{**values, **changes})  # type: ignore[arg-type]


LISTS = np.array([[0, 3], [4, 3], [0, -1]])


def test_known_answers() -> None:
    evaluation = evaluate_lists(LISTS, toy())
    second = 1 / np.log2(3)
    wanted = {
        "ndcg_at_2": (1 / (1 + second) + second) / 2,
        "recall_at_2": 0.75,
        "precision_at_2": 0.5,
        "hit_rate_at_2": 1.0,
        "mrr_at_2": 0.75,
        "map_at_2": 0.5,
        "ild_at_2": 0.5,
        "coverage_at_2": 0.6,  # all three lists, also of the user without relevant items
        "hit_coverage_at_2": 0.4,
        "gini_at_2": 0.48,
    }
    for name, value in wanted.items():
        assert evaluation.metrics[name] == pytest.approx(value, abs=1e-12), name
    shares = np.array([2, 2, 1]) / 5
    effective = np.exp(-(shares * np.log(shares)).sum()) / 5
    assert evaluation.metrics["effective_catalogue_at_2"] == pytest.approx(effective)
    assert np.isnan(evaluation.per_user["ndcg_at_2"]).tolist() == [False, False, True]
    assert evaluation.exposure.sum() == 5
    assert evaluation.hit_exposure.sum() == 2


def test_only_the_first_k_count_and_the_rest_may_be_longer() -> None:
    longer = np.hstack([LISTS, [[2], [1], [-1]]])
    assert evaluate_lists(longer, toy()).metrics == evaluate_lists(LISTS, toy()).metrics


def test_perfect_empty_and_unlucky_lists() -> None:
    truth = toy()
    assert evaluate_lists(np.array([[2, 0], [3, -1], [-1, -1]]), truth).metrics["ndcg_at_2"] == pytest.approx(
        1
    )
    empty = evaluate_lists(np.full((3, 2), -1), truth).metrics
    assert (
        empty["ndcg_at_2"]
        == empty["coverage_at_2"]
        == empty["effective_catalogue_at_2"]
        == empty["gini_at_2"]
        == 0
    )
    assert np.isnan(empty["ild_at_2"])
    assert np.isnan(empty["serendipity_at_2"])


def test_data_without_categories_has_no_measures_of_categories() -> None:
    vectors = np.eye(5, dtype=np.float32)
    metrics = evaluate_lists(LISTS, toy(categories=np.zeros((5, 0), dtype=bool), vectors=vectors)).metrics
    assert not {"ild_at_2", "calibration_at_2", "serendipity_at_2"} & set(metrics)
    assert metrics["ild_embedding_at_2"] == 1.0


def test_novelty_looks_at_every_training_user() -> None:
    everyone = csr_array(np.ones((8, 5), dtype=bool))
    assert evaluate_lists(LISTS, toy(all_history=everyone)).metrics["novelty_at_2"] == 0.0
    # Nobody in the toy's own history has items 0, 3 and 4: as if one of three had.
    assert evaluate_lists(LISTS, toy()).metrics["novelty_at_2"] == pytest.approx(np.log2(3))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (np.array([[0, 0], [1, 2], [3, 4]]), "list 0 has item code 0 twice"),
        (np.array([[0, 9], [1, 2], [3, 4]]), "item codes run from 0 to 9"),
        (np.array([[0], [1], [2]]), "lists have shape"),
        (np.array([[0, 1]]), "lists have shape"),
    ],
)
def test_lists_that_would_be_judged_wrongly_are_refused(lists: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_lists(lists, toy())


def test_truth_that_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="differ in users or items"):
        toy(history=csr_array((3, 4), dtype=bool))
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        toy(k=0)


def test_contains_reads_unsorted_rows_and_never_finds_the_padding() -> None:
    matrix = csr_array((np.ones(3, dtype=bool), np.array([4, 1, 0]), np.array([0, 2, 2, 3])), shape=(3, 5))
    found = contains(matrix, np.array([[1, 4, -1], [1, 4, -1], [0, -1, 4]]))
    assert found.tolist() == [[True, True, False], [False, False, False], [True, False, False]]
    assert not contains(csr_array((2, 3), dtype=bool), np.array([[0], [1]])).any()
    with pytest.raises(ValueError, match="outside a catalogue of 5 items"):
        contains(matrix, np.array([[5], [0], [0]]))


def test_the_catalogue_is_what_may_be_recommended() -> None:
    shown = np.array([True, True, False, True, False])
    relevant = csr_array(toy().relevant.toarray() & shown)
    truth = toy(relevant=relevant, recommendable=shown)
    evaluation = evaluate_lists(LISTS, truth)
    assert evaluation.exposure.shape == (3, 3)
    assert evaluation.metrics["coverage_at_2"] == pytest.approx(2 / 3)  # items 0 and 3 of 0, 1 and 3
    assert evaluation.metrics["hit_coverage_at_2"] == pytest.approx(2 / 3)
    assert evaluation.metrics["effective_catalogue_at_2"] == pytest.approx(2 / 3)  # shown twice each
    assert evaluation.per_user["recall_at_2"][:2].tolist() == [1, 1]
    assert not truth.obvious.toarray()[:, ~shown].any()
    all_shown = evaluate_lists(LISTS, toy(recommendable=np.ones(5, dtype=bool)))
    assert all_shown.metrics == evaluate_lists(LISTS, toy()).metrics


def test_events_that_no_list_could_hold_are_not_relevant() -> None:
    with pytest.raises(ValueError, match="1 relevant events are of items that may not be recommended"):
        toy(recommendable=np.array([True, True, False, True, True]))
