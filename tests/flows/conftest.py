import shutil
from pathlib import Path

import pytest

from tasks.settings import Settings
from tests.empty import PREFECT_TABLES


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory, common: Path) -> Path:
    """A POLYREC_HOME that tests with real servers share, with Prefect's tables if they were made before."""
    home = tmp_path_factory.mktemp("home")
    if (made := common / PREFECT_TABLES).exists():
        folder = Settings(home=home).data_folder / "prefect"
        folder.mkdir(parents=True)
        shutil.copy(made, folder / PREFECT_TABLES)
    return home
