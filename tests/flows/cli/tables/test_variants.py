"""Ablations and comparisons in a terminal."""

from flows.cli.tables.variants import variants_table
from tests.flows.cli.tables.printed import shown
from tests.studies.answers import variants


def test_table() -> None:
    printed = shown(variants_table(variants()), 160)
    lines = [line.split() for line in printed.splitlines()]
    assert ["1", "slot", "0.3750", "+0.1250", "[-0.0625,", "+0.5000]"] in lines
    assert ["title", "+", "categories", "0.2500"] in lines
    assert "none is written" in printed
    assert "A word on the protocol." in printed


def test_narrow_terminal_breaks_figures_and_cuts_none() -> None:
    answer = variants()
    for row in answer["variants"][:2]:
        row |= {"fit_seconds": 12.3, "score_seconds": 0.1}
        for name in ("effective_catalogue_at_2", "ild_at_2"):
            row["val"][name] = row["val"]["ndcg_at_2"]
            row["val"]["differences"][name] = row["val"]["differences"]["ndcg_at_2"]
    assert "…" not in shown(variants_table(answer), 60)
