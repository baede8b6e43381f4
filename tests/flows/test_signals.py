import os
import signal
from collections.abc import Iterator

import pytest

from flows.signals import TERMINATED, raising

EVERY = (signal.SIGINT, *TERMINATED)


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    """What this process does on signals, put back afterwards."""
    handlers = {number: signal.getsignal(number) for number in EVERY}
    for number in EVERY:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", EVERY)
def test_raises_in_the_block_and_puts_handlers_back(number: signal.Signals) -> None:
    with pytest.raises(SystemExit) as leaving, raising(SystemExit(143), EVERY):
        os.kill(os.getpid(), number)
    assert leaving.value.code == 143
    assert [signal.getsignal(one) for one in EVERY] == [signal.SIG_DFL] * len(EVERY)


def test_nohup_is_heeded() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with raising(SystemExit(143), EVERY):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
