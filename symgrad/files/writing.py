"""Files that appear whole or not at all, whatever happens while they are written.

What is written goes to a temporary file in the same directory, which then takes the name in one
step: whoever reads meanwhile, pulls the plug or fills the disk finds the old file or the new one.

A run that is killed leaves its temporary file. Its name tells what it is (`TEMPORARY`), and a lock
on it, which the system takes away from who has died, whether anybody still writes to it; the next
who writes to the same place removes it and says so.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from time import monotonic, sleep, time
from typing import Any, BinaryIO

from symgrad.errors import FileError, quoted

try:
    fcntl: Any = import_module("fcntl")
except ImportError:  # Windows, where nobody can remove a file that somebody has open
    fcntl = None

# How temporary files end.
TEMPORARY = ".symgrad-tmp"

# So many may write to one path at a time, and who comes then waits so many seconds.
_WRITERS = 8
_PATIENCE = 10.0

# Paths that stand for files that are open already.
_OPEN = re.compile(r"/dev/(?:(stdout)|(stderr)|fd/([0-9]+))|/proc/self/fd/([0-9]+)")

# What Windows keeps for devices, with any ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


@contextmanager
def whole(path: str | os.PathLike[str], *, sync: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write all of it, or none of it where the block raises.

    A symbolic link is followed; a pipe or a terminal gets what is written when all of it is there.

    Parameters
    ----------
    path : path
        Where to write.
    sync : bool
        Have it on the disk before it takes its name: for what would be lost work.

    Raises
    ------
    FileError
        It cannot be written. What was there before still is.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a"
    >>> with whole(path) as file:
    ...     _ = file.write(b"text")
    >>> path.read_bytes(), len(list(path.parent.iterdir()))
    (b'text', 1)
    """
    name = os.fsdecode(path)
    removed: list[str] = []
    try:
        target, mode = _target(name)
        if mode is not None and not stat.S_ISREG(mode):
            held = io.BytesIO()
            yield held
            _pour(held.getbuffer(), target)
            return
        removed = _sweep(target)
        yield from _replaced(target, mode, sync)
    except BrokenPipeError:  # the reader has had enough, which is no mistake
        raise
    except FileError:  # of another file
        raise
    except OSError as error:
        reason = quoted(error.strerror or str(error) or type(error).__name__)
        text = f"cannot write {quoted(name, 1000)}: {reason}"
        raise FileError(text, reason=reason, errno=error.errno) from None
    if removed:
        warnings.warn(left(removed), stacklevel=3)


def write(path: str | os.PathLike[str], content: bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all; see `whole`."""
    with whole(path, sync=sync) as file:
        file.write(content)


def check(path: str | os.PathLike[str]) -> None:
    """Raise the `FileError` that writing to `path` would end in, if that can be known before."""
    with suppress(_EnoughError), whole(path):
        raise _EnoughError


class _EnoughError(Exception):
    """Nothing is to be written."""


def left(removed: Sequence[str]) -> str:
    """What to say of files that `sweep` has removed."""
    more = f" and {len(removed) - 1} more" if removed[1:] else ""
    return f"removed {quoted(removed[0], 1000)}{more}, left by a run that was killed"


def sweep(path: str | os.PathLike[str]) -> list[str]:
    """Remove what killed runs have left of `path`, and return the names."""
    try:
        return _sweep(_target(os.fsdecode(path))[0])
    except OSError:  # nothing can be written there either
        return []


def say(text: str, stream: Any) -> None:
    r"""Write to a stream; what it cannot show is escaped, and one that was closed hears nothing.

    >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    >>> say("Σ\n", stream)
    >>> stream.seek(0), stream.read()
    (0, '\\u03a3\n')
    >>> say("nobody listens", None)
    """
    if stream is not None:  # as Python leaves `sys.stdout` where it is closed from the beginning
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def safe_name(text: str, most: int = 100) -> str:
    r"""A part of a path, on every system, of a name that may hold anything.

    >>> safe_name("W"), safe_name("../a"), safe_name("CON"), safe_name("a\0. "), safe_name("")
    ('W', '.._a', 'CON_', 'a_._', '_')
    >>> safe_name(".."), len(safe_name("x" * 300))
    ('.__', 100)
    """
    text = "".join("_" if not c.isprintable() or c in '<>:"/\\|?*' else c for c in text)
    text = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    if text[-1:] in ("", ".", " "):
        text = text[:-1] + "_" + ("_" if text[-1:] and not text[:-1].strip(". ") else "")
    if found := _RESERVED.fullmatch(text):
        text = f"{found[1]}_{found[2] or ''}"
    return text


# -- where to ----------------------------------------------------------------------------------


def _target(path: str) -> tuple[str, int | None]:
    """Where writing to `path` leads, and the mode of what is there already."""
    target = path
    try:
        os.fsencode(path)
        if "\0" in path:
            raise ValueError
    except ValueError:
        raise OSError(errno.EINVAL, "no system has files of such a name") from None
    for _ in range(40):
        if _OPEN.fullmatch(target):
            return target, stat.S_IFIFO
        try:
            link = os.readlink(target)
        except FileNotFoundError:
            if target != path:
                text = f"it is a symbolic link to {target}, which is not there"
                raise FileNotFoundError(errno.ENOENT, text) from None
            break
        except OSError:  # no link
            break
        target = os.path.join(os.path.dirname(target), link)
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        mode = None
    if (mode is not None and stat.S_ISDIR(mode)) or not os.path.basename(target):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if mode is not None and (stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)):
        raise OSError(errno.EINVAL, "it is a disk or a socket, no file")
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return target, mode


def _pour(content: memoryview, target: str) -> None:
    """Write to a pipe, a terminal or another device."""
    found = _OPEN.fullmatch(target)
    if found:
        out, err, *numbers = found.groups()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        fd = os.dup(1 if out else 2 if err else int(numbers[0] or numbers[1]))
    else:
        try:
            fd = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise OSError(errno.ENXIO, "it is a pipe that nobody reads") from None
            raise
        os.set_blocking(fd, True)
    with os.fdopen(fd, "wb") as file:
        file.write(content)


# -- temporary files ---------------------------------------------------------------------------


def _temporary(target: str, k: int) -> str:
    directory, name = os.path.split(target)
    data = os.fsencode(name)
    if len(data) > 100:  # so that there is room for the ending
        name = f"{data[:100].decode('utf-8', 'ignore')}.{zlib.crc32(data):08x}"
    return os.path.join(directory, f".{name}.{k}{TEMPORARY}")


class _Temporary:
    """A temporary file (or a directory), of which more and more is there."""

    path = ""
    fd: int | None = None
    file: BinaryIO | None = None


def _replaced(target: str, mode: int | None, sync: bool) -> Iterator[BinaryIO]:
    made = _Temporary()
    try:
        fd = _make(made, target)
        made.file = file = os.fdopen(fd, "wb", closefd=False)
        if mode is not None and hasattr(os, "fchmod"):
            with suppress(OSError):
                os.fchmod(fd, stat.S_IMODE(mode))
        yield file
        file.flush()
        if sync:
            os.fsync(fd)
        if fcntl is None:
            _close(made)
        os.replace(made.path, target)
    finally:
        _drop(made)
    if sync:
        directory = _Temporary()
        try:
            directory.fd = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
            os.fsync(directory.fd)
        except OSError:  # not everywhere can a directory be opened
            pass
        finally:
            _close(directory)


def _make(made: _Temporary, target: str) -> int:
    """Make a new temporary file, locked, and return its descriptor."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    end = monotonic() + _PATIENCE
    while True:
        for k in range(_WRITERS):
            made.path = _temporary(target, k)
            try:
                made.fd = fd = os.open(made.path, flags, 0o666)
            except FileExistsError:
                continue
            if _lock(fd) is not False and _is_still(fd, made.path):
                return fd
            _close(made)  # who sweeps was quicker, and removes it
        if monotonic() > end:
            raise OSError(errno.EBUSY, f"{_WRITERS} others are writing it")
        sleep(0.01)


def _drop(made: _Temporary) -> None:
    """Close a temporary file, and remove it if it has not taken its name."""
    if fcntl is None:
        _close(made)
    if made.fd is not None and _is_still(made.fd, made.path):
        with suppress(OSError):  # while the lock is held, so that nobody else says it was left
            os.unlink(made.path)
    elif fcntl is None and made.path:
        with suppress(OSError):
            os.unlink(made.path)
    _close(made)


def _close(made: _Temporary) -> None:
    file, made.file = made.file, None
    if file is not None:
        with suppress(OSError):  # (a full disk has been complained about)
            file.close()
    fd, made.fd = made.fd, None
    if fd is not None:
        with suppress(OSError):
            os.close(fd)


def _sweep(target: str) -> list[str]:
    removed = []
    for k in range(_WRITERS):
        path = _temporary(target, k)
        try:
            fd = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:  # (as nearly always)
            continue
        try:
            if fcntl is not None:
                found = os.fstat(fd)
                if not found.st_size and found.st_mtime > time() - 2:
                    continue  # just made, maybe not locked yet
                held = _lock(fd)
                if held is None:  # no locks there: what is an hour old is nobody's
                    held = found.st_mtime < time() - 3600
                if not held or not _is_still(fd, path):
                    continue
                os.unlink(path)
                removed.append(path)
        except OSError:
            pass
        finally:
            os.close(fd)
        if fcntl is None:
            with suppress(OSError):
                os.unlink(path)
                removed.append(path)
    return removed


def _lock(fd: int) -> bool | None:
    """Whether nobody else holds a lock on the file; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_still(fd: int, path: str) -> bool:
    try:
        return fcntl is None or os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False
