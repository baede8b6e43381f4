import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from tasks.evaluation.metrics import Truth, evaluate_lists
from tasks.fusion.candidates import Candidates
from tasks.fusion.lists import list_codes, list_rows
from tasks.fusion.objective import Objective
from tasks.fusion.tuning import Tuning, tune
from tests.fusion import toys


def tuned(
    seed: int = 0,
    candidates: Candidates | None = None,
    relevant: csr_array | None = None,
    publish: bool = True,
) -> Tuning:
    return tune(
        candidates or toys.random_candidates(),
        toys.random_relevance() if relevant is None else relevant,
        toys.USER_IDS,
        toys.random_categories(),
        toys.similarity(),
        k=5,
        trials=12,
        max_diversity=0.5,
        slack=0.02,
        seed=seed,
        publish=publish,
    )


@pytest.mark.parametrize("all_shown", [True, False])
@pytest.mark.parametrize("diversity", [0.0, 0.35])
def test_a_trial_measures_what_the_evaluator_reports(diversity: float, all_shown: bool) -> None:
    candidates, relevant, categories = (
        toys.random_candidates(),
        toys.random_relevance(),
        toys.random_categories(),
    )
    shown = np.ones(len(toys.ITEM_IDS), dtype=bool)
    if (
        not all_shown
    ):  # candidates of matching hold no other items; here some slip in, and are in no catalogue
        shown[::4] = False
        relevant = csr_array(relevant.toarray() & shown)
    weights = np.array([0.2, 0.5, 0.3])
    objective = Objective(candidates, relevant, categories, toys.similarity(), 5, shown)
    named = dict(zip(toys.MATCHERS, weights, strict=True))
    lists = list_codes(candidates, named, diversity, toys.similarity(), k=5)
    np.testing.assert_array_equal(objective.list_items(weights, diversity), lists)
    judged = np.flatnonzero(np.diff(relevant.indptr))
    history = csr_array((len(judged), len(toys.ITEM_IDS)), dtype=bool)
    truth = Truth(relevant[judged], history, categories, k=5, recommendable=shown)
    metrics = evaluate_lists(lists[judged], truth).metrics
    expected = metrics["ndcg_at_5"], metrics["ild_at_5"], metrics["effective_catalogue_at_5"]
    assert objective(weights, diversity) == pytest.approx(expected, rel=1e-12)


def test_every_list_is_made_with_weights_from_the_other_half() -> None:
    tuning = tuned()
    candidates, relevant = toys.random_candidates(), toys.random_relevance()
    assert set(tuning.users) == set(np.flatnonzero(np.diff(relevant.indptr)))
    possible = {
        name: list_codes(candidates, trial.weights, trial.diversity, toys.similarity(), 5)[tuning.users]
        for name, trial in tuning.chosen.items()
    }
    by_a = (tuning.items == possible["half_a"]).all(axis=1)
    by_b = (tuning.items == possible["half_b"]).all(axis=1)
    assert (by_a | by_b).all()

    # What is relevant to a user must not change the user's own list.
    changed = relevant.toarray()
    changed[tuning.users[0]] ^= True
    again = tuned(relevant=csr_array(changed))
    np.testing.assert_array_equal(again.items[0], tuning.items[0])


def test_an_oracle_among_noise_gets_the_weight() -> None:
    candidates, relevant = toys.random_candidates(), toys.random_relevance()
    wanted = (
        np.take_along_axis(relevant.toarray(), np.maximum(candidates.items, 0), axis=1) & candidates.present
    )
    candidates.scores[:, :, 1] = wanted
    tuning = tuned(candidates=candidates)
    assert max(tuning.chosen["all"].weights, key=lambda name: tuning.chosen["all"].weights[name]) == "ease"


def test_the_same_seed_gives_the_same_tuning() -> None:
    first, second = tuned(), tuned()
    assert first.chosen == second.chosen
    np.testing.assert_array_equal(first.items, second.items)


def test_a_figure_needs_the_halves_only() -> None:
    whole, figure = tuned(), tuned(publish=False)
    np.testing.assert_array_equal(figure.items, whole.items)
    assert figure.chosen == {half: whole.chosen[half] for half in ("half_a", "half_b")}


def test_too_few_users_are_refused() -> None:
    with pytest.raises(ValueError, match="only 1 users have both"):
        tuned(
            candidates=toys.random_candidates().take(
                np.flatnonzero(np.diff(toys.random_relevance().indptr))[:1]
            )
        )


def test_published_rows_are_ranked_and_their_contributions_add_up() -> None:
    candidates, weights = toys.random_candidates(), dict(zip(toys.MATCHERS, [0.2, 0.5, 0.3], strict=True))
    k = 7
    rows = list_rows(candidates, weights, 0.3, toys.similarity(), k, toys.USER_IDS, toys.ITEM_IDS)
    assert rows.columns == ["user_id", "rank", "item_id", "score", "contributions", "rules"]
    assert rows["rules"].list.len().sum() == 0
    total = rows["contributions"].struct.unnest().sum_horizontal()
    np.testing.assert_allclose(total.to_numpy(), rows["score"].to_numpy(), rtol=0, atol=1e-9)
    assert rows["contributions"].struct.fields == list(toys.MATCHERS)

    codes = list_codes(candidates, weights, 0.3, toys.similarity(), k)
    for row, user in enumerate(candidates.users):
        mine = rows.filter(pl.col("user_id") == toys.USER_IDS[user])
        wanted = [toys.ITEM_IDS[item] for item in codes[row] if item >= 0]
        assert mine["item_id"].to_list() == wanted
        assert mine["rank"].to_list() == list(range(1, len(wanted) + 1))
        assert len(wanted) == min(k, int(candidates.present[row].sum()))


def test_weights_for_other_matchers_are_refused() -> None:
    with pytest.raises(
        ValueError, match="weights are for ease, scores are from cosine_max, ease, popularity"
    ):
        list_codes(toys.random_candidates(), {"ease": 1.0}, 0.0, toys.similarity(), 5)
