"""What a language model adds on a sample of users, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group

from flows.cli.tables.table import Table, figure, word


def relevance_table(answer: Mapping[str, Any]) -> Group:
    """Each model alone, what it adds to the fusion, what it costs, and how well the student follows."""
    name, column = f"ndcg_at_{answer['k']}", f"NDCG@{answer['k']}"
    title = f"{answer['pairs']:,} pairs of {answer['users']:,} users ({answer['judged_users']:,} with labels)"
    alone = [
        (row["model"], f"{row[name]:z.4f}", f"{row['low']:z.4f} to {row['high']:z.4f}")
        for row in (*answer["models"], *answer["variants_of_the_language_model"])
    ]
    fused = [
        (row["with"] or "nothing", f"{row[name]:z.4f}", _gain(row) if row["with"] else "")
        for row in answer["fusion"]
    ]
    costs = [("language_model", "", f"{answer['language_model']['ms_a_pair']:z.1f}")]
    for model, cost in (("relevance_student", answer["student"]), ("cross_encoder", answer["cross_encoder"])):
        costs.append((model, f"{cost['fit_seconds']:z.1f}", f"{cost['ms_a_pair']:z.4f}"))
    found = answer["student"]["rank_correlation"]
    learned = (f"{found['value']:z.3f}", f"{found['low']:z.3f} to {found['high']:z.3f}")
    return Group(
        Table(title, [word("model"), figure(column), figure("95% interval")], alone),
        Table(
            "Fusion of the others, out of fold, with",
            [word("model"), figure(column), figure("difference")],
            fused,
        ),
        Table("Cost", [word("model"), figure("seconds to fit"), figure("ms a pair")], costs),
        Table(
            "Student and language model, users it did not learn from",
            [word("rank correlation"), word("95% interval")],
            [learned],
        ),
    )


def _gain(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{row['difference']:+z.4f}", f"({row['low']:+z.4f} to {row['high']:+z.4f})"
