"""A publisher on 127.0.0.1, with tiny files in the real formats of every built-in set."""

import gzip
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tasks.ingest.sets.catalogue import SETS


def archive(**members: str | bytes) -> bytes:
    """A ZIP archive; in names __ stands for / and _dot_ for a dot."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return sink.getvalue()


def lines(*rows: Mapping[str, object]) -> bytes:
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())


NEWS = (
    'N1\tsports\tgolf\t"Wheel" of golf\tAn abstract\thttps://x\t[{"Label": "Golf"}]\t[]\n'
    "N2\tnews\tworld\tTitle two\t\thttps://y\t[]\t[]\n"
)
META = {
    "parent_asin": "B1",
    "title": "Brush",
    "store": "Acme",
    "categories": ["Beauty", "Tools"],
    "description": ["Soft.", "Round."],
    "features": ["small"],
    "average_rating": 4.5,
    "rating_number": 7,
}
REVIEW = {"user_id": "A1", "parent_asin": "B1", "asin": "B0", "rating": 5.0, "timestamp": 1588687728923}

CONTENT: dict[str, bytes] = {
    "ml-1m.zip": archive(
        **{
            "ml-1m__movies_dot_dat": "1::Misérables, Les (1995)::Drama|Musical\n".encode("latin-1"),
            "ml-1m__ratings_dot_dat": "1::1::5::978300760\n",
            "ml-1m__users_dot_dat": "1::F::1::10::48067\n",
        }
    ),
    "ml-latest-small.zip": archive(
        **{
            "ml-latest-small__movies_dot_csv": 'movieId,title,genres\n1,"Enfer, L\' (1994)",Drama|War\n',
            "ml-latest-small__ratings_dot_csv": "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n",
        }
    ),
    "books.csv": (
        "book_id,authors,original_publication_year,title,average_rating,ratings_count\n"
        '1,"J.K. Rowling, Mary GrandPré",1997.0,Harry,4.4,9\n'
    ).encode(),
    "ratings.csv": b"user_id,book_id,rating\n1,1,5\n",
    "meta_All_Beauty.jsonl.gz": lines(META),
    "All_Beauty.jsonl.gz": lines(REVIEW),
    "MINDsmall_train.zip": archive(
        news_dot_tsv=NEWS,
        behaviors_dot_tsv=(
            "1\tU1\t11/11/2019 9:05:58 PM\tN3 N2\tN1-1 N4-0\n2\tU1\t11/11/2019 9:00:00 AM\tN3 N2\tN5-1\n"
        ),
    ),
    "MINDsmall_dev.zip": archive(
        news_dot_tsv=NEWS,
        behaviors_dot_tsv=(
            "1\tU1\t11/15/2019 8:00:00 AM\tN3 N2 N1 N6\tN2-1\n2\tU2\t11/15/2019 8:00:00 AM\t\tN1-1\n"
        ),
    ),
}


class Publisher(ThreadingHTTPServer):
    """Serves CONTENT with Range; notes requests; can truncate, corrupt, or answer wrongly."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = dict(CONTENT)
        self.truncate: dict[str, int] = {}
        self.corrupt: set[str] = set()
        self.status: dict[str, int] = {}
        self.asked: list[tuple[str, str | None, int]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Publisher  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name, publisher = path.rsplit("/", 1)[-1], self.server
        known = {
            f"/{parts.netloc}{parts.path}"
            for one in SETS.values()
            for remote in one.remotes("All_Beauty")
            for parts in (urlsplit(remote.url), urlsplit(remote.md5_url))
        }
        code = publisher.status.get(name, 200 if path in known else 404)
        if name.endswith(".md5"):
            whole = name.removesuffix(".md5")
            body = f"MD5 ({whole}) = {hashlib.md5(publisher.content[whole]).hexdigest()}\n".encode()
        else:
            body = publisher.content.get(name, b"")
            if name in publisher.corrupt:
                body = body[:-1] + bytes([body[-1] ^ 1])
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        wanted, start = self.headers.get("Range"), 0
        if code == 200 and wanted and self.headers.get("If-Range") == etag:
            start, code = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        publisher.asked.append((name, wanted, code))
        self.send_response(code)
        self.send_header("ETag", etag)
        if code == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start if code < 400 else 0))
        self.end_headers()
        if code < 400:
            self.wfile.write(body[start : publisher.truncate.pop(name, len(body))])


@contextmanager
def publishing() -> Iterator[Publisher]:
    """A publisher that stops with the block."""
    with Publisher() as publisher:
        thread = threading.Thread(target=publisher.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield publisher
        finally:
            publisher.shutdown()
            thread.join(timeout=10)
