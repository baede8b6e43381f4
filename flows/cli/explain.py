"""The command `polyrec explain`."""

from typing import Annotated

import typer

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer


def explain(
    user: Annotated[str, typer.Argument(help="A user id.")],
    item: Annotated[str, typer.Argument(help="An item id.")],
    k: Annotated[int, typer.Option("--k", help="Length of the list that is asked about.")] = 10,
    membership: Annotated[
        bool, typer.Option("--membership", help="What each model adds to being among the first k.")
    ] = False,
    counterfactual: Annotated[
        bool,
        typer.Option(
            "--counterfactual/--no-counterfactual", help="The past action that the item depends on most."
        ),
    ] = True,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Say why an item is in a user's list, or why it is not.

    Contributions of the models are Shapley values; they add up to the score.
    The counterfactual leaves each of the latest 100 items of the history out in
    turn.
    """
    from flows.cli.tables.explain import explanation
    from serving.explain import explain as read_explanation
    from warehouse.snapshot import reading

    settings = load(config)
    with reading(settings.data_folder) as snapshot:
        answer = read_explanation(snapshot, settings, user, item, k, membership, counterfactual)
    print_answer(answer, as_json, explanation)
