"""Small datasets made on the spot, MNIST where it can be found, and a server on the loopback."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

REPO = Path(__file__).resolve().parents[2]

Bytes = npt.NDArray[np.uint8]


def idx_bytes(array: Bytes) -> bytes:
    """`array` in IDX format, written independently of the reader."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def small_mnist(n_train: int = 60, n_test: int = 12, seed: int = 0) -> dict[str, Bytes]:
    """Random contents for the four files, by their names."""
    rng = np.random.default_rng(seed)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (n_train, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, n_train, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (n_test, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, n_test, dtype=np.uint8),
    }


@pytest.fixture(scope="module")
def digits() -> Any:
    """Scikit-learn's digits, as `mnist.load` splits them."""
    from datasets import mnist

    return mnist.load("digits", quiet=True)


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """`run` leaves SIGINT to what ends the process at once."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


# Python ignores SIGINT where its parent did (a shell's background job): listen to it all the same.
LISTEN = f"""
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = sys.argv[1:]
sys.path.insert(0, {str(REPO / "models")!r})
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def listening() -> Callable[[str], list[str]]:
    """A function that gives the command for a program that Ctrl-C reaches, whoever started it."""
    return lambda name: [sys.executable, "-c", LISTEN, str(REPO / "models" / f"{name}.py")]


@pytest.fixture(name="idx_bytes")
def _idx_bytes() -> Callable[[Bytes], bytes]:
    return idx_bytes


@pytest.fixture(name="small_mnist")
def _small_mnist() -> Callable[..., dict[str, Bytes]]:
    return small_mnist


@pytest.fixture
def write_mnist() -> Callable[..., Path]:
    """A function that writes a small MNIST-like directory and returns it."""

    def write(directory: Path, *, gz: bool = True, **sizes: int) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        for name, array in small_mnist(**sizes).items():
            data = idx_bytes(array)
            if gz:
                (directory / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
            else:
                (directory / name).write_bytes(data)
        return directory

    return write


@pytest.fixture(scope="session")
def mnist_directory() -> Path:
    """The real MNIST, or the test is skipped."""
    places = [Path(os.environ["SYMGRAD_DATA"])] if os.environ.get("SYMGRAD_DATA") else []
    places.append(REPO.parent / "shared" / "data")
    for place in places:
        for directory in (place, place / "mnist"):
            if (directory / "train-images-idx3-ubyte.gz").is_file():
                return directory.resolve()
    pytest.skip("MNIST is neither in SYMGRAD_DATA nor in ../shared/data")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """The figures that the tutorial's run is known to print."""
    path = Path(__file__).with_name("logistic_sgd_reference.json")
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


@dataclass
class Answer:
    """What the server says to one path.

    `length` is the Content-Length that it claims, `hang` makes it wait before or after the first
    bytes until the test is over.
    """

    body: bytes = b""
    status: int = 200
    length: int | None = None
    hang: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """An HTTP server on the loopback whose answers a test lays down by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                answer = server.answers.get(self.path, Answer(status=404))
                self.send_response(answer.status)
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                self.end_headers()
                try:
                    self.wfile.write(answer.body)
                    self.wfile.flush()
                    if answer.hang:
                        server.over.wait(60)
                except OSError:  # the client has gone
                    pass

            def log_message(self, *_: object) -> None:
                pass

        class QuietServer(ThreadingHTTPServer):
            daemon_threads = True
            # (a handler that hangs is released by the event, not waited for)
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                pass

        self.http = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(10)

    def serve(self, prefix: str, files: dict[str, bytes]) -> str:
        """Answer with gzipped `files` below `prefix`; return that mirror's address."""
        for name, data in files.items():
            self.answers[f"/{prefix}/{name}.gz"] = Answer(gzip.compress(data, mtime=0))
        return f"{self.url}/{prefix}/"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small MNIST that passes for the published one: the checksums expect it."""
    from datasets import download

    files = {name: idx_bytes(array) for name, array in small_mnist().items()}
    sums = {
        name: (len(files[name]), hashlib.sha256(files[name]).hexdigest())
        for name in download.CHECKSUMS
    }
    monkeypatch.setattr(download, "CHECKSUMS", sums)
    return files
