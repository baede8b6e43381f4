"""What tests of several stages share: the converted model, a Prefect server, a finished run of the main job.

Each is made once a session, where a test first asks for it.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import hypothesis
import pytest

from flows.servers import prefect_environment
from flows.temporary import DATABASE, tables_folder
from tasks.models.files import prepared
from tasks.settings import Settings
from tests.corpus.scripted import ScriptedEngine
from tests.empty import SESSION_FOLDER, copy_database
from tests.homes import Home, new_home, run_flow, small_home
from tests.parallel import (
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]  # hooks

# Before anything imports Prefect, which reads its environment then: no test sees or changes the state of the
# person who runs it, and none depends on settings of theirs.
for name in [name for name in os.environ if name.startswith(("POLYREC_", "PREFECT_", "MLFLOW_"))]:
    del os.environ[name]
# On cores that are shared, OpenMP threads that wait for one another take ten times as long as one alone.
os.environ["OMP_NUM_THREADS"] = "1"
# The same examples every time, so that main is green or not; HYPOTHESIS_PROFILE=thorough tries more of them,
# HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("fixed", derandomize=True)
hypothesis.settings.register_profile("thorough", derandomize=True)
hypothesis.settings.register_profile("search")
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
_state = Path(tempfile.mkdtemp(prefix="polyrec-tests-"))
atexit.register(shutil.rmtree, _state, ignore_errors=True)
prefect_environment(Settings(home=_state))
os.environ.setdefault(SESSION_FOLDER, str(_state))  # what starts processes is there first, and goes last
# One cache for all homes and processes of a session, never that of the person who runs it, also where a test
# takes all POLYREC_ variables away.
for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
    os.environ[name] = str(Path(os.environ[SESSION_FOLDER]) / "caches")


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Where prepared models are kept, in the session's cache."""
    return Settings().models_folder


@pytest.fixture(scope="session")
def models(models_folder: Path) -> Path:
    """The same folder, with the language model."""
    from tasks.models import smollm2

    smollm2.tokenizer_file(models_folder)
    smollm2.openvino_folder(models_folder)
    return models_folder


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The address of a Prefect server with an empty database; flows of this process use it."""
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_DATABASE_CONNECTION_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=300):
        database = PREFECT_SERVER_DATABASE_CONNECTION_URL.value().removeprefix("sqlite+aiosqlite:///")
        # The other servers need not make tables.
        copied = partial(copy_database, Path(database))
        prepared(tables_folder(Settings().cache_folder), lambda folder: copied(folder / DATABASE))
        yield PREFECT_API_URL.value()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, models: Path, prefect_api: str) -> Home:
    """A home after one run of `nightly` on a small slice. Tests that change it take a copy."""
    assert models and prefect_api
    home = new_home(tmp_path_factory.mktemp("finished"))
    run_flow(home, "nightly")
    return home


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Callable[[str], Home]:
    """Small worlds by name, a folder of tests/cases, after one run of `nightly`. Change copies alone.

    Their texts are dictated: to load a language model takes longer than all else that is done.
    """
    assert prefect_api
    engine = ScriptedEngine(lambda _prompt: " are glad to have it, again and again.")

    @cache
    def ran(case: str) -> Home:
        home = small_home(tmp_path_factory.mktemp(case), case)
        run_flow(home, "nightly", engine)
        return home

    return ran
