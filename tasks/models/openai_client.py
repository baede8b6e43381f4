"""Requests to OpenAI-compatible servers: several at once, asked again when an answer fails, and counted."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from anyio.from_thread import start_blocking_portal
from pydantic import ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tasks.models.openai_pool import Pool, Server
from tasks.models.openai_replies import Reply
from tasks.settings.openai import OpenAi
from warehouse.errors import PolyrecError

T = TypeVar("T")

CONNECT_S = 10.0
# Request time-out, conflict, too early, too many requests; and whatever is the server's own fault.
PASSING = {408, 409, 425, 429}


class UnusableAnswer(Exception):
    """An answer that failed in a way that may pass; the server may say when it wants to be asked again."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.server: Server | None = None


@dataclass
class Spent:
    """What requests cost; prices are those of the settings."""

    requests: int = 0
    failed_requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    answers_without_usage: int = 0


class Client:
    """Asks the servers of the settings."""

    def __init__(self, settings: OpenAi) -> None:
        self._settings = settings
        self._path = "chat/completions" if settings.api == "chat" else "completions"
        self._pool = Pool(settings.base_urls, settings.backoff_s, settings.max_wait_s)
        self._jitter = wait_random_exponential(multiplier=settings.backoff_s, max=settings.max_wait_s)
        self._spent = Spent()

    def ask(self, bodies: Sequence[Mapping[str, Any]], read: Callable[[int, Reply], T]) -> list[T]:
        """Send every request, and again until its answer can be read; the first that never can stops all.

        `read` turns the answer to request i into what is wanted of it, or raises `UnusableAnswer`.

        Raises:
            PolyrecError: a server refuses, or none answers.
        """
        # A loop in a thread of its own: a notebook, or a flow, may have one running in this thread.
        with start_blocking_portal() as portal:
            try:
                return portal.call(self._ask_all, bodies, read)
            except ExceptionGroup as group:
                raise group.exceptions[0] from None

    def spent(self) -> dict[str, float]:
        """What was paid for since this was last asked."""
        spent, self._spent = self._spent, Spent()
        cost = spent.prompt_tokens * self._settings.price_prompt
        cost += spent.completion_tokens * self._settings.price_completion
        return {f"api_{name}": float(value) for name, value in vars(spent).items()} | {"api_cost": cost / 1e6}

    async def _ask_all(self, bodies: Sequence[Mapping[str, Any]], read: Callable[[int, Reply], T]) -> list[T]:
        slots = asyncio.Semaphore(self._settings.concurrency)
        timeout = httpx.Timeout(self._settings.timeout_s, connect=min(CONNECT_S, self._settings.timeout_s))
        async with httpx.AsyncClient(headers=self._headers(), timeout=timeout) as http:

            async def one(at: int) -> T:
                async with slots:
                    return await self._ask_until_read(http, bodies[at], lambda reply: read(at, reply))

            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(one(at)) for at in range(len(bodies))]
        return [task.result() for task in asked]

    async def _ask_until_read(
        self, http: httpx.AsyncClient, body: Mapping[str, Any], read: Callable[[Reply], T]
    ) -> T:
        attempts = self._settings.attempts
        again = AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=self._wait,
            retry=retry_if_exception_type(UnusableAnswer),
            reraise=True,
        )
        try:
            return await again(self._ask_once, http, body, read)
        except UnusableAnswer as last:
            raise PolyrecError(
                f"{last} (attempt {attempts} of {attempts}); texts of finished shards are kept: see to the "
                "server, or to base_urls, attempts and timeout_s in [corpus.openai], and run the same "
                "command again: it goes on where this stopped"
            ) from None

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter, for the server's sake; at once where another one is at hand."""
        failure = state.outcome.exception() if state.outcome else None
        other = isinstance(failure, UnusableAnswer) and self._pool.has_other(failure.server)
        return 0.0 if other else self._jitter(state)

    async def _ask_once(
        self, http: httpx.AsyncClient, body: Mapping[str, Any], read: Callable[[Reply], T]
    ) -> T:
        async with self._pool.take() as server:
            self._spent.requests += 1
            try:
                answer = read(await self._post(http, server, body))
            except UnusableAnswer as failure:
                self._spent.failed_requests += 1
                self._pool.failed(server, failure.retry_after_s)
                failure.args, failure.server = (f"{server.url}: {failure}",), server
                raise
            self._pool.answered(server)
            return answer

    async def _post(self, http: httpx.AsyncClient, server: Server, body: Mapping[str, Any]) -> Reply:
        try:
            # httpx limits the wait for each piece; this one limits an answer that comes in drips, too.
            async with asyncio.timeout(self._settings.timeout_s):
                response = await http.post(f"{server.url}/{self._path}", json=body)
        except (TimeoutError, httpx.TimeoutException):
            raise UnusableAnswer(f"no whole answer within {self._settings.timeout_s:g} s") from None
        except httpx.RequestError as error:
            raise UnusableAnswer(f"{type(error).__name__}: {error}".rstrip(": ")) from None
        self._check_status(server, response)
        try:
            reply = Reply.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise UnusableAnswer(
                f"no answer of this protocol: {where} {first['msg']}".replace("  ", " ")
            ) from None
        self._count(reply)
        return reply

    def _check_status(self, server: Server, response: httpx.Response) -> None:
        """Tell what may pass from what will not."""
        if response.is_success:
            return
        status, said = response.status_code, _message(response)
        if (status in PASSING or status >= 500) and "insufficient_quota" not in response.text:
            raise UnusableAnswer(f"status {status}: {said}", _retry_after_s(response))
        model, api, variable = self._settings.model, self._settings.api, self._settings.api_key_env
        key = f"put a valid key into {variable}" if variable else "name the variable that holds the key"
        advice = {
            401: f"{key} (api_key_env)",
            403: f"{key} (api_key_env) that may use the model {model!r}",
            404: f"check base_urls (most end in /v1), model ({model!r}) and api ({api!r})",
            429: "see to the account",
        }.get(status, "check api and model, and name fields that the server does not know in omit")
        raise PolyrecError(f"{server.url} refuses with status {status}: {said}; {advice}, in [corpus.openai]")

    def _count(self, reply: Reply) -> None:
        if reply.usage is None:
            self._spent.answers_without_usage += 1
            return
        self._spent.prompt_tokens += reply.usage.prompt_tokens
        self._spent.completion_tokens += reply.usage.completion_tokens

    def _headers(self) -> dict[str, str]:
        """Read the key where it is used, so that nothing else holds it."""
        variable = self._settings.api_key_env
        if not variable:
            return {}
        if not (key := os.environ.get(variable, "").strip()):
            raise PolyrecError(
                f"the environment variable {variable}, named by api_key_env in [corpus.openai], is not set; "
                "put the API key into it, or leave api_key_env empty for a server that wants none"
            )
        if not (key.isascii() and key.isprintable()):  # an error of the HTTP client would print it
            raise PolyrecError(f"the API key in {variable} has characters that no key has; set it anew")
        return {"Authorization": f"Bearer {key}"}


def _retry_after_s(response: httpx.Response) -> float | None:
    """What the header Retry-After asks for: seconds, or until a date."""
    value = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _message(response: httpx.Response) -> str:
    """What a refusal says, on one short line; some servers repeat the key in it."""
    try:
        told = response.json()
        error = told.get("error", told.get("detail", told))
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        text = response.text
    key = response.request.headers.get("authorization", "").removeprefix("Bearer ")
    text = text.replace(key, "[key]") if key else text
    return " ".join(text.split())[:200] or response.reason_phrase
