"""What texts are worth for items that nobody has seen: `python benchmarks/cold_items.py --home FOLDER`.

Protocol cold_item: in each of five draws a fifth of the items has lost all events that models learn from,
and lists hold these items only. Every matcher that can tell cold items apart gets lists four times: with the
items' live texts, with template texts, with texts shuffled among items, and with title + categories alone.
The control is a kNN over title + categories. Texts and vectors do not depend on a draw: they are read from
the home once, what is missing is encoded once and kept there, and the split is cut in a copy.

Nothing is chosen here: settings are those of the configuration. Each draw is a look at test, which is
recorded in the home and printed.

- A pooled figure is the mean over draws of the mean over a draw's users. Its interval draws users, and a user
  takes part in all the draws that judge them: the same person in five draws counts as one person.
- Popularity is that in the whole log, which no model sees: thirds of the items. A figure of a third counts
  its items alone as relevant, at the ranks that they have.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.output import show
from tasks.settings import load_settings
from warehouse.errors import PolyrecError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWS = 5
WIDTH = 150  # columns of the terminal that the tables need
THIRDS = ("tail", "middle", "head")


def tables(values: Mapping[str, Any]) -> list[Table | Text]:
    """The figures for the terminal."""
    k, control = values["k"], values["control"]
    title = f"Cold items of {values['dataset']}, mean of {len(values['draws'])} draws: NDCG@{k} on test"
    main = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for name in ("matcher", "reads"):
        main.add_column(name)
    for name in ("NDCG", f"minus {control}", "minus itself on title + categories", "fit s"):
        main.add_column(name, justify="right")
    thirds = Table(
        title=f"By popularity of the item: NDCG@{k}, and minus {control}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
    )
    for name in ("matcher", "reads"):
        thirds.add_column(name)
    for name in THIRDS:
        thirds.add_column(name, justify="right")
        thirds.add_column("difference", justify="right")
    for row in values["results"]:
        names = row["matcher"], row["reads"]
        is_control = control == f"{row['matcher']} on {row['reads']}"
        own = row.get("minus_own_control")
        figures = (
            _value(row["ndcg"]),
            "" if is_control else _signed(row["minus_control"]),
            _signed(own) if own else "",
        )
        main.add_row(*names, *figures, f"{row['fit_s']:.1f}")
        cells: list[str] = []
        for name in THIRDS:
            found = row["by_popularity"].get(name)
            cells.append(_value(found["ndcg"]) if found else "")
            cells.append(_signed(found["minus_control"]) if found and not is_control else "")
        thirds.add_row(*names, *cells)
    return [main, thirds, Text("\n".join(_notes(values)) + "\n")]


def _notes(values: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the tables."""
    notes = [f"{pair['a']} minus {pair['b']}: {_signed(pair)}" for pair in values["pairs"]]
    notes += [f"left out: {name}: {why}" for name, why in values["left_out"].items()]
    with_texts, items = values["items_with_texts"], values["items"]
    rest = "; the others stand with title + categories" if with_texts < items else ""
    notes.append(f"{with_texts:,} of {items:,} items have texts{rest}")
    for draw in values["draws"]:
        notes.append(
            f"draw {draw['draw']}: {draw['cold_items']:,} cold items, {draw['users']:,} users, "
            f"{draw['events']:,} relevant events, split {draw['split_hash']}"
        )
    return [*notes, f"looks at test recorded: {len(values['draws'])}"]


def figure(values: Mapping[str, Any]) -> "Figure":
    """How far every matcher with texts is above the control, over all and by third, with intervals."""
    import plotly.graph_objects as go

    from benchmarks.cold_items_inputs import TITLES

    chart = go.Figure()
    rows = [row for row in values["results"] if row["reads"] == TITLES["texts"]]
    for name in ("all", *THIRDS):
        found = [(row["matcher"], row if name == "all" else row["by_popularity"].get(name)) for row in rows]
        points = [(matcher, one["minus_control"]) for matcher, one in found if one]
        chart.add_trace(
            go.Scatter(
                x=[one["difference"] for _, one in points],
                y=[matcher for matcher, _ in points],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [one["high"] - one["difference"] for _, one in points],
                    "arrayminus": [one["difference"] - one["low"] for _, one in points],
                },
                mode="markers",
                name=name,
            )
        )
    title = f"Cold items of {values['dataset']}: NDCG@{values['k']} with texts minus {values['control']}"
    chart.update_layout(
        title=title, template="plotly_white", scattermode="group", height=200 + 70 * len(rows)
    )
    chart.add_vline(x=0, line={"dash": "dot", "width": 1})
    return chart


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the files that were asked for."""
    parser = argparse.ArgumentParser(description="What texts are worth for items that nobody has seen.")
    parser.add_argument("--dataset", metavar="NAME", help="the [data] source that the home must hold")
    parser.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help="how many of the 5 [default: 5]"
    )
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", help="with a finished run; POLYREC_HOME's when not given"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings")
    parser.add_argument(
        "--matchers", nargs="+", metavar="NAME", help="which ones; every registered one when not given"
    )
    parser.add_argument(
        "--controls",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="template and shuffled texts too",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot to this HTML file")
    given = parser.parse_args(arguments)
    if not 1 <= given.draws <= DRAWS:
        parser.error(f"--draws must be between 1 and {DRAWS}, got {given.draws}")
    from benchmarks.cold_items_trial import measure  # takes seconds, and --help has answered by now

    console = Console()
    console.width = max(console.width, WIDTH)
    try:
        settings = load_settings(given.config)
        if given.home:
            settings = settings.model_copy(update={"home": given.home.resolve()})
        values = measure(settings, range(given.draws), given.dataset, given.matchers, given.controls, console)
    except PolyrecError as error:
        print(error, file=sys.stderr)
        return 1
    if given.plot:
        given.plot.write_text(figure(values).to_html(include_plotlyjs=True), encoding="utf-8")
    show(values, tables(values), given.json, console)
    return 0


def _value(found: Mapping[str, float]) -> str:
    return f"{found['value']:.4f}"


def _signed(found: Mapping[str, float]) -> str:
    return f"{found['difference']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


if __name__ == "__main__":
    sys.exit(main())
