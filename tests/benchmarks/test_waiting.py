import json
import sys
from pathlib import Path

import pytest

from benchmarks import waiting
from benchmarks.waiting import Bench, main, summary, table

ROUNDS = [
    {"floor": (10.0, 11.0), "first": (30.0, 31.0), "second": (12.0, 9.0)},
    {"floor": (14.0, 15.0), "first": (25.0, 26.0), "second": (13.0, 9.5)},
    {"floor": (12.0, 13.0), "first": (26.0, 27.0), "second": (20.0, 9.75)},
]


def test_figures_are_medians() -> None:
    values = summary(ROUNDS, (0.5, 2.04))
    assert (values["floor_s"], values["first_s"], values["second_s"]) == (12.0, 26.0, 13.0)
    assert (values["first_above_floor_s"], values["second_above_floor_s"]) == (14.0, 1.0)
    assert values["cpu"] == {"floor_s": 13.0, "first_s": 27.0, "second_s": 9.5}
    assert values["load"] == [0.5, 2.0]
    assert len(table(values).rows) == 3


def test_a_process_and_what_it_started_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLYREC", (sys.executable, "-c", "import sys; print(sys.argv[1:])"))
    bench = Bench(tmp_path)
    assert "init" in (tmp_path / "log").read_text(encoding="utf-8")
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    seconds, processor = bench.seconds((sys.executable, "-c", parent))
    assert seconds >= 0.5 and processor >= 0.5


def test_rounds_by_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def told(_bench: Bench, home: Path) -> tuple[float, float]:
        seen.append(home.name)
        home.mkdir(exist_ok=True)
        return 2.0, 1.0

    monkeypatch.setattr(Bench, "run", told)
    monkeypatch.setattr(Bench, "floor", told)
    monkeypatch.setattr(Bench, "seconds", lambda *_, **__: (0.0, 0.0))
    file = tmp_path / "waiting.json"
    assert main(["--rounds", "2", "--json", str(file)]) == 0
    assert seen == [name for n in ("before", "0", "1") for name in (f"bare-{n}", f"home-{n}", f"home-{n}")]
    assert json.loads(file.read_text(encoding="utf-8"))["first_above_floor_s"] == 0.0
    with pytest.raises(SystemExit):
        main(["--rounds", "0"])
