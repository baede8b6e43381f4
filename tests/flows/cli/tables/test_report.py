"""The report in a terminal."""

from typing import get_args

import pytest

from flows.cli.tables.report import report_table
from tasks.evaluation.report import notes
from tasks.settings.data import Protocol
from tests.evaluation.reports import groups, report
from tests.flows.cli.tables.printed import shown


def test_terminal_fits_eighty_columns() -> None:
    wide = report()
    wide["models"]["cosine_mean"] = wide["models"]["ease"]
    for values in (wide["models"]["cosine_mean"]["val"], wide["fusion"]["test"]):
        values["intervals"] = {name: [0.1, 0.2] for name in values if name.endswith("_at_10")}
    text = shown(report_table(wide), 80)
    assert "Validation, out of fold" in text
    assert text.count("0.100-0.200") == 15
    assert "effective" in text
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("part", ["val", "test"])
def test_groups_are_a_table_within_eighty_columns(part: str) -> None:
    values = report() | {"k": 10, "groups": groups(part)}
    printed = shown(report_table(values), 80)
    assert "NDCG@10" in printed
    (line,) = [line for line in printed.splitlines() if "popularity: tail" in line]
    assert line.split() == [
        "popularity:",
        "tail",
        "281",
        "0.124",
        "0.158",
        "+0.034",
        "(+0.021",
        "to",
        "+0.049)",
    ]


@pytest.mark.parametrize("protocol", get_args(Protocol))
@pytest.mark.parametrize("order_is_time", [False, True])
def test_notes_say_what_the_figures_rest_on(protocol: str, order_is_time: bool) -> None:
    noted = notes(protocol, order_is_time)
    told = report() | {"notes": noted}
    text = " ".join(shown(report_table(told), 80).split())
    assert ("the order of rows is taken for the time" in text) == order_is_time
    assert ('set protocol = "temporal_global" in [data]' in text) == (protocol != "temporal_global")
    assert all(note in text for note in noted)
