from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from tasks.fusion import tuning
from tasks.fusion.candidates import Candidates
from tasks.fusion.lists import list_rows
from tasks.fusion.objective import Objective, Validation
from tasks.fusion.plan import Plan
from tasks.fusion.points import Ratios
from tasks.fusion.rerank import picked_items
from tasks.fusion.tuning import Tuning, tune
from tasks.metrics.evaluator import Truth, evaluate_lists
from tests.fusion import toys

VARIED = Ratios(catalogue=1.2, ild=1.1)


def tuned(
    seed: int = 0,
    candidates: Candidates | None = None,
    relevant: csr_array | None = None,
    publish: bool = True,
    method: str = "weighted",
    folder: Path | None = None,
) -> Tuning:
    return tune(
        (candidates or toys.random_candidates()).with_user_features(toys.random_features()),
        Validation(
            toys.random_relevance() if relevant is None else relevant,
            toys.USER_IDS,
            toys.random_categories(),
            toys.context(),
        ),
        Plan(5, 12, 0.5, 0.02, VARIED, method, seed=seed),
        publish=publish,
        folder=folder,
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
    model = toys.weighted(weights.tolist(), diversity)
    validation = Validation(relevant, toys.USER_IDS, categories, toys.context(), shown)
    objective = Objective(candidates, model, validation, 5)
    lists = model.lists(candidates, toys.context(), k=5)
    np.testing.assert_array_equal(
        picked_items(candidates.items, objective.lists(weights, diversity, 0)), lists
    )
    validated = np.flatnonzero(np.diff(relevant.indptr))
    history = csr_array((len(validated), len(toys.ITEM_IDS)), dtype=bool)
    truth = Truth(relevant[validated], history, categories, k=5, recommendable=shown)
    metrics = evaluate_lists(lists[validated], truth).metrics
    expected = metrics["ndcg_at_5"], metrics["ild_at_5"], metrics["effective_catalogue_at_5"]
    assert objective(weights, diversity) == pytest.approx(expected, rel=1e-12)


def test_every_list_is_made_with_weights_from_the_other_fold() -> None:
    tuning = tuned()
    candidates, relevant = toys.random_candidates(), toys.random_relevance()
    assert set(tuning.users) == set(np.flatnonzero(np.diff(relevant.indptr)))
    possible = {
        name: model.lists(candidates, toys.context(), 5)[tuning.users]
        for name, model in tuning.models.items()
    }
    by_a = (tuning.items == possible["fold_a"]).all(axis=1)
    by_b = (tuning.items == possible["fold_b"]).all(axis=1)
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


def test_a_figure_needs_the_folds_only() -> None:
    whole, figure = tuned(), tuned(publish=False)
    np.testing.assert_array_equal(figure.items, whole.items)
    assert figure.chosen == {fold: whole.chosen[fold] for fold in ("fold_a", "fold_b")}


@pytest.mark.parametrize("users", [0, 1])
@pytest.mark.parametrize("method", ["auto", "weighted", "reciprocal_rank", "gated", "ranker"])
def test_too_few_users_tune_nothing(method: str, users: int) -> None:
    judged = np.flatnonzero(np.diff(toys.random_relevance().indptr))[:users]
    few = toys.random_candidates().take(judged)
    tuning = tuned(candidates=few, method=method)
    assert not tuning.trials and not tuning.chosen and not tuning.diverse
    model = tuning.models["all"]
    assert dict(model.weights) == dict.fromkeys(toys.MATCHERS, 1 / 3)
    assert model.diversity == 0
    assert model.method == "weighted"
    assert model.normaliser.name == ("reciprocal_rank" if method == "reciprocal_rank" else "zscore")
    assert tuning.models["fold_a"] == tuning.models["fold_b"] == model
    np.testing.assert_array_equal(tuning.items, model.lists(few, toys.context(), 5))
    np.testing.assert_array_equal(tuning.items, tuning.diverse_items)


def test_published_rows_are_ranked_and_their_contributions_add_up() -> None:
    candidates, model, k = toys.random_candidates(), toys.weighted(diversity=0.3), 7
    rows = list_rows(candidates, model, toys.context(), k, toys.USER_IDS, toys.ITEM_IDS)
    assert rows.columns == ["user_id", "rank", "item_id", "score", "contributions", "rules"]
    assert rows["rules"].list.len().sum() == 0
    total = rows["contributions"].struct.unnest().sum_horizontal()
    np.testing.assert_allclose(total.to_numpy(), rows["score"].to_numpy(), rtol=0, atol=1e-9)
    assert rows["contributions"].struct.fields == list(toys.MATCHERS)

    codes = model.lists(candidates, toys.context(), k)
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
        replace(toys.weighted(), weights={"ease": 1.0}).lists(toys.random_candidates(), toys.context(), 5)


@pytest.mark.parametrize("method", ["gated", "ranker", "auto"])
def test_a_users_own_lists_know_nothing_of_what_is_relevant_to_them(method: str) -> None:
    """Normaliser, method, networks, weights and dial come from the other fold, whatever the method."""
    relevant = toys.random_relevance()
    first = tuned(method=method, publish=False)
    changed = relevant.toarray()
    user = first.users[0]
    changed[user] ^= True
    again = tuned(method=method, publish=False, relevant=csr_array(changed))
    np.testing.assert_array_equal(again.items[0], first.items[0])
    np.testing.assert_array_equal(again.diverse_items[0], first.diverse_items[0])


def test_a_tuning_that_was_killed_goes_on_from_its_files(tmp_path: Path) -> None:
    whole = tuned(folder=tmp_path / "whole")
    files = sorted(file.name for file in (tmp_path / "whole").iterdir())
    assert [name.rpartition("-")[0] for name in files] == ["fusion-all", "fusion-fold_a", "fusion-fold_b"]
    kept = tmp_path / "killed"
    kept.mkdir()
    lines = (tmp_path / "whole" / files[1]).read_bytes().splitlines(keepends=True)
    (kept / files[1]).write_bytes(b"".join(lines[:7]) + lines[7][:20])
    again = tuned(folder=kept)
    assert again.models == whole.models
    np.testing.assert_array_equal(again.items, whole.items)
    assert (kept / files[1]).read_bytes() == (tmp_path / "whole" / files[1]).read_bytes()
    # Another relevant item begins another search.
    changed = toys.random_relevance().toarray()
    changed[whole.users[0]] ^= True
    tuned(folder=kept, relevant=csr_array(changed), publish=False)
    assert len(list(kept.iterdir())) == 4


def test_a_search_looks_at_some_of_many_users_and_lists_are_made_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = tuned()
    monkeypatch.setattr(tuning, "MOST_USERS", 5)
    some, again = tuned(), tuned()
    assert some.trials == again.trials and some.trials != whole.trials
    np.testing.assert_array_equal(some.users, whole.users)
    assert (some.items[:, 0] >= 0).all()
    monkeypatch.setattr(tuning, "MOST_USERS", len(whole.users))
    assert tuned().trials == whole.trials  # bit for bit
