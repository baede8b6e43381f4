from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A POLYREC_HOME that tests with real servers share: making Prefect's tables takes seconds."""
    return tmp_path_factory.mktemp("home")
