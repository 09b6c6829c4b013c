"""Workers in processes of their own, so that a crash is a failure like any other."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import Counter
from queue import Empty
from time import monotonic, sleep
from typing import Any

from tests.fuzz.cases import HANG
from tests.fuzz.report import Found

_CRASHES = 5  # after which a worker is not started again


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Run:
    """Workers in processes of their own, so that a crash is a failure like any other."""

    def __init__(
        self, base: int, jobs: int, only: tuple[str, ...] = (), stop: bool = False
    ) -> None:
        self.base, self.jobs, self.only, self.stop = base, jobs, only, stop
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.programs = 0
        self.seconds = 0.0
        self.seen: set[Any] = set()

    def go(self, deadline: float | None, last: int | None) -> None:
        started = monotonic()
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        at = [context.Array("q", [k, int(started)]) for k in range(self.jobs)]

        def start(job: int, first: int) -> Any:
            settings = (self.base, first, self.jobs, deadline, last, self.only, self.stop)
            process = context.Process(
                target=_worker, args=(queue, job, at[job], *settings), daemon=True
            )
            process.start()
            return process

        running = {job: start(job, job) for job in range(self.jobs)}
        while running:
            try:
                job, what, told = queue.get(timeout=1.0)
            except Empty:
                for job, process in list(running.items()):
                    stuck = monotonic() - at[job][1] > 4 * HANG + 60
                    if process.is_alive() and not stuck:
                        continue
                    if not process.is_alive() and process.exitcode == 0:
                        continue
                    process.kill()
                    process.join()
                    k = at[job][0]
                    kind = "hang" if stuck else f"crash (exit status {process.exitcode})"
                    self.failures[kind] += 1
                    if self.failures[kind] > _CRASHES:
                        del running[job]
                        continue
                    say(f"--- {kind} (python -m tests.fuzz --program {self.base + k} --whole)")
                    running[job] = start(job, k + self.jobs)
                continue
            if what == "counts":
                counts, failures = told
                self.programs += counts.pop("programs", 0)
                self.counts.update(counts)
                self.failures.update(failures)
            elif what == "notes":
                say("\n".join(told)) if told else None
            elif what == "found":
                self._found(told)
                if self.stop:
                    self.failures[told.kind] += 1
                    for process in running.values():
                        process.kill()
                    break
            else:
                running.pop(job).join()
        self.seconds = monotonic() - started

    def _found(self, found: Found) -> None:
        key = (found.kind, found.rows)
        if key not in self.seen:
            self.seen.add(key)
            say(str(found))


def _end_with(parent: int) -> None:
    """End this worker when the process that started it has ended, however it did."""
    while os.getppid() == parent:
        sleep(2)
    os._exit(1)


def _worker(queue: Any, job: int, at: Any, *settings: Any) -> None:
    from tests.fuzz.work import work

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    work(*settings, lambda what, told: queue.put((job, what, told)), at)
