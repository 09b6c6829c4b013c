"""The other end of a worker: start it, ask it, end it."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from benchmarks.harness.worker import Reply

ROOT = Path(__file__).resolve().parents[2]

# Threads of some libraries spin when they have nothing to do, and take a core from whoever's turn
# it is: JAX's for 120 ms, OpenBLAS's for 25. A process that is stopped leaves the machine alone.
CAN_STOP = hasattr(signal, "SIGSTOP")


class Failed(Exception):
    """A peer could not do what it was asked.

    `short` fits into a cell of the table; the message says more.
    """

    def __init__(self, short: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.short = short
        self.trace = trace


class Worker:
    """A process that answers for one peer.

    Its messages to the user are kept, and shown only if it dies. A time limit is kept by killing
    the process: a library that compiles does not listen to anything else. Where the system can
    do that, the process is stopped while it is not asked anything.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.stop = CAN_STOP
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.harness.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            cwd=ROOT,
            env=dict(environment),
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked anything more."""
        return self.process.poll() is None

    def ask(self, *command: Any, limit: float) -> Reply:
        """Send a command and wait for the reply, at most `limit` seconds."""
        out_of_time = threading.Event()

        def kill() -> None:
            out_of_time.set()
            self.process.kill()

        timer = threading.Timer(limit, kill)
        timer.daemon = True
        timer.start()
        self._go_on()
        try:
            reply = self._exchange(command)
            if self.stop:
                self.process.send_signal(signal.SIGSTOP)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.process.kill()
            code = self.process.wait()
            if out_of_time.is_set():
                raise Failed(f"> {limit:g} s", f"took longer than {limit:g} s") from None
            message = f"its process ended with code {code}: {self._last_words()}"
            raise Failed("died", message) from None
        finally:
            timer.cancel()
        if reply.error is not None:
            name, first = reply.error
            raise Failed(name, f"{name}: {first}", reply.trace)
        return reply

    def _go_on(self) -> None:
        if self.stop:
            self.process.send_signal(signal.SIGCONT)

    def _exchange(self, command: tuple[Any, ...]) -> Reply:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise OSError("no pipes")
        pickle.dump(command, stdin)
        stdin.flush()
        reply: Reply = pickle.load(stdout)
        return reply

    def _last_words(self) -> str:
        """The last line that it wrote on its standard error."""
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """Let it end, and see that it does."""
        self._go_on()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.said.close()
