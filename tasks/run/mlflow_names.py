"""What all code that deals with MLflow agrees on; nothing here imports it."""

from typing import Final

MODEL: Final = "polyrec"  # that is registered
PREFIX: Final = "polyrec-"  # of the experiments; the stage's name follows
TRIALS: Final = ("fusion", "tuning")  # stages whose child runs are trials of a search
# Keeps MLflow from calling home and from writing into our output; set before it is imported.
QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
