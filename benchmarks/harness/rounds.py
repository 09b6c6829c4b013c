"""Ask one question of all peers: round after round, each in its turn, the machine to itself."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.case import Case
from benchmarks.harness.outcome import Outcome, disagreements
from benchmarks.harness.peers import Peer, environment, with_caches
from benchmarks.harness.process import CAN_STOP, ROOT, Failed, Worker
from benchmarks.harness.question import Question, answers
from benchmarks.harness.worker import Reply

# Between two turns. Where processes cannot be stopped, OpenBLAS's threads spin for 2**26 clock
# ticks (about 25 ms) before they sleep.
SETTLE = 0.01 if CAN_STOP else 0.04

# A worker that used more processor time than this between its turns was not idle.
BUSY = 0.08

Say = Callable[[str], None]


class Company:
    """The workers of one question, started when they are first asked."""

    def __init__(self, question: Question, data: Path | None) -> None:
        self.question = question
        self.data = data
        self.workers: dict[str, Worker] = {}

    def worker(self, peer: Peer, caches: Path | None) -> Worker:
        """The process of `peer`, a new one if there is none."""
        worker = self.workers.get(peer.name)
        if worker is None or not worker.alive:
            self.dismiss(peer)
            found = environment(peer, ROOT, self.data)
            worker = Worker(found if caches is None else with_caches(found, caches))
            self.workers[peer.name] = worker
        return worker

    def dismiss(self, peer: Peer) -> None:
        """End the process of `peer`."""
        worker = self.workers.pop(peer.name, None)
        if worker is not None:
            worker.close()

    def close(self) -> None:
        """End all."""
        while self.workers:
            self.workers.popitem()[1].close()


class Turns:
    """One case: who is still in it, and what they have answered."""

    def __init__(
        self, company: Company, case: Case, peers: Sequence[Peer], settle: float, say: Say
    ) -> None:
        self.company = company
        self.question = company.question
        self.case = case
        self.peers = list(peers)
        self.settle = settle
        self.say = say
        self.outcome = Outcome(company.question.name, case)

    def ask(self, peer: Peer, *command: Any, caches: Path | None = None) -> Reply | None:
        """The answer of `peer`, which is out of the case if it has none."""
        try:
            worker = self.company.worker(peer, caches)
            reply = worker.ask(*command, limit=self.case.limit)
        except Failed as failure:
            self.outcome.failed[peer.name] = failure.short
            self.peers.remove(peer)
            self.say(f"  {peer.title}: {failure}")
            if not peer.competes and failure.trace:
                self.say(failure.trace)
            return None
        if reply.idle > BUSY + self.settle:
            busy = self.outcome.busy
            busy[peer.name] = max(reply.idle, busy.get(peer.name, 0.0))
        return reply

    def setup(self, peer: Peer, caches: Path | None = None) -> bool:
        """Have `peer` make its task of the case."""
        command = "setup", self.question.module, peer.function, dict(self.case.params)
        return self.ask(peer, *command, caches=caches) is not None

    def round(self, number: int, peers: Sequence[Peer], count: bool) -> None:
        """Give all of `peers` their turn, and compare what they found."""
        numbers = {}
        shift = number % max(len(peers), 1)  # nobody always follows the same other
        for peer in [*peers[shift:], *peers[:shift]]:
            reply = self.turn(peer)
            if reply is None:
                continue
            if count:
                self.outcome.times.setdefault(peer.name, []).append(reply.seconds)
            if reply.numbers:
                numbers[peer.name] = reply.numbers
        ordered = {peer.name: numbers[peer.name] for peer in peers if peer.name in numbers}
        wrong = disagreements(ordered, self.question.rtol, self.question.atol)
        for name, what in wrong.items():
            self.outcome.wrong.setdefault(name, f"{what} (round {number})")

    def turn(self, peer: Peer) -> Reply | None:
        """One round of one peer."""
        time.sleep(self.settle)
        return self.ask(peer, "round", self.case.calls, self.case.warm)

    def run(self, rounds: int) -> Outcome:
        """All rounds; the first one compares only."""
        for peer in list(self.peers):
            self.setup(peer)
        for number in range(rounds + 1):
            self.round(number, list(self.peers), count=number > 0)
        return self.outcome


class FreshTurns(Turns):
    """One case in which every turn is a process that has imported its library and nothing more.

    What libraries keep on disk is kept in a directory that is new for every process, or, where the
    case is about warm caches, for every peer.
    """

    def run(self, rounds: int) -> Outcome:
        """All rounds; where caches are to be warm, the first one only fills them."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            self.caches = Path(directory)
            first = 0 if self.case.caches == "warm" else 1
            for number in range(first, rounds + 1):
                self.number = number
                self.round(number, list(self.peers), count=number > 0)
        return self.outcome

    def turn(self, peer: Peer) -> Reply | None:
        """One process of one peer."""
        kept = peer.name if self.case.caches == "warm" else f"{peer.name}-{self.number}"
        try:
            if not self.setup(peer, self.caches / kept):
                return None
            return super().turn(peer)
        finally:
            self.company.dismiss(peer)


@contextmanager
def company(question: Question, data: Path | None) -> Iterator[Company]:
    """The workers of a question, which end with the block."""
    workers = Company(question, data)
    try:
        yield workers
    finally:
        workers.close()


def measure(
    question: Question,
    peers: Sequence[Peer],
    *,
    rounds: int | None = None,
    settle: float = SETTLE,
    data: Path | None = None,
    say: Say = lambda line: None,
) -> list[Outcome]:
    """Ask `question` of those of `peers` for which it has been written.

    Parameters
    ----------
    question
        What to ask.
    peers
        Whom; all of them must be installed.
    rounds
        How many turns each has; the question's own number if not given.
    settle
        Seconds before each turn.
    data
        The directory that holds MNIST.
    say
        Takes a line about what is happening.
    """
    module = importlib.import_module(question.module)
    asked = [peer for peer in peers if answers(module, peer.function)]
    turns = FreshTurns if question.fresh else Turns
    outcomes = []
    with company(question, data) as workers:
        for case in question.cases:
            say(f"{question.name}: {case.title}")
            outcome = turns(workers, case, asked, settle, say).run(
                question.rounds if rounds is None else rounds
            )
            outcomes.append(outcome)
            for name, what in outcome.wrong.items():
                say(f"  {name} disagrees: {what}")
            if question.growing:
                asked = [peer for peer in asked if peer.name not in outcome.failed]
    return outcomes
