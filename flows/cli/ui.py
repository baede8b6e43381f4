"""`polyrec ui`: the pages of Prefect and MLflow."""

from flows.cli.options import Config, load


def ui(config: Config = None) -> None:
    """Start the Prefect and MLflow servers on this project's stores; Ctrl-C stops both."""
    from flows.servers import serve_ui
    from flows.starting import reconcile_if_free

    settings = load(config)
    reconcile_if_free(settings, "polyrec ui")
    serve_ui(settings)
