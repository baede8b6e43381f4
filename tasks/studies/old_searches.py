"""Searches of `polyrec tune` that version 0.1 kept as Optuna's journals, so that they can be gone on with."""

import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

FIGURES = ("effective_catalogue", "ild", "fit_seconds", "score_seconds")


def take_over(file: Path) -> None:
    """Write the trials of a search to `file`, a line each, where only a journal of them is beside it.

    Trials that a kill ended before they had settings are left out.
    """
    journal = file.with_suffix(".journal")
    if file.exists() or not journal.exists():
        return
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    rows = []
    for trial in optuna.load_study(study_name="search", storage=storage).get_trials(deepcopy=False):
        kept, figures = trial.user_attrs, None
        as_set = kept.get("as_set", False)
        if trial.state == TrialState.COMPLETE:
            figures = {name: float("nan") if kept[name] is None else kept[name] for name in FIGURES}
            figures["ndcg"] = np.frombuffer(b64decode(kept["ndcg"]), dtype="<f8").tolist()
        if trial.params:
            parameters = kept["parameters"] if as_set else trial.params
            rows.append({"parameters": parameters, "as_set": as_set, "figures": figures})
    draft = file.with_suffix(".tmp")
    draft.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    draft.replace(file)
    journal.unlink()
