"""What the engine that asks a server makes of servers that fail."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.models.engine import Generation
from tasks.models.openai_client import Client, UnusableAnswer
from tasks.models.openai_engine import OpenAiEngine
from tasks.settings.openai import OpenAi
from tests.models.servers import FaultProxy, ModelServer, serving
from tests.models.test_openai_engine import PROMPTS, SAMPLING, SEEDS
from tests.models.toys import ToyEngine
from warehouse.errors import PolyrecError


def asking(*urls: str, **settings: Any) -> OpenAiEngine:
    """An engine that waits little between attempts."""
    return OpenAiEngine(
        OpenAi(base_urls=urls, model="toy", **{"backoff_s": 0.01, "timeout_s": 5, **settings})
    )


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[ModelServer, str]]:
    model = ModelServer(ToyEngine())
    with serving(model) as url:
        yield model, url


@pytest.fixture(scope="module")
def url(server: tuple[ModelServer, str]) -> str:
    return server[1]


@pytest.fixture(scope="module")
def expected(url: str) -> list[Generation]:
    return asking(url).generate(PROMPTS, SAMPLING, SEEDS)


@pytest.fixture
def dead() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "fault", ["429", "429 0.05", "500", "503", "reset", "half", "malformed", "stranger", "silence", "drip"]
)
def test_failed_answer_is_asked_for_again(url: str, expected: list[Generation], fault: str) -> None:
    proxy = FaultProxy(url, ["pass", fault, "pass", fault, fault])
    with proxy.running() as address:
        # Long enough for a true answer on busy cores.
        engine = asking(address, timeout_s=2 if fault in ("silence", "drip") else 30, concurrency=2)
        assert engine.generate(PROMPTS, SAMPLING, SEEDS) == expected
    assert proxy.faults.count(fault) == 3
    assert len(proxy.faults) == 6 + 3
    spent = engine.spent()
    assert (spent["api_requests"], spent["api_failed_requests"]) == (9, 3)
    assert spent["api_completion_tokens"] == proxy.delivered["completion_tokens"] > 0


def test_every_fault_at_once(url: str, expected: list[Generation]) -> None:
    script = ["500", "half", "429 0.1", "reset", "malformed", "pass", "silence", "503", "stranger", "pass"]
    proxy = FaultProxy(url, script)
    with proxy.running() as address:
        engine = asking(address, timeout_s=2, attempts=10)
        assert engine.generate(PROMPTS, SAMPLING, SEEDS) == expected
    assert proxy.faults[: len(script)] == script


@pytest.mark.parametrize(("fault", "seconds"), [("429 0.6", 0.6), ("503 0.6", 0.6), ("429 date 2", 0.95)])
def test_retry_after_is_honoured_by_all_requests(
    url: str, expected: list[Generation], fault: str, seconds: float
) -> None:
    proxy = FaultProxy(url, ["pass", fault])
    with proxy.running() as address:
        assert asking(address, concurrency=1).generate(PROMPTS, SAMPLING, SEEDS) == expected
    (told, _), (next_, _) = proxy.done[1:3]
    assert seconds <= next_ - told < seconds + 2


def test_other_requests_wait_too(url: str) -> None:
    proxy = FaultProxy(url, ["429 0.6"])
    with proxy.running() as address:
        asking(address, concurrency=2).generate(PROMPTS, SAMPLING, SEEDS)
    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(proxy.done)]
    assert sum(gap > 0.4 for gap in gaps) == 1  # what was under way came before, all others after
    assert len(proxy.done) == 7


def test_wait_that_is_too_long_stops(url: str) -> None:
    proxy = FaultProxy(url, then="429 900")
    with (
        proxy.running() as address,
        pytest.raises(
            PolyrecError, match=r"asks to wait (900|899) s, longer than max_wait_s = 60.*shards are kept"
        ),
    ):
        asking(address, concurrency=1).generate(PROMPTS, SAMPLING, SEEDS)
    assert len(proxy.done) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "status 500: told to fail"),
        ("429", "status 429: told to fail"),
        ("reset", "ReadError"),
        ("half", "RemoteProtocolError: peer closed connection"),
        ("malformed", "no answer of this protocol: Invalid JSON"),
        ("stranger", "no answer of this protocol: choices Field required"),
        ("silence", "no whole answer within 0.2 s"),
        ("drip", "no whole answer within 0.2 s"),
    ],
)
def test_what_always_fails_says_so_and_how_to_go_on(url: str, fault: str, said: str) -> None:
    proxy = FaultProxy(url, then=fault)
    with proxy.running() as address, pytest.raises(PolyrecError) as error:
        seconds = 0.2 if fault in ("silence", "drip") else 30
        asking(address, attempts=3, timeout_s=seconds).generate(PROMPTS[:1], SAMPLING, SEEDS[:1])
    assert len(proxy.done) == 3
    for words in (f"{address}: {said}", "(attempt 3 of 3)", "finished shards are kept", "same command again"):
        assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_server_that_is_down(dead: str) -> None:
    with pytest.raises(
        PolyrecError, match=f"{dead}: ConnectError.* (attempt 2 of 2).*same command again"[:40]
    ):
        asking(dead, attempts=2).generate(PROMPTS, SAMPLING, SEEDS)


def test_spent_account_is_not_asked_again(url: str) -> None:
    proxy = FaultProxy(url, then="quota")
    with (
        proxy.running() as address,
        pytest.raises(PolyrecError, match="refuses with status 429: no money left; see to the account"),
    ):
        asking(address).generate(PROMPTS[:1], SAMPLING, SEEDS[:1])
    assert len(proxy.done) == 1


class TestPool:
    def test_work_is_shared(self, url: str, expected: list[Generation]) -> None:
        first, second = FaultProxy(url), FaultProxy(url)
        with first.running() as one, second.running() as two:
            written = asking(one, two, concurrency=2).generate(PROMPTS * 3, SAMPLING, SEEDS * 3)
        assert written == expected * 3
        assert len(first.done) + len(second.done) == 18
        assert min(len(first.done), len(second.done)) >= 5

    def test_dead_one_rests_while_the_other_works(
        self, url: str, dead: str, expected: list[Generation]
    ) -> None:
        engine, start = asking(dead, url, concurrency=2, backoff_s=30), time.monotonic()
        for _ in range(3):  # what is known of the servers outlives one batch
            assert engine.generate(PROMPTS, SAMPLING, SEEDS) == expected
        assert time.monotonic() - start < 20  # nobody waited for it
        spent = engine.spent()
        assert 1 <= spent["api_failed_requests"] <= 2  # at most those that began together

    def test_one_that_asks_for_quiet_is_left_alone(self, url: str, expected: list[Generation]) -> None:
        loud = FaultProxy(url, then="429 900")
        with loud.running() as address:
            assert asking(address, url, concurrency=1).generate(PROMPTS, SAMPLING, SEEDS) == expected
        assert len(loud.done) == 1

    def test_one_that_recovered_is_asked_again(self, url: str, expected: list[Generation]) -> None:
        shaky = FaultProxy(url, ["500"])
        with shaky.running() as address:
            engine = asking(address, url, concurrency=1)
            engine.generate(PROMPTS, SAMPLING, SEEDS)
            time.sleep(0.05)
            assert engine.generate(PROMPTS, SAMPLING, SEEDS) == expected
        assert len(shaky.done) >= 3


def test_waits_are_jittered_fully_and_grow() -> None:
    client = Client(OpenAi(model="toy", backoff_s=1.0, max_wait_s=6.0))
    failed = SimpleNamespace(exception=lambda: UnusableAnswer("x"))
    for attempt, most in ((1, 1), (2, 2), (3, 4), (4, 6), (9, 6)):
        client._pool.servers[0].rests_until = time.monotonic() + 99
        state: Any = SimpleNamespace(attempt_number=attempt, outcome=failed)
        waits = [client._wait(state) for _ in range(400)]
        assert 0 <= min(waits) < most * 0.1
        assert most * 0.9 < max(waits) <= most


def test_ctrl_c_stops_at_once(url: str) -> None:
    proxy, start = FaultProxy(url, then="silence"), time.monotonic()
    main = threading.main_thread().ident
    assert main
    press = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
    try:
        with proxy.running() as address, pytest.raises(KeyboardInterrupt):
            press.start()
            asking(address, timeout_s=60).generate(PROMPTS, SAMPLING, SEEDS)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 30
