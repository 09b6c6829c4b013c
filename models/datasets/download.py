"""Fetching MNIST once, from whichever public mirror answers, into the user's cache.

Every file is checked before it gets its name: against the SHA-256 of the *unpacked* bytes, since
mirrors compress the same images differently. An attempt that cannot succeed ends quickly: a mirror
that refuses, hangs, dribbles or sends something else is given up after seconds, and then the next
one is asked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from datasets.errors import reason
from symgrad.errors import quoted
from symgrad.files.writing import write

__all__ = ["MIRRORS", "DownloadError", "cache_directory", "configured_mirrors", "download"]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)

# File: (size, SHA-256), both of the unpacked bytes. The small files come first, so that a mirror
# that is no good is noticed before the large one is under way.
CHECKSUMS = {
    "t10k-labels-idx1-ubyte": (
        10_008,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "train-labels-idx1-ubyte": (
        60_008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "train-images-idx3-ubyte": (
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
}

# Seconds. A mirror must send its first bytes within PATIENCE, and then PATIENCE kilobytes in each
# further PATIENCE seconds: less than 1 kB/s is as good as no network. A file, of which the largest
# has 10 MB, may take LONGEST in all.
PATIENCE = 4.0
LONGEST = 600.0

WEB = ("http", "https")

# What a bad mirror or network raises: a checksum that does not fit is a ValueError; those of
# requests are OSErrors, and a file of certificates that is not there is a plain one.
_MIRROR_ERRORS = (OSError, EOFError, ValueError, zlib.error)


class DownloadError(Exception):
    """No mirror gave what was asked for; `offline` when none could be reached at all."""

    def __init__(self, message: str, offline: bool) -> None:
        super().__init__(message)
        self.offline = offline


def cache_directory() -> Path:
    """The user's cache of symgrad, where the operating system keeps such things."""
    return Path(pooch.os_cache("symgrad"))


def configured_mirrors() -> tuple[str, ...]:
    """The mirrors to ask: `MIRRORS`, or those that ``SYMGRAD_MIRRORS`` lists, between spaces."""
    chosen = os.environ.get("SYMGRAD_MIRRORS")
    return MIRRORS if chosen is None else tuple(chosen.split())


def download(directory: Path, mirrors: Sequence[str] | None = None, *, quiet: bool = False) -> None:
    """Fetch into `directory` those of the four files that it does not hold yet, unpacked.

    Parameters
    ----------
    directory
        Made if it does not exist. A file appears in it whole and checked, or not at all.
    mirrors
        Addresses to which a file's name is appended; `configured_mirrors()` by default.
    quiet
        Show no progress bars (there are none in a pipe either).
    """
    if mirrors is None:
        mirrors = configured_mirrors()
    queue = list(dict.fromkeys(mirror.rstrip("/") + "/" for mirror in mirrors))  # each once
    for name, (size, digest) in CHECKSUMS.items():
        if _is_there(directory / name, digest):
            continue
        failures: dict[str, Exception] = {}
        while queue and len(failures) < len(queue):
            mirror = queue[0]
            try:
                content = _unpacked(f"{mirror}{name}.gz", size, quiet)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise ValueError("other contents")
                break
            except _MIRROR_ERRORS as error:
                failures[mirror] = error
                queue.append(queue.pop(0))
        else:
            raise _explain(name, failures)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            write(directory / name, content, sync=True)
        except OSError as error:
            reason = getattr(error, "reason", error.strerror)
            message = f"cannot write to {directory} ({reason})"
            raise DownloadError(message, offline=False) from None


def _explain(name: str, failures: dict[str, Exception]) -> DownloadError:
    """One short reason out of those of all mirrors: the most telling one."""
    unreachable = (requests.ConnectionError, requests.Timeout, TimeoutError)
    for mirror, error in failures.items():
        if not _is_address(mirror):
            text = f"{quoted(mirror)} is no address, expected something like {MIRRORS[0]}"
        elif isinstance(error, requests.exceptions.InvalidProxyURL):
            text = "the proxy that is set in the environment is no address"
        elif isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
            text = "the proxy that is set in the environment speaks SOCKS, which needs PySocks"
        elif not isinstance(error, unreachable):
            text = f"{urlsplit(mirror).hostname} sent {name}.gz {_kind(error)}"
        else:
            continue
        return DownloadError(text, offline=False)
    hosts = [str(urlsplit(mirror).hostname) for mirror in failures]
    return DownloadError(f"cannot reach {' or '.join(hosts) or 'any mirror'}", offline=True)


def _is_address(mirror: str) -> bool:
    try:
        requests.Request("GET", mirror).prepare()
        parts = urlsplit(mirror)
        return parts.scheme in WEB and bool((parts.hostname or "").encode("idna"))
    except ValueError:  # also requests' own
        return False


def _kind(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"not at all (status {error.response.status_code})"
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "not at all (it points to something else than a web address)"
    if isinstance(error, requests.TooManyRedirects):
        return "not at all (it points from one address to the next)"
    if isinstance(error, ValueError):
        return "with other contents than MNIST's"
    damaged = (requests.RequestException, gzip.BadGzipFile)
    if isinstance(error, OSError) and not isinstance(error, damaged):
        return f"not at all ({reason(error)})"
    return f"cut short or damaged ({type(error).__name__})"


def _is_there(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _unpacked(url: str, size: int, quiet: bool) -> bytes:
    """Fetch `url`, and unpack it."""
    packed = _watched(url, size + 1000, quiet)
    if packed[:2] == b"\x1f\x8b":  # otherwise the server has unpacked it already
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            packed = stream.read(size + 1)
    return packed


def _drop_if_redirect(response: requests.Response, **_: Any) -> None:
    """Without its body, which may have no end: requests would read all of it before it goes on."""
    if response.is_redirect:
        response.close()
        response.raw = io.BytesIO()


def _watched(url: str, most: int, quiet: bool) -> bytes:
    """Fetch `url`, of at most so many bytes, in a thread that is abandoned when it gets nowhere.

    Time limits of sockets do not cover the look-up of a name, several addresses tried in turn, or a
    server that sends a byte now and then. The thread holds only memory, so that abandoning it
    leaves nothing behind.
    """
    received = io.BytesIO()
    outcome: list[BaseException] = []
    stopped = threading.Event()
    name = url.rpartition("/")[2]

    columns, rows = shutil.get_terminal_size()  # (80x24 where a terminal does not say)
    with tqdm(
        desc=name,
        unit="B",
        unit_scale=True,
        leave=False,
        ncols=columns - 1,
        nrows=rows,
        disable=quiet or not sys.stderr.isatty(),
    ) as bar:

        def fetch() -> None:
            try:
                hooks = {"response": _drop_if_redirect}
                with requests.get(url, stream=True, timeout=PATIENCE, hooks=hooks) as response:
                    response.raise_for_status()
                    bar.total = int(response.headers.get("Content-Length", 0)) or None
                    for chunk in response.iter_content(4096):
                        if stopped.is_set() or received.tell() + len(chunk) > most:
                            raise ValueError(f"{url} sends more than {most:,} bytes")
                        received.write(chunk)
                        bar.update(len(chunk))
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=fetch, daemon=True)
        thread.start()
        expected = 1
        start = monotonic()
        try:
            while thread.is_alive():
                before = monotonic()
                # One second at a time, so that Ctrl-C is heard on every system.
                while thread.is_alive() and monotonic() - before < PATIENCE:
                    thread.join(min(1.0, PATIENCE))
                too_long = monotonic() - start > LONGEST
                if thread.is_alive() and (too_long or received.tell() < expected):
                    raise TimeoutError(f"{url} sends nothing, or hardly anything")
                expected = received.tell() + int(1000 * PATIENCE)
        finally:
            stopped.set()  # an abandoned thread stops at the next piece
    if outcome:
        raise outcome[0]
    return received.getvalue()
