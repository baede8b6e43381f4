"""The commands `polyrec texts ...`: what was written, how good it is, what an operator decides about it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from typer._click.core import Context
from typer.core import TyperGroup

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer
from flows.cli.tables.table import said

if TYPE_CHECKING:
    from tasks.settings import Settings
    from warehouse.connection import Warehouse

TextIds = Annotated[list[str], typer.Argument(metavar="TEXT", help="Ids, as `review list` shows them.")]


class _ItemOrCommand(TyperGroup):
    """`polyrec texts 50` means `polyrec texts show 50`."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Put `show` before arguments that begin with no command."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["show", *args]
        return super().parse_args(ctx, args)


texts = typer.Typer(
    cls=_ItemOrCommand,
    no_args_is_help=True,
    help="Texts: `polyrec texts ITEM` shows an item's, `report` says how good all are, `compare` what "
    "two versions add, `review` decides about those that are held back. All take --json and --config.",
)
review = typer.Typer(no_args_is_help=True, help="Texts that are held back: list, release, block.")
texts.add_typer(review, name="review")


@texts.command("show")
def show(
    item: Annotated[str, typer.Argument(help="An item id.")], as_json: Json = False, config: Config = None
) -> None:
    """Show an item's texts, their angles, passes and log-probabilities: also `polyrec texts ITEM`."""
    from flows.cli.tables.texts import texts_table
    from serving.lists import texts_of
    from warehouse.snapshot import reading

    with reading(load(config).data_folder) as snapshot:
        answer = texts_of(snapshot, item)
    print_answer(answer, as_json, texts_table)


@texts.command("report")
def report(as_json: Json = False, config: Config = None) -> None:
    """Show how good the published texts are: variety, faithfulness, and why plain ones stand in."""
    from flows.cli.tables.texts import quality_table
    from tasks.corpus.metrics import text_report
    from warehouse.snapshot import reading

    with reading(load(config).data_folder) as snapshot:
        frames = (snapshot.query(name) for name in ("text_quality", "spread_totals", "rewrites"))
        answer = text_report(*frames)
    print_answer(answer, as_json, quality_table)


@texts.command("compare")
def compare(
    a: Annotated[str, typer.Argument(help="A version: an engine, such as openvino, or ENGINE@PROMPTS.")],
    b: Annotated[str, typer.Argument(help="Another; an unknown name is answered with those there are.")],
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Compare fusion with either version of texts: what each adds to accuracy and variety, and B minus A."""
    from flows.cli.tables.variants import variants_table
    from tasks.studies.text_trials import compare_texts

    print_answer(compare_texts(load(config), a, b), as_json, variants_table)


@review.command("list")
def review_list(as_json: Json = False, config: Config = None) -> None:
    """Show quarantined texts with the rule that each broke, and what was decided."""
    from flows.cli.tables.texts import review_table

    with _open(load(config)) as warehouse:
        rows = warehouse.query("quarantined_texts").to_dicts()
    print_answer(rows, as_json, review_table)


@review.command("release")
def review_release(text: TextIds, as_json: Json = False, config: Config = None) -> None:
    """Let texts be shown that are held back."""
    from tasks.corpus.reviewing import release

    with _open(load(config)) as warehouse:
        for text_id in text:
            release(warehouse, text_id, datetime.now(UTC))
    _say(text, "released", as_json)


@review.command("block")
def review_block(text: TextIds, as_json: Json = False, config: Config = None) -> None:
    """Never show texts again; another or a plain one takes the place of each at once."""
    from tasks.corpus.reviewing import block
    from tasks.corpus.safety.check import load_rules
    from tasks.models.engines import load_engine

    settings = load(config)
    corpus, folder = settings.corpus, settings.models_folder
    rules, engine = partial(load_rules, corpus, folder), partial(load_engine, corpus, folder)
    with _open(settings) as warehouse:
        for text_id in text:
            block(warehouse, text_id, corpus, rules, engine, datetime.now(UTC))
    _say(text, "blocked", as_json)


def _open(settings: "Settings") -> "AbstractContextManager[Warehouse]":
    from warehouse.connection import writing
    from warehouse.errors import WarehouseError
    from warehouse.forgetting import exists

    if not exists(settings.data_folder):
        raise WarehouseError(f"no texts are written yet in {settings.data_folder}; run `polyrec run`")
    return writing(settings.data_folder, "polyrec texts review", settings.lock_timeout_s)


def _say(text_ids: Sequence[str], decision: str, as_json: bool) -> None:
    rows = [{"text_id": text_id, "decision": decision} for text_id in text_ids]
    line = f"{len(rows)} {decision}; lists that are read from now on follow"
    print_answer(rows, as_json, lambda _: said(line))
