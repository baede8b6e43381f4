"""What fusion and re-ranking reach, and how fast they are: `python benchmarks/fusion.py [--home HOME]`.

Reads the warehouse of a finished run (this project's own when --home is not given) and writes nothing into
it. Figures for test are those of that run, which looked at test once; nothing looks again.

- test_ndcg_at_10: of the published lists. vs_best_single_low: the lower bound of its difference from the best
  single matcher (the best on validation), paired over users.
- diverse_ndcg_vs_best_single, diverse_effective_catalogue_vs_best_single, diverse_ild_vs_best_single: of the
  diverse setting, divided by that matcher's, on test.
- search_trials_per_s: trials of the weight search that the published fusion is from, by the seconds of its
  run in MLflow: comparing methods, learning, searching and logging.
- mmr_users_per_s, dpp_users_per_s: lists of 10 out of 100 a second, with all processors: the slower of this
  catalogue and one of 20,000 items with 384 dimensions, whose similarities are not kept.
- explain_list_ms: score contributions of a list of 10: the slower of what a publication does and of going
  through all coalitions of the fusion's models.

The dial table is of validation, out of fold: a weighted sum with weights from the other fold of the users.
Where a figure cannot be had from this home, it is null, and the last lines say why.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the JSON file that was asked for."""
    parser = argparse.ArgumentParser(description="What fusion and re-ranking reach, and how fast they are.")
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="of a finished run; the project's when not given"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    given = parser.parse_args(arguments)
    from benchmarks.fusion_figures import measure_and_show  # takes seconds, and --help has answered by now

    return measure_and_show(given.home, given.json)


if __name__ == "__main__":
    sys.exit(main())
