"""`polyrec relevance`: what a language model says about a sample of users."""

from flows.cli.options import Config, Json, load
from flows.cli.printing import print_answer
from flows.cli.run import flow_of


def relevance(as_json: Json = False, config: Config = None) -> None:
    """Ask a language model about a sample of users, and say what it, its student and a cross-encoder add."""
    from flows.cli.tables.relevance import relevance_table

    answer = flow_of(load(config), "relevance")(str(config.resolve()) if config else None)
    print_answer(answer, as_json, relevance_table)
