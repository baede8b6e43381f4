"""The registered fusion model: MLflow keeps this file with fusion.json and lists.parquet, and runs it.

It answers from the lists alone, so it needs neither the warehouse nor the rest of the project.
"""

import json
from pathlib import Path
from typing import Any

import mlflow.models
import pandas as pd
import polars as pl
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ListsModel(PythonModel):
    """Recommendation lists by user id."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read how the lists were fused, and the lists."""
        self.fusion = json.loads(Path(context.artifacts["fusion"]).read_text(encoding="utf-8"))
        self.lists = pl.read_parquet(context.artifacts["lists"])

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride] - the base has no return type
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The first k items of each user of column user_id, in their order; one without a list has no rows.

        Columns are user_id, rank (from 1), item_id, score. k is in params (10 when not given); no list is
        longer than what was published.
        """
        k = (params or {}).get("k", 10)
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}; give another one in params")
        users = pl.DataFrame({"user_id": [str(user) for user in model_input["user_id"]]})
        rows = users.join(
            self.lists.filter(pl.col("rank") <= k).sort("user_id", "rank"),
            on="user_id",
            how="inner",
            maintain_order="left_right",
        )
        return pd.DataFrame(rows.select("user_id", "rank", "item_id", "score").to_dict(as_series=False))


mlflow.models.set_model(ListsModel())
