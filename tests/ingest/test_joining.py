"""A log whose users and times stand in further tables."""

from pathlib import Path

from tasks.ingest.checking import check

TOML = """
[data]
source = "files"
[data.items]
files = ["items.csv"]
[data.interactions]
files = ["lines.csv"]
user = "person"
time = "bought"
[[data.interactions.also]]
files = ["orders.csv"]
id = "order_id"
[[data.interactions.also]]
files = ["people.csv"]
id = "customer"
"""
FILES = {
    "items.csv": "item_id,title\na,Lamp\nb,Cup\n",
    "lines.csv": "order_id,item_id\n1,a\n1,b\n2,a\n3.0,b\n9,a\n",
    "orders.csv": "order_id,customer,bought\n1,c1,2024-01-01\n2,c2,2024-01-02\n"
    "3,c1,2024-01-03\n3,c9,2024-01-04\n,c1,\n",
    "people.csv": "customer,person\nc1,Ann\nc2,Bob\n",
}


def deliver(folder: Path, toml: str = TOML) -> Path:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "polyrec.toml").write_text(toml)
    return folder / "polyrec.toml"


def test_columns_of_further_tables_are_the_logs(tmp_path: Path) -> None:
    found = check(deliver(tmp_path), lambda _: None)
    assert found.figures and (found.figures.users, found.figures.interactions) == (2, 4)
    rows = {row["kind"]: row for row in found.sources}
    assert (rows["interactions"]["rows_in"], rows["interactions"]["quarantined"]) == (5, 1)
    assert (rows["joined1"]["used"], rows["joined1"]["quarantined"], rows["joined1"]["merged"]) == (3, 1, 1)
    assert rows["joined2"]["used"] == 2
    reasons = {(one.kind, one.reason.partition(";")[0]) for one in found.problems}
    assert ("interactions", "user id is missing") in reasons and ("joined1", "join key is missing") in reasons


def test_a_column_that_joins_nothing_is_refused(tmp_path: Path) -> None:
    found = check(deliver(tmp_path, TOML.replace('id = "order_id"', 'id = "order"')), lambda _: None)
    (problem,) = found.problems
    assert found.exit_code == 2
    assert "id = 'order' is no column of orders.csv" in problem.reason and "customer" in problem.reason
