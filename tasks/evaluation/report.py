"""The report as people read it: tables for the terminal and Markdown for Prefect and MLflow.

Everything is rendered from one dictionary, the one that `polyrec report --json` prints.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tasks.metrics.significance import Interval

HEADLINES = {
    "ndcg": "NDCG",
    "recall": "recall",
    "coverage": "coverage",
    "effective_catalogue": "effective catalogue",
    "ild": "diversity (ild)",
}
REPORTED = (*HEADLINES, "hit_coverage", "calibration")
"""What stands at the top of each part of the JSON; tables have no room for all of it."""
FUSION, DIVERSE = "fusion", "fusion_diverse"
FUSIONS = (FUSION, DIVERSE)
"""The published fusion, and the second point of the same search; all other models are single ones."""
GLOBAL = "temporal_global"
GROUPS_TITLE = "By group: users by history, items by age and popularity; NDCG@"
GROUP_COLUMNS = ("group", "users", "best single", "fusion", "difference")
KINDS = {"history_length": "history", "item_age": "age", "popularity": "popularity"}
OUTCOMES = {"first": "First champion", "promoted": "New champion", "kept": "Champion kept"}
PARTS = {"val": "Validation, out of fold", "test": "Test"}


def notes(protocol: str, order_is_time: bool) -> list[str]:
    """What a reader of the figures has to know about how they came about.

    Args:
        protocol: How interactions were split.
        order_is_time: Whether no times were delivered.
    """
    found = []
    if protocol != GLOBAL:
        found.append(
            f"Protocol {protocol} does not cut the whole log at one time, so models have learned from what "
            f'others did later than a judged event. For figures without that, set protocol = "{GLOBAL}" in '
            "[data] and run again: texts and their vectors are kept."
        )
    if order_is_time:
        found.append(
            "No times were delivered: the order of rows is taken for the time, so what came first, and how "
            "long ago, is only as true as that order."
        )
    return found


def part_report(metrics: Mapping[str, float], intervals: Mapping[str, Interval], k: int) -> dict[str, Any]:
    """One model's part of the report: the headline metrics, `ndcg_ci`, and the interval of each metric.

    Args:
        metrics: from evaluate_lists; a headline that the data cannot give is left out.
        intervals: metric name to interval.
        k: length of the lists.
    """
    names = [f"{name}_at_{k}" for name in REPORTED if f"{name}_at_{k}" in metrics]
    part: dict[str, Any] = {name: metrics[name] for name in names}
    part["intervals"] = {
        name: [intervals[name].low, intervals[name].high] for name in names if name in intervals
    }
    if f"ndcg_at_{k}" in part["intervals"]:
        part["ndcg_ci"] = part["intervals"][f"ndcg_at_{k}"]
    return part


def champion_line(report: Mapping[str, Any]) -> str:
    """Whose lists are served and why, in one line; empty where it is not known.

    >>> champion = {"outcome": "kept", "reason": "it is not beaten", "users": 90, "metric": "ndcg_at_10"}
    >>> champion |= {"champion": 0.2, "challenger": 0.21, "difference": 0.01, "low": -0.004, "high": 0.024}
    >>> print(champion_line({"champion": champion}).partition(" (")[0])
    Champion kept: it is not beaten
    """
    told = report.get("champion") or {}
    if told.get("origin_id"):
        return (
            f"Lists were rolled back to those of publication {told['origin_id']}; the figures are those of "
            "the fusion that was published before that, until the next search."
        )
    if "outcome" not in told:
        return ""
    line = f"{OUTCOMES[told['outcome']]}: {told['reason']}"
    if told["difference"] is None:
        return f"{line}."
    return (
        f"{line} ({_heading(told['metric'])} on validation, out of fold: "
        f"challenger {told['challenger']:.3f}, champion {told['champion']:.3f}, "
        f"difference {told['difference']:+.3f}, 95% interval {told['low']:+.3f} to {told['high']:+.3f}, "
        f"{told['users']:,} users)."
    )


def report_renderable(report: Mapping[str, Any]) -> RenderableType:
    """The report for a rich console: one table a part, the weights, and what the comparison says."""
    blocks: list[RenderableType] = []
    for part, title in PARTS.items():
        rows = list(_rows(report, part))
        if not rows:
            continue
        columns = _columns(rows)
        table = Table(
            title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", padding=(0, 1, 0, 0)
        )
        table.add_column("model", min_width=max(len(model) for model, _ in rows))
        for name in columns:
            table.add_column(_heading(name), justify="right")
        for model, values in rows:
            cells = [Text(_figure(values, name)) for name in columns]
            for cell, name in zip(cells, columns, strict=True):
                if spread := _spread(values, name):
                    cell.append(f"\n{spread}", style="dim")
            table.add_row(model, *cells, style="bold" if model == FUSION else None)
        blocks.append(table)
    if weights := report.get("fusion", {}).get("weights"):
        table = Table(title="Fusion weights", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
        table.add_column("model")
        table.add_column("weight", justify="right")
        for model, weight in _by_weight(weights):
            table.add_row(model, f"{weight:.3f}")
        blocks.append(table)
    if sentence := method_sentence(report):
        blocks.append(sentence)
    if rows := group_rows(report):
        table = Table(
            title=f"{GROUPS_TITLE}{report['k']}",
            box=box.SIMPLE_HEAD,
            title_justify="left",
            title_style="bold",
            padding=(0, 1, 0, 0),
        )
        for name in GROUP_COLUMNS:
            table.add_column(name, justify="left" if name == GROUP_COLUMNS[0] else "right")
        for row in rows:
            table.add_row(*row)
        blocks.append(table)
    blocks += [Text(line) for line in (comparison(report), champion_line(report)) if line]
    blocks += [Text(f"\n{note}") for note in report["notes"]]
    return Group(*blocks)


def report_markdown(report: Mapping[str, Any]) -> str:
    """The same report as Markdown, headed by what the figures are comparable within."""
    lines = [
        f"# {report['dataset']}: {report['users']:,} users, {report['items']:,} items, "
        f"{report['interactions']:,} interactions",
        "",
        f"Protocol `{report['protocol']}`, split `{report['split_hash']}`, seed {report['seed']}. "
        "Intervals are 95%, by bootstrap over users.",
    ]
    for part, title in PARTS.items():
        rows = list(_rows(report, part))
        if not rows:
            continue
        columns = _columns(rows)
        lines += ["", f"## {title}", "", f"| model | {' | '.join(_heading(name) for name in columns)} |"]
        lines.append(f"|---|{'---:|' * len(columns)}")
        for model, values in rows:
            cells = [f"{_figure(values, name)} {_spread(values, name)}".strip() for name in columns]
            label = f"**{model}**" if model == FUSION else model
            lines.append(f"| {label} | {' | '.join(cells)} |")
    if weights := report.get("fusion", {}).get("weights"):
        lines += ["", "## Fusion weights", "", "| model | weight |", "|---|---:|"]
        lines += [f"| {model} | {weight:.3f} |" for model, weight in _by_weight(weights)]
    if sentence := method_sentence(report):
        lines += ["", sentence]
    if rows := group_rows(report):
        lines += ["", f"## {GROUPS_TITLE}{report['k']}", "", f"| {' | '.join(GROUP_COLUMNS)} |"]
        lines.append(f"|---|{'---:|' * len(GROUP_COLUMNS[1:])}")
        lines += [f"| {' | '.join(row)} |" for row in rows]
    for sentence in (comparison(report), champion_line(report)):
        lines += ["", sentence] if sentence else []
    for note in report["notes"]:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def group_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Fusion beside the best single model in every group, on test; or on validation before a look at test."""
    found = []
    for part in ("test", "val"):
        for kind, groups in report.get("groups", {}).items():
            for name, parts in groups.items():
                against = parts.get(part, {}).get("vs_best_single")
                if against:
                    models = parts[part]["models"]
                    ndcg = f"ndcg_at_{report['k']}"
                    found.append(
                        (
                            f"{KINDS[kind]}: {name}",
                            f"{models['fusion']['users']:,}",
                            f"{models[against['model']][ndcg]['value']:.3f}",
                            f"{models['fusion'][ndcg]['value']:.3f}",
                            f"{against['difference']:+.3f} ({against['low']:+.3f} to {against['high']:+.3f})",
                        )
                    )
        if found:
            break
    return found


def comparison(report: Mapping[str, Any]) -> str:
    """What the paired comparison on test says, in one sentence; empty when it was not made."""
    against = report.get("fusion", {}).get("test", {}).get("vs_best_single")
    if not against:
        return ""
    if against["low"] > 0:
        verdict = "fusion is better"
    elif against["high"] < 0:
        verdict = "fusion is worse"
    else:
        verdict = "the interval holds zero, so neither is shown to be better"
    name = f" {against['model']}" if against.get("model") else ""
    return (
        f"On test, fusion's NDCG minus that of the best single model{name}: {against['difference']:+.4f} "
        f"({against['low']:+.4f} to {against['high']:+.4f}), paired on the same users: {verdict}."
    )


def every_model(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Model to part to figures: single models, the fusion and, where there is one, its diverse point last."""
    fusion = report.get("fusion", {})
    diverse = {DIVERSE: fusion["diverse"]} if "diverse" in fusion else {}
    return {**report.get("models", {}), FUSION: fusion, **diverse}


def method_sentence(report: Mapping[str, Any]) -> str:
    """Which method and normaliser fuse, and the figures of all that were compared; empty if none were."""
    fusion = report.get("fusion", {})
    if not fusion.get("contest"):
        return ""
    parts = []
    for entry in fusion["contest"]:
        name = f"{entry['method']} ({entry['normaliser']}) {entry['ndcg']:.4f}"
        gain = f"{entry['difference']:+.4f}, {entry['low']:+.4f} to {entry['high']:+.4f}"
        first = entry["against"] == f"{entry['method']} {entry['normaliser']}"
        parts.append(f"{name}{'' if first else f' ({gain})'}{', kept' if entry['kept'] else ''}")
    return (
        f"Fusion methods, NDCG@{report['k']} out of fold on validation, by score alone: {'; '.join(parts)}."
    )


def _rows(report: Mapping[str, Any], part: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each model's values in a part, then fusion's, at its diverse point last."""
    for model, parts in every_model(report).items():
        if part in parts:
            yield model, parts[part]


def _columns(rows: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Metric names that any row has, in the order of HEADLINES."""
    present = {name for _, values in rows for name in values}
    order = list(HEADLINES)
    known = (name for name in present if name.split("_at_")[0] in HEADLINES)
    return sorted(known, key=lambda name: order.index(name.split("_at_")[0]))


def _heading(name: str) -> str:
    measure, k = name.split("_at_")
    return f"{HEADLINES[measure]}@{k}" if measure in ("ndcg", "recall") else HEADLINES[measure]


def _figure(values: Mapping[str, Any], name: str) -> str:
    return f"{values[name]:.3f}" if name in values else "-"


def _spread(values: Mapping[str, Any], name: str) -> str:
    bounds = values.get("intervals", {}).get(name)
    return f"{bounds[0]:.3f}-{bounds[1]:.3f}" if bounds else ""


def _by_weight(weights: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))
