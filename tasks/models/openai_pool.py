"""Which of several servers with the same model is asked next."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from warehouse.errors import PolyrecError


@dataclass
class Server:
    """What is known of one server; times are those of `time.monotonic`."""

    url: str
    busy: int = 0
    asked: int = 0
    failures: int = 0  # since it last answered
    rests_until: float = 0.0  # after a failure others are preferred
    closed_until: float = 0.0  # it asked for quiet until then (Retry-After)


class Pool:
    """Servers that share the work: the least busy one is asked, one that failed is left to rest.

    It rests `rest_s` after its first failure and twice as long after each further one, at most `max_wait_s`,
    which also bounds how long it may keep everybody waiting.
    """

    def __init__(self, urls: Sequence[str], rest_s: float, max_wait_s: float) -> None:
        self.servers = [Server(url) for url in urls]
        self._rest_s = rest_s
        self._max_wait_s = max_wait_s

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Server]:
        """Wait until a server may be asked; it counts as busy inside the block.

        Raises:
            PolyrecError: all of them ask for a longer wait than the settings allow.
        """
        while not (willing := [one for one in self.servers if one.closed_until <= time.monotonic()]):
            opens = min(one.closed_until for one in self.servers) - time.monotonic()
            if opens > self._max_wait_s:
                raise PolyrecError(
                    f"{self.servers[0].url} asks to wait {opens:.0f} s, longer than max_wait_s = "
                    f"{self._max_wait_s:g} in [corpus.openai]; texts of finished shards are kept: run the "
                    "same command again later, or raise max_wait_s"
                )
            await asyncio.sleep(max(opens, 0))
        now = time.monotonic()
        server = min(willing, key=lambda one: (one.rests_until > now, one.busy, one.asked))
        server.busy += 1
        server.asked += 1
        try:
            yield server
        finally:
            server.busy -= 1

    def failed(self, server: Server, retry_after_s: float | None = None) -> None:
        """Let a server rest; `retry_after_s` is what it asked for itself."""
        now = time.monotonic()
        server.rests_until = now + min(self._rest_s * 2**server.failures, self._max_wait_s)
        server.failures = min(server.failures + 1, 32)
        if retry_after_s is not None:
            server.closed_until = max(server.closed_until, now + retry_after_s)

    def answered(self, server: Server) -> None:
        """Forget the failures of a server that works."""
        server.failures = 0
        server.rests_until = 0.0

    def has_other(self, server: Server | None) -> bool:
        """Whether there is another server, one that neither rests nor asked for quiet."""
        now = time.monotonic()
        return any(
            one is not server and max(one.rests_until, one.closed_until) <= now for one in self.servers
        )
