from typing import get_args

import pytest

from tasks.evaluation.plots import comparison_figure
from tasks.evaluation.report import comparison, notes, part_report, report_markdown
from tasks.settings.data import Protocol
from tests.evaluation.reports import groups, part, report


def test_a_part_has_the_headlines_their_intervals_and_nothing_else() -> None:
    values = part(0.15)
    assert values["ndcg_ci"] == values["intervals"]["ndcg_at_10"] == pytest.approx([0.14, 0.16])
    assert set(values) == {
        "ndcg_at_10",
        "recall_at_10",
        "coverage_at_10",
        "effective_catalogue_at_10",
        "ild_at_10",
        "intervals",
        "ndcg_ci",
    }


def test_markdown_has_a_row_for_every_model_and_the_verdict() -> None:
    text = report_markdown(report())
    assert "# movielens-100k: 943 users, 1,682 items, 100,000 interactions" in text
    assert "| ease | 0.150 0.140-0.160 | 0.200 | 0.300 | 0.250 | 0.700 |" in text
    assert "| **fusion** | 0.145 0.135-0.155 |" in text
    assert text.index("| ease | 0.750 |") < text.index("| popularity | 0.250 |")
    assert (
        text.count("| popularity |") == 2
    )  # it has no test figures: once in validation, once in the weights
    assert "+0.0050 (-0.0010 to +0.0110)" in text
    assert all(
        line.count("|") == 7 for line in text.split("## Fusion")[0].splitlines() if line.startswith("|")
    )


def test_methods_of_fusion_are_a_table() -> None:
    text = report_markdown(report())
    assert "| weighted (zscore), kept | 0.2188 |  |" in text
    assert "| gated (zscore) | 0.2211 | +0.0023 (-0.0018 to +0.0075) |" in text
    assert "Fusion methods" not in report_markdown(report() | {"fusion": {"weights": {}}})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.001, 0.01, "fusion is better"), (-0.02, -0.01, "is worse"), (-0.1, 0.1, "zero")],
)
def test_verdict_follows_the_interval(low: float, high: float, verdict: str) -> None:
    changed = report()
    changed["fusion"]["test"]["vs_best_single"] = {
        "model": "ease",
        "difference": 0.0,
        "low": low,
        "high": high,
    }
    assert verdict in comparison(changed)
    assert "best single model ease:" in comparison(changed)
    changed["judged"] = {"test": {"users": 1, "nothing_left": 0}}
    assert "one user has no interval" in comparison(changed)


@pytest.mark.parametrize("part", ["val", "test"])
def test_groups_are_a_table(part: str) -> None:
    row = "| popularity: tail | 281 | 0.124 | 0.158 | +0.034 (+0.021 to +0.049) |"
    assert row in report_markdown(report() | {"k": 10, "groups": groups(part)})


@pytest.mark.parametrize("protocol", get_args(Protocol))
@pytest.mark.parametrize("order_is_time", [False, True])
def test_notes_say_what_the_figures_rest_on(protocol: str, order_is_time: bool) -> None:
    noted = notes(protocol, order_is_time)
    text = report_markdown(report() | {"notes": noted})
    assert ("the order of rows is taken for the time" in text) == order_is_time
    assert ('set protocol = "temporal_global" in [data]' in text) == (protocol != "temporal_global")
    assert all(note in text for note in noted)


def test_a_report_before_the_look_at_test_still_renders() -> None:
    early = report()
    del early["fusion"]["test"], early["models"]["ease"]["test"]
    assert "## Test" not in report_markdown(early)
    assert comparison(early) == ""
    with pytest.raises(ValueError, match="no figures for part 'test'"):
        comparison_figure(early)


def test_figure_has_a_panel_a_metric_and_a_point_a_model() -> None:
    figure = comparison_figure(report(), "val")
    traces = figure.to_dict()["data"]
    assert len(traces) == 5
    assert list(traces[0]["y"]) == ["ease", "popularity", "fusion"]
    assert list(traces[0]["x"]) == [0.15, 0.05, 0.16]
    assert traces[0]["error_x"]["array"] == pytest.approx([0.01] * 3)


def test_a_diverse_setting_stands_beside_the_fusion() -> None:
    changed = report()
    changed["fusion"]["diverse"] = {"test": part(0.12)}
    lines = report_markdown(changed).splitlines()
    assert [line.split("|")[1].strip() for line in lines if "0.120" in line or "0.145" in line] == [
        "**fusion**",
        "fusion_diverse",
    ]
    assert "fusion_diverse" in list(comparison_figure(changed).data[0]["y"])
    assert "fusion_diverse" not in report_markdown(report())


def test_what_diversity_costs_and_gives_heads_a_part() -> None:
    metrics = {"hit_coverage_at_10": 0.2, "calibration_at_10": 0.4, "gini_at_10": 0.9}
    values = part_report({name: {"value": value} for name, value in metrics.items()}, k=10)
    assert values == {"hit_coverage_at_10": 0.2, "calibration_at_10": 0.4, "intervals": {}}
