"""What holds for every method of fusion: scores, contributions, what is kept of it, bad input."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.fusion.candidates import Candidates
from tasks.fusion.methods import accurate_model
from tasks.fusion.model import LEARNED, METHODS, FusionModel, Point
from tasks.fusion.networks import SHAPLEY_ROWS
from tasks.fusion.normalise import NORMALISERS, Normaliser
from tasks.fusion.shapley import shapley_values
from tests.fusion import toys
from warehouse.errors import SettingsError


def candidates() -> Candidates:
    return toys.random_candidates().with_user_features(toys.random_features())


def learned(method: str, normaliser: str = "zscore") -> FusionModel:
    """With every part of it in use, the ranker beside two of the matchers."""
    of = candidates()
    # Random scores get no weight from random relevance: what is relevant has a little of two of them.
    sums = np.where(of.present, of.scores[:, :, 0] + of.scores[:, :, 1], -np.inf)
    relevant = sums >= np.sort(sums, axis=1)[:, -3:-2]
    model = accurate_model(method, normaliser, of, relevant & of.present, seed=0)
    assert model.method == method
    weights = {"cosine_max": 0.2, "ease": 0.0, "popularity": 0.3} | ({LEARNED: 0.5} if model.ranker else {})
    return replace(model, weights=weights, diversity=0.25, diverse=Point(weights, 0.5))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_contributions_add_up_to_the_score_and_a_record_gives_the_model_back(
    method: str, normaliser: str
) -> None:
    of, model = candidates(), learned(method, normaliser)
    scores = model.scores(of)
    assert np.isneginf(scores[~of.present]).all() and np.isfinite(scores[of.present]).all()
    rows, columns = np.nonzero(of.present)
    parts = model.contributions(of, rows, columns)
    assert parts.shape == (len(rows), len(toys.MATCHERS))
    np.testing.assert_allclose(parts.sum(axis=1), scores[rows, columns], rtol=0, atol=1e-9)
    kept = FusionModel.from_record({**model.to_record(), "fusion_id": "f"})
    assert kept == model
    np.testing.assert_array_equal(kept.scores(of), scores)
    assert kept.as_diverse.diversity == 0.5


@pytest.mark.parametrize("method", METHODS)
def test_a_score_is_the_users_own(method: str) -> None:
    of, model = candidates(), learned(method)
    for user in (0, 7):
        alone = model.scores(of.take(np.array([user])))
        np.testing.assert_allclose(alone[0], model.scores(of)[user], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_contributions_are_shapley_values_of_the_whole_score(method: str) -> None:
    of, model = candidates(), learned(method)
    columns = np.flatnonzero(of.present[3])[:4]
    normalised = model.normaliser(of)[3, columns]
    expected = shapley_values(model.value_of(of, 3), normalised)
    np.testing.assert_allclose(
        model.contributions(of, np.full(len(columns), 3), columns), expected, atol=1e-12
    )


def test_a_matcher_that_is_new_to_a_network_counts_as_it_is() -> None:
    """A visitor's query has matchers of its own, and others are absent."""
    of, gated = candidates(), learned("gated")
    assert gated.gate is not None and of.user_features is not None
    multipliers = gated.gate.multipliers(of.user_features, ("search", "ease"))
    assert (multipliers[:, 0] == 1).all() and not (multipliers[:, 1] == 1).all()
    ranker = learned("ranker").ranker
    assert ranker is not None
    few = ranker.value(np.array([[1.0, 9.0]]), ("ease", "search"))
    np.testing.assert_allclose(few, ranker.value(np.array([[0.0, 1.0, 0.0]]), toys.MATCHERS))
    assert ranker.value(np.zeros((1, 3)), toys.MATCHERS) == 0


@pytest.mark.parametrize("matchers", [toys.MATCHERS, ("ease", "search")])
def test_contributions_of_a_ranker_are_those_of_all_coalitions(matchers: tuple[str, ...]) -> None:
    """Blocks of rows change nothing, and neither do matchers that are new to it or absent."""
    ranker = learned("ranker").ranker
    assert ranker is not None
    rows = np.random.default_rng(3).normal(size=(2 * SHAPLEY_ROWS + 1, len(matchers)))
    expected = shapley_values(lambda scores: ranker.value(scores, matchers), rows)
    np.testing.assert_allclose(ranker.contributions(rows, matchers), expected, atol=1e-12)


def test_a_record_from_before_there_were_methods_is_a_weighted_sum() -> None:
    record = {"normaliser": "zscore", "diversity": 0.1, "weights": '{"ease": 1.0}', "model": None}
    assert FusionModel.from_record(record) == FusionModel(
        "weighted", Normaliser("zscore"), {"ease": 1.0}, 0.1
    )


def test_bad_models_are_refused() -> None:
    model = toys.weighted()
    with pytest.raises(SettingsError, match=r"all weights are zero \(ease\), so nothing orders a list"):
        replace(model, weights={"ease": 0.0})
    with pytest.raises(SettingsError, match="the weight of 'ease' is -1"):
        replace(model, weights={"ease": -1.0})
    with pytest.raises(SettingsError, match="no normaliser 'softmax'; set normaliser in .* zscore, min_max"):
        Normaliser("softmax")
    with pytest.raises(SettingsError, match="no fusion method 'vote'; set method in .* weighted, recipr"):
        replace(model, method="vote")
    with pytest.raises(ValueError, match="a fusion by 'gated' lacks its network"):
        replace(model, method="gated")
    with pytest.raises(ValueError, match="needs user features"):
        learned("gated").scores(toys.random_candidates())
    named = replace(candidates(), matchers=("ease", "popularity", LEARNED))
    with pytest.raises(SettingsError, match="no matcher may be called 'learned_ranker'"):
        accurate_model("weighted", "zscore", named, named.present, 0)
