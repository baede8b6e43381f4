"""What keeps MLflow from talking to others, and over our own output: for the environment, before its import."""

import os
from typing import Final

QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
