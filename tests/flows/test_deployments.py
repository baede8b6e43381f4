"""The real prefect.yaml, on a real server with a real worker: what the Procfile starts."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.settings import PROJECT
from tests.flows.processes import answers, ask, clean_environment, free_port, started, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
STAGES = {"ingest", "corpus", "embedding", "matching", "fusion", "evaluation"}


class Orchestra:
    """A Prefect server and a worker that has deployed everything."""

    def __init__(self, api: str, worker: subprocess.Popen[str]) -> None:
        self.api = api
        self.worker = worker

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return the deployments by name."""
        return {one["name"]: one for one in ask(f"{self.api}/deployments/filter", {})}

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment that have a state."""
        return ask(f"{self.api}/flow_runs/filter", {"deployments": {"name": {"any_": [deployment]}}})


@pytest.fixture(scope="module")
def orchestra(servers_home: Path) -> Iterator[Orchestra]:
    port = free_port()
    environment = clean_environment(
        POLYREC_HOME=str(servers_home),
        POLYREC_PREFECT_PORT=str(port),
        POLYREC_DATA__MAX_ITEMS="60",
        POLYREC_DATA__MAX_USERS="20",
        PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS="2",  # both look for work less often by themselves
        PREFECT_WORKER_QUERY_SECONDS="1",
    )
    api = f"http://127.0.0.1:{port}/api"
    with ExitStack() as stack:
        run = ("-m", "flows.servers")
        server = stack.enter_context(
            started(*run, "prefect", environment=environment, log=servers_home / "prefect.log")
        )
        wait_until(lambda: answers(f"{api}/health"), server)
        worker = stack.enter_context(
            started(*run, "worker", environment=environment, log=servers_home / "worker.log")
        )
        workers = f"{api}/work_pools/polyrec/workers/filter"
        wait_until(lambda: answers(f"{api}/work_pools/polyrec") and ask(workers, {}), worker)
        yield Orchestra(api, worker)


def test_nightly_runs_daily_and_the_stages_have_no_schedule(orchestra: Orchestra) -> None:
    deployments = orchestra.deployments()
    assert set(deployments) == {"nightly", *STAGES}
    (schedule,) = deployments["nightly"]["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == "0 3 * * *"
    assert schedule["schedule"]["timezone"] == "UTC"
    assert not [name for name in STAGES if deployments[name]["schedules"]]


def test_pool_runs_one_at_a_time(orchestra: Orchestra) -> None:
    pool = ask(f"{orchestra.api}/work_pools/polyrec")
    assert (pool["type"], pool["concurrency_limit"]) == ("process", 1)
    assert {one["work_pool_name"] for one in orchestra.deployments().values()} == {"polyrec"}


def test_code_is_taken_from_where_the_project_was_deployed(orchestra: Orchestra) -> None:
    for one in orchestra.deployments().values():
        assert one["pull_steps"] == [
            {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
        ]
    assert str(PROJECT) not in (PROJECT / "prefect.yaml").read_text(encoding="utf-8")


def test_scheduled_run_finishes(orchestra: Orchestra, servers_home: Path) -> None:
    ingest = orchestra.deployments()["ingest"]["id"]
    soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    often = {"interval": 30, "anchor_date": soon, "timezone": "UTC"}
    ask(f"{orchestra.api}/deployments/{ingest}/schedules", [{"schedule": often, "active": True}])

    def ended() -> list[dict[str, Any]]:
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        return [run for run in orchestra.runs("ingest") if run["state_type"] in final]

    wait_until(ended, orchestra.worker, seconds=200)
    run = ended()[0]
    assert run["state_type"] == "COMPLETED", (
        run["state"]["message"],
        (servers_home / "worker.log").read_text(),
    )
    assert run["auto_scheduled"]
    assert (servers_home / "warehouse" / "data" / "polyrec.duckdb").exists()
