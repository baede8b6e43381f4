"""The corpus stage with texts from a server, through a proxy that fails."""

from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.corpus import steps
from tasks.corpus.acceptance import Rules, rules_hash
from tasks.run.tracking import Tracking
from tasks.settings.corpus import Corpus
from tests.homes import ITEMS, SLOTS, Home, new_home, run_flow
from tests.models.servers import FaultProxy, ModelServer, serving
from tests.models.toys import ToyEngine
from warehouse.errors import PolyrecError

KEY = "sk-known-to-nobody"
TEXTS = ITEMS * SLOTS
SERVER = """
[corpus.openai]
base_urls = ["URL"]
model = "toy"
api_key_env = "TOY_KEY"
concurrency = 4
timeout_s = 10
backoff_s = 0.02
price_prompt = 3
price_completion = 10
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def without_safety(corpus: Corpus, _folder: Path, blocked: Collection[str] = ()) -> Rules:
    """In the place of load_rules: to check the letters that the toy writes takes an encoder seconds."""
    return Rules(lambda texts, _: [None] * len(texts), rules_hash(corpus.quality, "none"), blocked)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[ModelServer, str]]:
    model = ModelServer(ToyEngine(), key=KEY)
    with serving(model) as url, pytest.MonkeyPatch.context() as patched:
        patched.setenv("TOY_KEY", KEY)
        patched.setattr(steps, "load_rules", without_safety)
        yield model, url


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Home:
    """A home whose catalogue is loaded."""
    assert prefect_api
    home = new_home(tmp_path_factory.mktemp("loaded"))
    run_flow(home, "ingest")
    return home


def home_asking(url: str, loaded: Home, folder: Path) -> Home:
    """A home whose catalogue is loaded and whose texts come from a server."""
    home = loaded.copy(folder)
    point_at(url, home)
    return home


def point_at(url: str, home: Home) -> None:
    text = home.config.read_text(encoding="utf-8").partition("[corpus.openai]")[0]
    if "engine" not in text:
        text = text.replace("[corpus]", '[corpus]\nengine = "openai"')
    home.config.write_text(text + SERVER.replace("URL", url), encoding="utf-8")


def texts_of(home: Home) -> pl.DataFrame:
    columns = ("item_id", "slot", "text_id", "text", "log_prob", "n_tokens", "engine")
    return home.query("live_texts").select(columns)


def standing(home: Home) -> int:
    """How many texts are there, but for those that are held back beside them."""
    return home.query("known_texts").filter(~pl.col("hidden")).height


@pytest.fixture(scope="module")
def clean(server: tuple[ModelServer, str], loaded: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home after a run in which nothing failed."""
    home = home_asking(server[1], loaded, tmp_path_factory.mktemp("clean"))
    run_flow(home, "corpus")
    return home


def test_texts_come_from_the_server(clean: Home, server: tuple[ModelServer, str]) -> None:
    texts, counts = texts_of(clean), clean.counts("corpus")
    assert texts.height == counts["generated"] == TEXTS
    assert set(texts["engine"]) == {"openai/toy"}
    assert (texts["log_prob"] < 0).all()
    assert counts["api_failed_requests"] == 0
    # What was not good enough is written twice; then it is asked how likely the plain text is.
    assert TEXTS < counts["api_requests"] <= 3 * TEXTS
    assert server[0].busiest <= 4


def test_cost_is_in_both_reports(clean: Home) -> None:
    counts = clean.counts("corpus")
    cost = (counts["api_prompt_tokens"] * 3 + counts["api_completion_tokens"] * 10) / 1e6
    assert counts["api_cost"] == pytest.approx(cost)
    assert cost > 0
    tracking = Tracking(clean.settings)
    (run,) = tracking.client.search_runs([tracking.experiment("corpus")])
    assert run.data.metrics["api_cost"] == pytest.approx(cost)
    assert run.data.params["openai.model"] == "toy"


def test_key_is_stored_nowhere(clean: Home) -> None:
    files = [path for path in clean.folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_faults_change_no_text_and_nothing_is_written_twice(
    clean: Home, loaded: Home, server: tuple[ModelServer, str], tmp_path: Path
) -> None:
    faults = ["500", "half", "429 0.2", "reset", "malformed", "503 0.1", "stranger", "429", "half"]
    script = [step for fault in faults for step in (fault, *["pass"] * 9)]
    proxy = FaultProxy(server[1], script)
    with proxy.running() as url:
        home = home_asking(url, loaded, tmp_path)
        run_flow(home, "corpus")
        asked = len(proxy.done)
        counts, expected = home.counts("corpus"), clean.counts("corpus")
        run_flow(home, "corpus")
        assert len(proxy.done) == asked
    assert_frame_equal(texts_of(home), texts_of(clean))
    assert proxy.faults.count("pass") == expected["api_requests"]
    assert counts["api_requests"] == asked
    assert counts["api_failed_requests"] == len(faults)
    for tokens in ("prompt_tokens", "completion_tokens"):
        assert counts[f"api_{tokens}"] == expected[f"api_{tokens}"] == proxy.delivered[tokens]
    assert counts["api_cost"] == pytest.approx(expected["api_cost"])
    assert (home.counts("corpus")["generated"], home.counts("corpus")["reused"]) == (0, TEXTS)


def test_server_that_goes_down_keeps_what_was_written(
    clean: Home, loaded: Home, server: tuple[ModelServer, str], tmp_path: Path
) -> None:
    proxy = FaultProxy(server[1], ["pass"] * 100, then="reset")
    with proxy.running() as url:
        home = home_asking(url, loaded, tmp_path)
        with pytest.raises(
            PolyrecError, match="finished shards are kept.*run the same command again"
        ) as error:
            run_flow(home, "corpus")
        assert isinstance(error.value, PolyrecError)  # one line, no traceback
        kept = standing(home)
        assert 0 < kept < TEXTS
        proxy.then = "pass"
        run_flow(home, "corpus")
    assert (home.counts("corpus")["reused"], home.counts("corpus")["generated"]) == (kept, TEXTS - kept)
    assert standing(home) == TEXTS
    assert_frame_equal(texts_of(home), texts_of(clean))


@pytest.mark.thorough
def test_another_model_writes_its_own_texts_beside_them(
    clean: Home, server: tuple[ModelServer, str], tmp_path: Path
) -> None:
    home = clean.copy(tmp_path)
    point_at(server[1], home)
    text = home.config.read_text(encoding="utf-8")
    home.config.write_text(text.replace('"toy"', '"toy-2"').replace("attempts = 2", ""), encoding="utf-8")
    run_flow(home, "corpus")
    assert set(texts_of(home)["engine"]) == {"openai/toy-2"}
    assert standing(home) == 2 * TEXTS
