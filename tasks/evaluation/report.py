"""The report as people read it: tables and sentences, and their Markdown for Prefect and MLflow.

Everything is made from one dictionary, the one that `polyrec report --json` prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tasks.run.adaptation import adaptation_lines

HEADLINES = {
    "ndcg": "NDCG",
    "recall": "recall",
    "coverage": "coverage",
    "effective_catalogue": "effective catalogue",
    "ild": "diversity (ild)",
}
REPORTED = (*HEADLINES, "hit_coverage", "calibration")
"""What stands at the top of each part of the JSON; tables have no room for all of it."""
FEW_USERS = 20
"""With fewer, figures say little."""
FUSION, DIVERSE = "fusion", "fusion_diverse"
FUSIONS = (FUSION, DIVERSE)
"""The published fusion, and the second point of the same search; all other models are single ones."""
Cell = str | tuple[str, ...]
"""A figure, or a figure and its interval."""
GLOBAL = "temporal_global"
KINDS = {"history_length": "history", "item_age": "age", "popularity": "popularity"}
OUTCOMES = {"first": "First champion", "promoted": "New champion", "kept": "Champion kept"}
PARTS = {"val": "Validation, out of fold", "test": "Test"}
NAMED = {"val": "validation", "test": "test"}


class Sheet(NamedTuple):
    """A table of the report: the first cell of a row is a name, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def notes(
    protocol: str,
    order_is_time: bool,
    of_older_lists: bool = False,
    judged: Mapping[str, Mapping[str, int]] | None = None,
) -> list[str]:
    """What a reader must know about the split, the order of rows without times, and who is not judged.

    And that the figures are of older lists than those that are served, where a run ended between the two.
    `judged` is by part: `users` and `nothing_left`.
    """
    found = []
    if of_older_lists:
        found.append(
            "The figures are of older lists than those that are served: the last run ended before it had "
            "evaluated its lists, or still goes on. To evaluate them: polyrec run --stage evaluation."
        )
    if protocol != GLOBAL:
        found.append(
            f"Protocol {protocol} does not cut the whole log at one time, so models have learned from what "
            "others did later than the events they are measured on. For figures without that, set protocol = "
            f'"{GLOBAL}" in [data] and run again: texts and their vectors are kept.'
        )
    if order_is_time:
        found.append(
            "No times were delivered: the order of rows is taken for the time, so what came first, and how "
            "long ago, is only as true as that order."
        )
    for part, of_part in (judged or {}).items():
        if of_part["nothing_left"]:
            judged_ones, others = map(_users, (of_part["users"], of_part["nothing_left"]))
            found.append(
                f"On {NAMED[part]} {judged_ones} judged and {others} not: what was held back of theirs they "
                "had before, or lists may not hold it, so nothing was left to find."
            )
    return found


def _users(n: int) -> str:
    return "1 user is" if n == 1 else f"{n:,} users are"


def judged_users(report: Mapping[str, Any], part: str) -> int | None:
    """How many users judged the lists of a part; None where an older version did not say."""
    found: int | None = report.get("judged", {}).get(part, {}).get("users")
    return found


def judging(report: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about what nobody, or hardly anybody, could judge."""
    users = {NAMED[part]: judged_users(report, part) for part in PARTS}
    if nobody := [f"on {part}" for part, n in users.items() if n == 0]:
        yield (
            f"Nobody could be judged {' or '.join(nobody)}. Users are judged by events that are held back, "
            "with items that they did not have before and that may be recommended. More events would give "
            "figures; so may another [data] protocol."
        )
    if report["fusion"].get("tuned") is False:
        yield (
            "Too few users could be judged on validation to tune the fusion: all models weigh alike, and "
            "lists are in the order of the score."
        )
    for part, n in users.items():
        if n and n < FEW_USERS:
            yield f"Only {_users(n)} judged on {part}: its figures say little."


def part_report(figures: Mapping[str, Mapping[str, float]], k: int) -> dict[str, Any]:
    """One model's part of the report: the headline metrics, `ndcg_ci`, and the interval of each metric.

    Args:
        figures: metric name to its value and, where there is an interval, low and high; a headline that the
            data cannot give is left out.
        k: length of the lists.
    """
    named = {name: figures[name] for name in (f"{one}_at_{k}" for one in REPORTED) if name in figures}
    intervals = {name: [one["low"], one["high"]] for name, one in named.items() if "low" in one}
    part: dict[str, Any] = {name: one["value"] for name, one in named.items()} | {"intervals": intervals}
    return part | ({"ndcg_ci": intervals[f"ndcg_at_{k}"]} if f"ndcg_at_{k}" in intervals else {})


def unjudged_part(k: int) -> dict[str, Any]:
    """The same of a part that nobody could judge: None in the place of figures."""
    return {f"{one}_at_{k}": None for one in REPORTED} | {"ndcg_ci": None, "intervals": {}, "metrics": {}}


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
        f"challenger {told['challenger']:z.3f}, champion {told['champion']:z.3f}, "
        f"difference {told['difference']:+z.3f}, 95% interval {told['low']:+z.3f} to {told['high']:+z.3f}, "
        f"{told['users']:,} users)."
    )


def blocks(report: Mapping[str, Any]) -> Iterator[Sheet | str]:
    """What people read, in its order: the parts, the weights, the groups, and sentences about them."""
    fusion, k = report["fusion"], report["k"]
    for part, title in PARTS.items():
        rows = [(model, parts[part]) for model, parts in every_model(report).items() if part in parts]
        if rows and judged_users(report, part) != 0:
            yield _part(title, rows)
    if weights := fusion.get("weights"):
        ordered = sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))
        shown: list[tuple[Cell, ...]] = [(name, f"{weight:z.3f}") for name, weight in ordered]
        yield Sheet("Fusion weights", ("model", "weight"), shown)
    if methods := fusion.get("model_selection"):
        title = "Fusion methods by score alone, out of fold on validation"
        yield Sheet(title, ("method", f"NDCG@{k}", "difference"), [_method(entry) for entry in methods])
    if groups := _groups(report, f"ndcg_at_{k}"):
        title = f"By group: users by history, items by age and popularity; NDCG@{k}"
        yield Sheet(title, ("group", "users", "best single", "fusion", "difference"), groups)
    yield from judging(report)
    told = (adaptation(report), comparison(report), champion_line(report), *report["notes"])
    yield from filter(None, told)


def adaptation(report: Mapping[str, Any]) -> str:
    """How settings were adapted to the data, in one paragraph; empty where they were not."""
    told = report.get("adaptation")
    if not told:
        return ""
    return (
        f"Settings adapted to the data ({told['reason']}; NDCG@{report['k']} of the last events of "
        f"{told['judged_users']:,} train histories): {'; '.join(adaptation_lines(told))}."
    )


def report_markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown, headed by what the figures are comparable within."""
    lines = [
        f"# {report['dataset']}: {report['users']:,} users, {report['items']:,} items, "
        f"{report['interactions']:,} interactions",
        "",
        f"Protocol `{report['protocol']}`, split `{report['split_hash']}`, seed {report['seed']}. "
        "Intervals are 95%, by bootstrap over users.",
    ]
    for block in blocks(report):
        if isinstance(block, str):
            lines += ["", block]
            continue
        lines += ["", f"## {block.title}", "", f"| {' | '.join(block.columns)} |"]
        lines.append(f"|---|{'---:|' * len(block.columns[1:])}")
        for name, *cells in block.rows:
            label = f"**{name}**" if name == FUSION else name
            shown = [cell if isinstance(cell, str) else " ".join(filter(None, cell)) for cell in cells]
            lines.append(f"| {label} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _part(title: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Sheet:
    """Each model's headline metrics; a dash where the data cannot give one."""
    present = {name for _, values in rows for name in values}
    names = [name for metric in HEADLINES for name in present if name.split("_at_")[0] == metric]

    def cell(values: Mapping[str, Any], name: str) -> tuple[str, str]:
        bounds = values["intervals"].get(name)
        value = f"{values[name]:z.3f}" if name in values else "-"
        return value, f"{bounds[0]:z.3f}-{bounds[1]:z.3f}" if bounds else ""

    shown = [(model, *(cell(values, name) for name in names)) for model, values in rows]
    return Sheet(title, ("model", *map(_heading, names)), shown)


def _method(entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A method with its normaliser, and how far it is above the one that it was compared with."""
    method, normaliser = entry["method"], entry["normaliser"]
    name = method if method == normaliser else f"{method} ({normaliser})"
    name += ", kept" if entry["kept"] else ""
    first = entry["against"] == f"{method} {normaliser}"
    difference = (f"{entry['difference']:+z.4f}", f"({entry['low']:+z.4f} to {entry['high']:+z.4f})")
    return name, f"{entry['ndcg']:z.4f}", "" if first else difference


def _groups(report: Mapping[str, Any], ndcg: str) -> list[tuple[Cell, ...]]:
    """Fusion beside the best single model in every group, on test; or on validation before a look at test."""
    for part in ("test", "val"):
        found: list[tuple[Cell, ...]] = []
        for kind, groups in report.get("groups", {}).items():
            for name, parts in groups.items():
                if against := parts.get(part, {}).get("vs_best_single"):
                    single, fused = (parts[part]["models"][model] for model in (against["model"], FUSION))
                    interval = f"({against['low']:+z.3f} to {against['high']:+z.3f})"
                    values = (f"{model[ndcg]['value']:z.3f}" for model in (single, fused))
                    difference = (f"{against['difference']:+z.3f}", interval)
                    found.append((f"{KINDS[kind]}: {name}", f"{fused['users']:,}", *values, difference))
        if found:
            return found
    return []


def comparison(report: Mapping[str, Any]) -> str:
    """What the paired comparison on test says, in one sentence; empty when it was not made."""
    against = report["fusion"].get("test", {}).get("vs_best_single")
    if not against:
        return ""
    if judged_users(report, "test") == 1:
        verdict = "one user has no interval, so neither is shown to be better"
    elif against["low"] > 0:
        verdict = "fusion is better"
    elif against["high"] < 0:
        verdict = "fusion is worse"
    else:
        verdict = "the interval holds zero, so neither is shown to be better"
    name = f" {against['model']}" if against.get("model") else ""
    return (
        f"On test, fusion's NDCG minus that of the best single model{name}: {against['difference']:+z.4f} "
        f"({against['low']:+z.4f} to {against['high']:+z.4f}), paired on the same users: {verdict}."
    )


def every_model(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Model to part to figures: single models, the fusion and, where there is one, its diverse point last."""
    fusion = report["fusion"]
    diverse = {DIVERSE: fusion["diverse"]} if "diverse" in fusion else {}
    return {**report["models"], FUSION: fusion, **diverse}


def _heading(name: str) -> str:
    metric, k = name.split("_at_")
    return f"{HEADLINES[metric]}@{k}" if metric in ("ndcg", "recall") else HEADLINES[metric]
