"""How good the lists are, beside tuned peers, on one split in one run: `python benchmarks/quality.py`.

Polyrec's matchers and their fusion, implicit (iALS, BPR), LensKit (item kNN, iALS), RecTools (EASE, SASRec)
and popularity; and the same fusion over the peers' own scores. `make peers` installs the packages.

- Peers get the events of the fit window, the items that may be recommended and a seed, as Parquet, and give
  scored lists back. Each is tuned on validation: from its package's defaults on, by Optuna's TPE over its
  documented parameters, --trials each and an equal share of --budget-minutes, whichever ends first. What is
  found is kept below the home of the settings, so that the same question is not searched for twice.
- Polyrec's matchers have the parameters of the settings (polyrec.toml, or --config), which were chosen on
  validation, too (docs/experiments.md). Fusion weights are searched as `polyrec run` does, with [fusion]
  trials, ours and the peers' alike.
- fusion_diverse is the second, diverse point of the same search (diverse_catalogue_ratio and
  diverse_ild_ratio of [fusion]).
- One evaluator judges all. Validation is out of fold for fusions and peers; for our matchers alone it is not.
  The best single peer and the best single matcher are those of validation. Then everything is fitted again on
  train + validation, settings frozen, and test is looked at once; the look is recorded in the home.

The protocol temporal_global stands beside temporal_user in a second call, with settings of its own (--config
benchmarks/settings/temporal_global.toml), as stratified_item has. The data sets of files are
ml-latest-small and online-retail (docs/domains): give their folder with --files. Text vectors are those of
--home, the home of a finished run; otherwise vectors of items' own content stand in their place.

Tables of your own: --dataset files --config FOLDER/polyrec.toml judges the lists that `polyrec run` made in
that home, with all that it found by itself. The peers then have the minutes together that it took the run to
find settings and weights, where --budget-minutes says nothing else.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality_choices import DATASETS, FILES, PEERS, PROTOCOLS, PYTHON


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, then measure."""
    given = _parsed(arguments)
    from benchmarks.quality_run import measure_and_show  # takes seconds, and --help has answered by now

    return measure_and_show(given)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line and refuse what cannot be done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument(
        "--dataset", choices=[*DATASETS, FILES], default=next(iter(DATASETS)), help="[default: %(default)s]"
    )
    parser.add_argument("--protocol", choices=PROTOCOLS, help=f"[default: {PROTOCOLS[0]}]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--trials", type=int, default=20, help="of each peer [default: %(default)s]")
    parser.add_argument(
        "--budget-minutes",
        type=float,
        help="of all peers' searches [default: 60; ours, with --dataset files]",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings [default: polyrec.toml]")
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="where the data set's files are")
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", help="of a run, with its texts [default: the benchmark's own]"
    )
    parser.add_argument("--peers", nargs="+", choices=names, default=names, help="only these [default: all]")
    parser.add_argument("--singles-only", action="store_true", help="do not fuse the peers' scores")
    parser.add_argument("--validation-only", action="store_true", help="do not look at test")
    given = parser.parse_args(arguments)
    if given.trials < 1 or (given.budget_minutes is not None and given.budget_minutes <= 0):
        parser.error("--trials must be at least 1 and --budget-minutes above 0")
    if given.dataset == FILES and (given.protocol or given.files or given.home):
        parser.error("with --dataset files, protocol, files and home are those of --config: leave them out")
    if any(peer.is_packaged and peer.name in given.peers for peer in PEERS) and not PYTHON.exists():
        parser.error(
            f"peers run in an environment of their own, {PYTHON.parent.parent.name}, which is not there; "
            "make it: make peers"
        )
    return given


if __name__ == "__main__":
    sys.exit(main())
