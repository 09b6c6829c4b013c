"""The process of one peer: waits on its standard input, does what is asked, waits again.

Run as ``python -m benchmarks.harness.worker`` by `harness.process`. Messages are pickles: a command
with its arguments in, a `Reply` out. Between two commands the process is blocked in a read, so that
it leaves the machine to the others; `Reply.idle` says whether its threads did so too.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import IO, Any

import numpy as np

from benchmarks.harness.question import Task, function_name


@dataclass
class Reply:
    """What comes back from a worker.

    Attributes
    ----------
    seconds
        Of one call, in the round that was run.
    numbers
        The last result, for comparison.
    idle
        Seconds of processor time used between the command before and this one.
    error, trace
        The class and first line of the exception, if one was raised, and its traceback.
    """

    seconds: float = 0.0
    numbers: tuple[Any, ...] = ()
    idle: float = 0.0
    error: tuple[str, str] | None = None
    trace: str = ""


class Server:
    """Keeps the task between commands."""

    task: Task | None = None

    def setup(self, module: str, peer: str, params: Mapping[str, Any]) -> Reply:
        """Make the task of a case, and drop the one before."""
        self.task = None
        gc.collect()
        make = getattr(importlib.import_module(module), function_name(peer))
        self.task = make(**params)
        return Reply()

    def round(self, calls: int, warm: int) -> Reply:
        """Time `calls` calls of the task."""
        if self.task is None:
            raise RuntimeError("no task has been set up")
        call = self.task.call
        result: Any = None
        gc.collect()
        for _ in repeat(None, warm):
            result = call()
        start = time.perf_counter()
        for _ in repeat(None, calls):
            result = call()
        seconds = (time.perf_counter() - start) / calls
        return Reply(seconds, tuple(np.asarray(each) for each in self.task.numbers(result)))


def serve(commands: IO[bytes], replies: IO[bytes]) -> None:
    """Answer commands until there are no more."""
    server = Server()
    used = time.process_time()
    while True:
        try:
            command, *arguments = pickle.load(commands)
        except EOFError:
            return
        idle = time.process_time() - used
        try:
            reply = getattr(server, command)(*arguments)
        except Exception as error:
            first = next(iter(str(error).strip().splitlines()), "")
            reply = Reply(error=(type(error).__name__, first), trace=traceback.format_exc())
        reply.idle = idle
        pickle.dump(reply, replies)
        replies.flush()
        used = time.process_time()


def main() -> None:
    """Serve on the standard streams; what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    # Under its importable name, so that what is pickled here is found there.
    from benchmarks.harness import worker

    worker.main()
