"""What the last adaptation of settings to the data left in the home, and how people are told of it."""

import json
from collections.abc import Mapping
from typing import Any

from tasks.settings.adaptation import Choice, follows
from warehouse.sql import Reader


def kept_choice(reader: Reader) -> Choice | None:
    """What the last adaptation chose; None where nothing was adapted yet."""
    rows = reader.query("adaptation")
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    return Choice(json.loads(row["settings"]), tuple(json.loads(row["left_out"])))


def follows_adaptation(settings: Mapping[str, Any]) -> bool:
    """Whether a run with these settings, as ops.runs keeps them, went by an adaptation."""
    adapt = settings["matching"].get("adapt", "off")  # runs of an earlier version have none
    return follows(adapt, settings["data"]["source"])


def adaptation_report(reader: Reader) -> dict[str, Any] | None:
    """The last adaptation as a report holds it; None before the first."""
    rows = reader.query("adaptation")
    if rows.is_empty():
        return None
    row = rows.row(0, named=True)
    return {
        **{name: row[name] for name in ("reason", "users", "items", "events", "judged_users")},
        "adapted_at": row["adapted_at"].isoformat(),
        "left_out": json.loads(row["left_out"]),
        "matchers": json.loads(row["found"]),
    }


def adaptation_lines(report: Mapping[str, Any]) -> list[str]:
    """A line for each matcher: what was changed, and what that is worth on the last events of histories.

    >>> row = {"matcher": "ease", "ndcg_as_set": 0.1, "ndcg": 0.12, "left_out": False}
    >>> row["changed"] = {"regularisation": {"set": 500.0, "chosen": 2000.0}}
    >>> adaptation_lines({"judged_users": 90, "matchers": [row]})
    ['ease: regularisation 500 to 2000, NDCG 0.1000 to 0.1200']
    >>> adaptation_lines({"judged_users": 3, "matchers": []})
    ['settings stay as they are: 3 users can be judged by their last events, which is too few']
    """
    if not report["matchers"]:
        return [
            f"settings stay as they are: {report['judged_users']} users can be judged by their last events, "
            "which is too few"
        ]
    return [_line(one) for one in report["matchers"]]


def _line(one: Mapping[str, Any]) -> str:
    changes = [f"{key} {_shown(v['set'])} to {_shown(v['chosen'])}" for key, v in one["changed"].items()]
    if changes:
        said = f"{', '.join(changes)}, NDCG {one['ndcg_as_set']:z.4f} to {one['ndcg']:z.4f}"
    else:
        said = f"as set, NDCG {one['ndcg']:z.4f}"
    return f"{one['matcher']}: {said}{', left out of the fusion' if one['left_out'] else ''}"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
