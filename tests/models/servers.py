"""Real HTTP servers for tests: a model behind the OpenAI protocol, and a proxy that fails as it is told."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI, Request, Response

from tasks.models.decoding import CausalEngine
from tasks.models.engine import Sampling


class ModelServer:
    """An in-process engine as a server; it notes what it is asked and what it would charge for.

    Args:
        engine: writes; it is asked by one request at a time.
        style: how log-probabilities are listed: as vLLM does, as llama-server does, or not at all.
        echo: whether a prompt's tokens can be had.
        key: the API key that is asked for.
        usage: whether answers say what they cost.
    """

    def __init__(
        self,
        engine: CausalEngine,
        style: Literal["lists", "content", "none"] = "lists",
        echo: bool = True,
        key: str = "",
        usage: bool = True,
    ) -> None:
        self.engine, self.style, self.echo, self.key, self.usage = engine, style, echo, key, usage
        self.bodies: list[dict[str, Any]] = []
        self.charged: Counter[str] = Counter()
        self.busy = self.busiest = 0
        self._lock = threading.Lock()
        self.app = FastAPI()
        self.app.post("/v1/completions")(self._complete)
        self.app.post("/v1/chat/completions")(self._chat)

    async def _complete(self, request: Request) -> Response:
        return await self._answer(request, chat=False)

    async def _chat(self, request: Request) -> Response:
        return await self._answer(request, chat=True)

    async def _answer(self, request: Request, chat: bool) -> Response:
        body = await request.json()
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            said = f"wrong key: {request.headers.get('authorization')}"
            return _json({"error": {"message": said}}, 401)
        self.bodies.append(body)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            reply = await asyncio.to_thread(self._reply, body, chat)
        finally:
            self.busy -= 1
        return _json(reply)

    def _reply(self, body: dict[str, Any], chat: bool) -> dict[str, Any]:
        if chat:
            turns = [f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in body["messages"]]
            prompt = "".join(turns) + "<|im_start|>assistant\n"
        else:
            prompt = body["prompt"]
        with self._lock:
            given, written, log_probs = self._write(prompt, body)
        decode = self.engine.tokenizer.decode
        text = decode([token for token in written if token not in self.engine.end_tokens])
        for stop in body.get("stop", []):
            text = text.partition(stop)[0]
        tokens = written
        if body.get("echo") and self.echo:
            text, tokens = prompt + text, given + written
        pieces = [decode([token]) for token in tokens]
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
        if self.style == "lists" and "logprobs" in body and not chat:
            choice["logprobs"] = {"tokens": pieces, "token_logprobs": log_probs}
        elif self.style != "none" and "logprobs" in body:
            listed = zip(pieces, log_probs, strict=True)
            choice["logprobs"] = {"content": [{"token": piece, "logprob": value} for piece, value in listed]}
        usage = {"prompt_tokens": len(given), "completion_tokens": len(written)}
        self.charged.update(usage)
        if chat:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        return {"choices": [choice], **({"usage": usage} if self.usage else {})}

    def _write(self, prompt: str, body: dict[str, Any]) -> tuple[list[int], list[int], list[float | None]]:
        """Tokens of the prompt, tokens written up to an end mark, log-probabilities of all that are told."""
        engine = self.engine
        sampling = Sampling(body["max_tokens"], body["temperature"], body.get("top_k", 1))
        generator = np.random.Generator(np.random.Philox(body.get("seed", 0)))
        given = engine.tokenizer.encode(prompt, add_special_tokens=False).ids
        engine.reset()
        ids, row = np.array([given]), np.array([0])
        mask = np.ones_like(ids)
        told = len(given) if body.get("echo") and self.echo else 1
        logits = engine.forward(ids, mask, np.arange(len(given))[None], row, told)
        log_probs: list[float | None] = []
        if told > 1:
            shifted = logits[0, :-1].astype(np.float64)
            shifted -= shifted.max(axis=1, keepdims=True)
            every = shifted - np.log(np.exp(shifted).sum(axis=1))[:, None]
            log_probs = [None, *every[np.arange(len(given) - 1), given[1:]].tolist()]
        written: list[int] = []
        while len(written) < sampling.max_new_tokens:
            chosen, gained = engine._draw(logits[:, -1], np.zeros(1, dtype=np.int64), sampling, [generator])
            written.append(int(chosen[0]))
            log_probs.append(float(gained[0]))
            if written[-1] in engine.end_tokens:
                break
            mask = np.ones((1, mask.shape[1] + 1), dtype=np.int64)
            logits = engine.forward(chosen[:, None], mask, np.array([[mask.shape[1] - 1]]), row, 1)
        return given, written, log_probs


def _json(values: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(values), status, media_type="application/json")


@contextmanager
def serving(server: ModelServer) -> Iterator[str]:
    """Serve in a thread on a port of its own; gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    runner = uvicorn.Server(uvicorn.Config(server.app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=runner.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        runner.should_exit = True
        thread.join(20)
        listener.close()


Fault = str
"""pass, 500, 503, 429, "429 0.5" (Retry-After in seconds), "429 date 1" (a date so far ahead), silence, drip,
reset, half, malformed, stranger (JSON of another protocol), quota (an account that is spent)."""


class FaultProxy:
    """Stands before a server and does to each request, in turn, what the script says.

    Args:
        upstream: the server's address.
        script: a fault a request.
        then: what is done when the script has ended.
    """

    def __init__(self, upstream: str, script: Iterable[Fault] = (), then: Fault = "pass") -> None:
        self.upstream, self.script, self.then = upstream, list(script), then
        self._http = httpx.AsyncClient(timeout=60, trust_env=False)
        self.done: list[tuple[float, Fault]] = []  # when, what
        self.delivered: Counter[str] = Counter()  # tokens of the answers that arrived whole

    @property
    def faults(self) -> list[Fault]:
        """What was done to each request so far."""
        return [fault for _, fault in self.done]

    @contextmanager
    def running(self) -> Iterator[str]:
        """Listen in a thread; gives the address."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(self._serve, "127.0.0.1", 0)

        async def stop() -> None:
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await self._http.aclose()

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            fault = self.script.pop(0) if self.script else self.then
            self.done.append((time.monotonic(), fault))
            path = first.split()[1].removeprefix("/v1")
            await self._do(fault, path, headers, body, reader, writer)
        finally:
            writer.close()

    async def _do(
        self,
        fault: Fault,
        path: str,
        headers: dict[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        kind, *details = fault.split()
        if kind == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif kind == "silence":
            await reader.read()
        elif kind == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        elif kind.isdigit():
            told = {}
            if details[:1] == ["date"]:
                until = datetime.now(UTC) + timedelta(seconds=float(details[1]))
                told = {"retry-after": format_datetime(until, usegmt=True)}
            elif details:
                told = {"retry-after": details[0]}
            _send(writer, int(kind), b'{"error": {"message": "told to fail"}}', told)
        elif kind == "quota":
            _send(writer, 429, b'{"error": {"message": "no money left", "code": "insufficient_quota"}}')
        elif kind == "malformed":
            _send(writer, 200, b'{"choices": [{"text": "Bro')
        elif kind == "stranger":
            _send(writer, 200, b'{"outputs": ["Broken"]}')
        else:
            kept = {name: headers[name] for name in ("authorization", "content-type") if name in headers}
            answer = await self._http.post(self.upstream + path, content=body, headers=kept)
            if kind == "half":
                _send(writer, 200, answer.content, stop_at=len(answer.content) // 2)
                await writer.drain()
            else:
                if answer.is_success:
                    self.delivered.update(answer.json().get("usage", {}))
                _send(writer, answer.status_code, answer.content)
                await writer.drain()


def _send(
    writer: asyncio.StreamWriter,
    status: int,
    content: bytes,
    headers: dict[str, str] | None = None,
    stop_at: int | None = None,
) -> None:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content[:stop_at])
