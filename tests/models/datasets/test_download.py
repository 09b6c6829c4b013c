"""Downloads from a server on the loopback that can fail in every way."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from datasets import download
from datasets.download import DownloadError

LAST = "train-images-idx3-ubyte"
FIRST = "t10k-labels-idx1-ubyte"


def closed_port() -> str:
    """An address on the loopback where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PATIENCE", 1.0)


def test_all_four_files_come_unpacked(
    tmp_path: Path, server: Any, published: dict[str, bytes]
) -> None:
    download.download(tmp_path / "new" / "cache", [server.serve("m", published)])
    assert contents(tmp_path / "new" / "cache") == published


def test_only_what_is_missing_or_damaged_is_fetched(
    tmp_path: Path, server: Any, published: dict[str, bytes]
) -> None:
    mirror = server.serve("m", published)
    download.download(tmp_path, [mirror])
    (tmp_path / FIRST).unlink()
    (tmp_path / LAST).write_bytes(b"damaged")
    server.asked.clear()
    download.download(tmp_path, [mirror])
    assert server.asked == [f"/m/{FIRST}.gz", f"/m/{LAST}.gz"]
    assert contents(tmp_path) == published


def test_a_server_that_unpacks(
    tmp_path: Path, server: Any, answer: Any, published: dict[str, bytes]
) -> None:
    mirror = server.serve("m", published)
    for given in server.answers.values():  # as some storage services do for old clients
        given.headers["Content-Encoding"] = "gzip"
    download.download(tmp_path, [mirror])
    assert contents(tmp_path) == published


Break = Callable[[Any, bytes], Any]

FAILURES: dict[str, tuple[Break, str]] = {
    "status 404": (lambda answer, body: answer(b"not here", 404), "status 404"),
    "status 503": (lambda answer, body: answer(b"busy", 503), "status 503"),
    "a web page": (lambda answer, body: answer(b"<html>Log in</html>"), "other contents"),
    "nothing": (lambda answer, body: answer(b""), "other contents"),
    "other digits": (
        lambda answer, body: answer(gzip.compress(gzip.decompress(body)[:-1] + b"?")),
        "other contents",
    ),
    "a gzip bomb": (lambda answer, body: answer(gzip.compress(bytes(10**7))), "other contents"),
    "more than MNIST has": (lambda answer, body: answer(bytes(60 << 20)), "other contents"),
    "an address of a file": (
        lambda answer, body: answer(b"", 302, headers={"Location": "file:///etc/passwd"}),
        "something else than a web address",
    ),
    "truncated gzip": (lambda answer, body: answer(body[:-5]), "cut short or damaged"),
    "truncated transfer": (
        lambda answer, body: answer(body[:-5], length=len(body)),
        "cut short or damaged",
    ),
    "damaged gzip": (
        lambda answer, body: answer(body[:12] + b"\xff\xff\xff" + body[15:]),
        "cut short or damaged",
    ),
    "hangs at once": (lambda answer, body: answer(b"", length=9, hang=True), "cannot reach"),
    "hangs midway": (
        lambda answer, body: answer(body[:-5], length=len(body), hang=True),
        "cannot reach",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", [FIRST, LAST])
def test_a_bad_mirror_leaves_nothing_and_the_next_is_asked(
    tmp_path: Path, server: Any, answer: Any, published: dict[str, bytes], failure: str, name: str
) -> None:
    damage, reason = FAILURES[failure]
    bad, good = server.serve("bad", published), server.serve("good", published)
    path = f"/bad/{name}.gz"
    server.answers[path] = damage(answer, server.answers[path].body)

    with pytest.raises(DownloadError) as caught:
        download.download(tmp_path, [bad])
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.offline == (reason == "cannot reach")
    whole = contents(tmp_path)  # only files that came before, whole, and no temporary ones
    assert name not in whole
    assert whole.items() <= published.items()

    download.download(tmp_path, [bad, good])
    assert contents(tmp_path) == published


def test_nobody_there(tmp_path: Path, published: dict[str, bytes]) -> None:
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"cannot reach 127.0.0.1 or localhost$") as caught:
        one = closed_port()
        download.download(tmp_path, [one, one, one.replace("127.0.0.1", "localhost")])
    assert caught.value.offline
    assert time.monotonic() - start < 10
    assert contents(tmp_path) == {}


def test_a_proxy_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: dict[str, bytes]
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, closed_port())
    with pytest.raises(DownloadError, match="cannot reach mirror.invalid") as caught:
        download.download(tmp_path, ["https://mirror.invalid/mnist/"])
    assert caught.value.offline


def test_a_proxy_that_forbids(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Any,
    answer: Any,
    published: dict[str, bytes],
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, server.url)
    server.answers[f"http://mirror.invalid/{FIRST}.gz"] = answer(b"", 403)
    with pytest.raises(DownloadError, match=r"mirror.invalid sent .* \(status 403\)"):
        download.download(tmp_path, ["http://mirror.invalid/"])


def test_a_server_that_dribbles(tmp_path: Path, published: dict[str, bytes]) -> None:
    """A byte now and then keeps every socket's time limit from expiring."""
    over = threading.Event()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def dribble() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                try:
                    while not over.wait(0.05):
                        client.sendall(b"\x1f")
                except OSError:
                    pass

        thread = threading.Thread(target=dribble, daemon=True)
        thread.start()
        start = time.monotonic()
        with pytest.raises(DownloadError, match="cannot reach"):
            download.download(tmp_path, [f"http://127.0.0.1:{listener.getsockname()[1]}/"])
        assert time.monotonic() - start < 10
        over.set()
        thread.join(10)
    assert contents(tmp_path) == {}


ENDLESS = {
    "zeros": (b"", bytes(1 << 20)),
    "a gzip bomb": (b"Content-Encoding: gzip\r\n", gzip.compress(bytes(1 << 28))),
}


@pytest.mark.parametrize("body", ENDLESS)
def test_the_body_of_a_redirect_is_not_read(
    tmp_path: Path, published: dict[str, bytes], body: str
) -> None:
    header, piece = ENDLESS[body]
    sent = [0]

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def redirect() -> None:
            client, _ = listener.accept()
            with client, suppress(OSError):
                client.recv(4096)
                client.sendall(b"HTTP/1.1 302 Found\r\nLocation: file:/etc\r\n" + header + b"\r\n")
                for _ in range(1000):
                    client.sendall(piece)
                    sent[0] += len(piece)

        thread = threading.Thread(target=redirect, daemon=True)
        thread.start()
        with pytest.raises(DownloadError, match="something else than a web address"):
            download.download(tmp_path, [f"http://127.0.0.1:{listener.getsockname()[1]}/"])
        thread.join(10)
    assert sent[0] < 64 << 20  # what sockets hold
    assert contents(tmp_path) == {}


def test_what_is_wrong_with_a_proxy_is_no_fault_of_the_mirror(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    published: dict[str, bytes],
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://")
    with pytest.raises(DownloadError, match="proxy that is set .* is no address"):
        download.download(tmp_path, ["http://mirror.invalid/"])


def test_certificates_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: dict[str, bytes]
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    with pytest.raises(DownloadError, match=r"mirror.invalid sent .* not at all \(Could not find"):
        download.download(tmp_path / "to", ["https://mirror.invalid/"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Location": "http://127.0.0.1:99999/"},
        {"Location": "http://[::1/"},
        {"Content-Length": "3, 4"},
    ],
    ids=str,
)
def test_bad_headers_are_no_fault_of_the_address(
    tmp_path: Path, published: dict[str, bytes], headers: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def respond() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                status = "302 Found" if "Location" in headers else "200 OK"
                lines = [f"{name}: {value}" for name, value in headers.items()]
                client.sendall("\r\n".join([f"HTTP/1.1 {status}", *lines, "", "abc"]).encode())

        thread = threading.Thread(target=respond, daemon=True)
        thread.start()
        with pytest.raises(DownloadError, match=r"^127.0.0.1 sent "):
            download.download(tmp_path, [f"http://127.0.0.1:{listener.getsockname()[1]}/"])
        thread.join(10)


def test_ctrl_c_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Any,
    published: dict[str, bytes],
) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_watched", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.download(tmp_path, [server.serve("m", published)])
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("mirrors", "complaint"),
    [
        (["nonsense"], r"^nonsense/ is no address, expected something like https://"),
        (["ftp://127.0.0.1/"], r"^ftp://127.0.0.1/ is no address"),
        (["http://a..b/"], r"^http://a..b/ is no address"),
        (["http://" + "a" * 3000], r"^http://a+.* is no address"),
        ([], "^cannot reach any mirror$"),
    ],
)
def test_mirrors_that_are_none(
    tmp_path: Path, mirrors: list[str], complaint: str, published: dict[str, bytes]
) -> None:
    with pytest.raises(DownloadError, match=complaint):
        download.download(tmp_path, mirrors)


def test_mirrors_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYMGRAD_MIRRORS", raising=False)
    assert download.configured_mirrors() == download.MIRRORS
    monkeypatch.setenv("SYMGRAD_MIRRORS", "http://a/ http://b/")
    assert download.configured_mirrors() == ("http://a/", "http://b/")


def test_the_checksums_are_those_of_mnist(mnist_directory: Path) -> None:
    import hashlib

    for name, (size, digest) in download.CHECKSUMS.items():
        data = gzip.decompress((mnist_directory / f"{name}.gz").read_bytes())
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
