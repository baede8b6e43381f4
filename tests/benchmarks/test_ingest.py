"""The ingest benchmark on a small log."""

import json
from pathlib import Path

from benchmarks.ingest import main


def test_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert (
        main(["--events", "20000", "--items", "500", "--users", "400", "--rounds", "1", "--json", str(file)])
        == 0
    )
    values = json.loads(file.read_text())
    assert set(values["ratios"]) == {"vs_duckdb_read_csv", "with_split_vs_duckdb_read_csv", "peak_rss_mb"}
    (run,) = values["ingest"]
    assert run["rows_in"] == 20_500 == run["used"] + run["quarantined"] + run["merged"] + run["seen_only"]
    assert run["quarantined"] > 40 and run["merged"] > 20
    assert run["with_split_seconds"] > run["seconds"] > 0
