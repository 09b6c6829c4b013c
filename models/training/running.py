"""How a script ends: its exit status, and one line about what went wrong or what has been kept."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from datasets.errors import ModelError
from symgrad.errors import quoted
from training.saving import on_disk

__all__ = ["Interrupted", "at_once", "first", "lost_output", "run"]

INTERRUPTED = 130  # a shell's status for what Ctrl-C has ended: 128 and the signal's number
NO_READER = 141  # ... and for who wrote to a pipe that nobody reads any more (`... | head`)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a word about what has been kept."""


def run(main: Callable[[], None]) -> NoReturn:
    """Run a script's `main` and exit: 0, 2 for a user's mistake, 130 after Ctrl-C, 141 unread.

    The first Ctrl-C raises `KeyboardInterrupt`, a second one ends the process at once.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed from the beginning
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(getattr(sys, name), "reconfigure"):
            # a path may hold what a console cannot show
            getattr(sys, name).reconfigure(errors="backslashreplace")
    on_disk.clear()
    before, output = sys.stdout, _Output(sys.stdout)
    listens = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    said, status = "", 0
    try:
        sys.stdout = output
        if listens:
            signal.signal(signal.SIGINT, first)
            # Python's own end gives signals back to the system, which would kill without a word.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        main()
        output.flush()
        if output.lost is not None:
            raise output.lost
    except ModelError as error:
        said, status = f"{_script()}: error: {error}", 2
    except KeyboardInterrupt as error:
        newline = "\n" if sys.stderr.isatty() else ""  # after the ^C that a terminal shows
        said, status = f"{newline}Interrupted{quoted(error, 3000) or _kept()}", INTERRUPTED
    except BrokenPipeError:
        status = NO_READER
    except OSError as error:
        what = "standard output" if error is output.lost else error.filename or "a file"
        reason = quoted(error.strerror or error)
        said, status = f"{_script()}: error: {quoted(what, 1000)}: {reason}", 2
    finally:
        sys.stdout = before
    with suppress(OSError):
        if said:
            print(said, file=sys.stderr, flush=True)
    if listens:
        _told.append(said)
        signal.signal(signal.SIGINT, at_once)
    sys.exit(status)


def _script() -> str:
    return quoted(Path(sys.argv[0]).name)


# ---- Ctrl-C --------------------------------------------------------------------------------------

_told: list[str] = []  # what has been said last


def first(number: int, frame: FrameType | None) -> NoReturn:
    """The first Ctrl-C: whoever can keep something does."""
    signal.signal(signal.SIGINT, at_once)
    raise KeyboardInterrupt


def at_once(number: int = 0, frame: FrameType | None = None) -> NoReturn:
    """End the process without another step, as a second Ctrl-C does."""
    if not any(_told):
        text = f"\nInterrupted{_kept()}\n"
        _told.append(text)
        with suppress(OSError):
            os.write(2, text.encode("utf-8", "backslashreplace"))
    os._exit(INTERRUPTED)


def _kept() -> str:
    """What has been saved so far, to go on with after "Interrupted"."""
    if not on_disk:
        return ", before there was a model to save."
    paths = list(on_disk)
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    text = f". Saved by then: {', '.join(quoted(path, 500) for path in paths[:5])}{more}"
    states = [path for path, what in on_disk.items() if what == "the state"]
    return f"{text}. --resume goes on from {quoted(states[0], 500)}" if states else text


# ---- standard output -----------------------------------------------------------------------------


class _Output:
    """A stream that survives when nobody reads it any more, or its disk is full.

    So what is still to be saved is saved; `lost` tells what happened.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        try:
            self.stream.write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self._lose(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _lose(self, error: OSError) -> None:
        self.lost = self.lost or error
        with suppress(OSError, ValueError):  # what is still buffered goes nowhere
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stream.fileno())
            os.close(null)


def lost_output() -> OSError | None:
    """Why nobody can read what a script prints, if so."""
    return getattr(sys.stdout, "lost", None)
