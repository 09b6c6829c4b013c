"""How the programs train: counting, progress, Ctrl-C, resuming."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
from tqdm import tqdm

import symgrad
from datasets.errors import DataError, ModelError, OptionError
from symgrad.errors import quoted
from training import state as states
from training.running import Interrupted, at_once, first, lost_output
from training.saving import check_writable, claim

__all__ = ["Progress", "Training"]

SAVE_EVERY = 30.0  # seconds


# ---- a training that can be interrupted ----------------------------------------------------------


class Training:
    """A training that counts, remembers, and can be interrupted and resumed.

    Ctrl-C lets the step that is being computed end, saves everything, and raises `Interrupted`; a
    second one stops at once. What is saved is enough to go on as if nothing had happened: the
    parameters, where the training stands, what it has recorded, and the state of the random
    numbers at the beginning of the epoch.

    Leave the loops over `epochs` and `batches` by `stop`, not by ``break``, so that the step which
    has been made is counted. After a resumption the code of an epoch before its `batches` runs
    once more, to draw the same random numbers; so nothing should be recorded there.

    Parameters
    ----------
    state
        The file to save to and to resume from; None saves nothing.
    params
        Shared variables by name: the parameters, and whatever else the updates change.
    settings
        What a resumed training must have been started with, by the options' names. (The seed and
        the precision are added.)
    seed
        Of the random numbers, `rng`.
    resume
        Go on from `state`.
    quiet
        Show neither lines nor a bar.
    unit
        What an epoch is called, for the message after Ctrl-C.
    program
        Whose states these are: another program's are refused.

    Attributes
    ----------
    epoch, batch
        How many epochs are complete, and how many minibatches of the one that is under way.
    stopped
        Whether `stop` has ended the training.
    history
        What `record` was given: a list of numbers, or of arrays, for each name.
    notes
        Anything else to remember, of what JSON knows: numbers, lists of strings, dicts. Read
        with `note`, since a state may hold anything.
    rng
        A `numpy.random.RandomState`. Draw from it only inside of `epochs`, before `batches`.
    total
        The minibatches to expect, for the progress bar: set it if there may be fewer than
        `epochs` times `batches`.
    kept
        A sentence for the message after Ctrl-C: what has been kept besides the state.
    keeps_best
        Whether `kept` will tell of a model; a run whose output nobody reads waits for the first.

    Examples
    --------
    >>> W = symgrad.shared(0.0, name="W")
    >>> step = symgrad.function([], W, updates=[(W, W + 1)])
    >>> with Training(None, {"W": W}, {}, quiet=True) as training:
    ...     for epoch in training.epochs(2):
    ...         for batch in training.batches(3):
    ...             training.record(W=step())
    >>> training.history["W"]
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(
        self,
        state: Path | None,
        params: Mapping[str, Any],
        settings: Mapping[str, Any],
        *,
        seed: int = 0,
        resume: bool = False,
        quiet: bool = False,
        unit: str = "epoch",
        program: str = "",
    ) -> None:
        common = {"seed": seed, "floatX": symgrad.config.floatX}
        self.path = state
        self.program = program
        self.params = dict(params)
        self.settings = json.loads(json.dumps(dict(settings) | common, default=str))
        self.epoch = self.batch = 0
        self.stopped = False
        self.history: dict[str, list[Any]] = {}
        self.notes: dict[str, Any] = {}
        self.rng = np.random.RandomState(seed)
        self.total: int | None = None
        self.kept = ""
        self.keeps_best = False
        self.unit = unit
        self._at_epoch = self.rng.get_state(legacy=False)
        self._asked_to_stop = False
        self._saved = monotonic()
        self._handler: Any = None
        self._claim: int | None = None
        if resume:
            self._load()
        if state is not None:
            check_writable(state)
        self.progress = Progress(0, quiet=quiet)

    def __enter__(self) -> Self:
        if self.path is not None:
            self._claim = claim(self.path.parent)
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.progress.bar.close()
            if error is None:
                self.save()
        finally:
            if self._handler is not None:
                signal.signal(signal.SIGINT, at_once if self._ends_at_once() else self._handler)
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None
        if error is None and self._asked_to_stop:  # after the last step
            raise self._interruption(f"--resume goes on from {self.path}")

    def _ends_at_once(self) -> bool:
        """Whether the next Ctrl-C is the second one of a script that `run` has started."""
        return self._asked_to_stop and self._handler is first

    def epochs(self, n: int) -> Iterator[int]:
        """The numbers of the epochs that are left of `n`, counted from 1."""
        self._n_epochs = n
        self._check_within("epoch", self.epoch, n)
        while self.epoch < n and not self.stopped:
            self.rng.set_state(self._at_epoch)
            yield self.epoch + 1
            self.epoch += 1
            self.batch = 0
            self._at_epoch = self.rng.get_state(legacy=False)
            self.pause()

    def batches(self, n: int) -> Iterator[int]:
        """The numbers of the minibatches that are left in this epoch of `n`, counted from 0."""
        self._check_within("batch", self.batch, n)
        self.progress.start(self.epoch * n + self.batch)
        while self.batch < n and not self.stopped:
            yield self.batch
            self.batch += 1
            self.progress.step(self.total or self._n_epochs * n)
            self.pause()

    def note(self, name: str, start: Any) -> Any:
        """What `notes` hold under a name; `start` if nothing yet, and otherwise like that."""
        found = self.notes.setdefault(name, start)
        if not states.is_like(found, start):
            where = f"{self.path}[notes][{name}]"
            raise DataError(where, quoted(repr(found), 150), f"something like {start}")
        return found

    def expect(self, **recorded: int | tuple[int, ...]) -> None:
        """Refuse a state in which other values have been recorded than must have been by then.

        Parameters
        ----------
        **recorded
            By name the number of values; of arrays, the number and the shape of each.
        """
        for name, expected in recorded.items():
            values = self.history.get(name, [])
            shape = expected if isinstance(expected, tuple) else (expected,)
            found = (len(values), *(np.shape(values[0]) if values else shape[1:]))
            if found != shape:
                where = f"{self.path}[history {name}]"
                raise DataError(where, f"values of shape {found}", f"shape {shape}")

    def stop(self) -> None:
        """End the training after this step, as if all epochs had been made."""
        self.stopped = True

    def check(self, cost: Any, learning_rate: float, name: str = "cost") -> None:
        """Raise a `ModelError` if a step has made the cost infinite or NaN."""
        if not np.isfinite(cost):
            raise ModelError(
                f"the {name} became {cost} in epoch {self.epoch + 1}: "
                f"a smaller learning rate than {learning_rate:g} may help"
            )

    def record(self, **values: Any) -> None:
        """Append a number, or a copy of an array, to each of some lists in `history`."""
        for name, value in values.items():
            entry = float(value) if np.ndim(value) == 0 else np.array(value)
            self.history.setdefault(name, []).append(entry)

    def line(self, text: str) -> None:
        """Print a line above the progress bar."""
        self.progress.line(text)

    def pause(self) -> None:
        """Between two steps: stop if that was asked for, and save now and then.

        `epochs` and `batches` do that; only who loops otherwise needs to call it.
        """
        if self._asked_to_stop:
            self.save()
            raise self._interruption(f"--resume goes on from {self.path}")
        if (lost := lost_output()) is not None and (self.kept or not self.keeps_best):
            self.save()  # nobody wants to know more
            raise lost
        if monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write the state to its file."""
        if self.path is None:
            return
        arrays = {name: shared.get_value(borrow=True) for name, shared in self.params.items()}
        numbers = {}
        for name, values in self.history.items():
            if values and isinstance(values[0], np.ndarray):
                arrays[states.HISTORY + name] = np.stack(values)
            else:
                numbers[name] = values
        about = {
            "program": self.program,
            "settings": self.settings,
            "epoch": self.epoch,
            "batch": self.batch,
            "stopped": self.stopped,
            "history": numbers,
            "arrays": sorted(self.history.keys() - numbers.keys()),
            "notes": self.notes,
            "rng": self._at_epoch,
        }
        states.write(self.path, about, arrays)
        self._saved = monotonic()

    def _load(self) -> None:
        if self.path is None:
            raise OptionError("nothing to resume from: no directory was given where the state is")
        params = {name: shared.get_value(borrow=True) for name, shared in self.params.items()}
        about, arrays = states.read(self.path, self.program, self.settings, params)
        self.epoch, self.batch, self.stopped = about["epoch"], about["batch"], about["stopped"]
        self.notes = about["notes"]
        self.history = {
            name: [float(number) for number in numbers]
            for name, numbers in about["history"].items()
        }
        for name in about["arrays"]:
            self.history[name] = list(arrays[states.HISTORY + name])
        self._at_epoch = about["rng"]
        self._at_epoch["state"]["key"] = np.array(self._at_epoch["state"]["key"], np.uint32)
        self.rng.set_state(self._at_epoch)
        for name, shared in self.params.items():
            shared.set_value(arrays[name])

    def _check_within(self, what: str, found: int, most: int) -> None:
        if found > most:
            raise DataError(
                f"{self.path}[{what}]", f"{found:,}", f"at most the {most:,} to be made"
            )

    def _interruption(self, state: str) -> Interrupted:
        if self.batch or not self.epoch:
            where = f" in {self.unit} {self.epoch + 1}."
        else:
            where = f" after {self.unit} {self.epoch}."
        sentences = (self.kept, "" if self.path is None else state)
        return Interrupted(f"{where} {'. '.join(filter(None, sentences))}".rstrip())

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._asked_to_stop:
            raise self._interruption("What came last is not saved")
        self._asked_to_stop = True


# ---- progress ------------------------------------------------------------------------------------


class Progress:
    """Lines on stdout and, where a person looks on, a bar below them.

    Parameters
    ----------
    total
        The number of minibatches to expect.
    quiet
        Show neither lines nor a bar.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self.quiet = quiet
        columns, rows = shutil.get_terminal_size()  # (80x24 where a terminal does not say)
        self.bar = tqdm(
            total=total,
            unit="batch",
            leave=False,
            ncols=columns - 1,
            nrows=rows,
            disable=quiet or not (sys.stdout.isatty() and sys.stderr.isatty()),
        )

    def start(self, done: int) -> None:
        """Begin where an earlier run has left off, with so many minibatches."""
        if not self.bar.disable and self.bar.n != done:
            self.bar.initial = self.bar.n = done

    def step(self, total: int) -> None:
        """One more minibatch, of `total` as far as is known by now."""
        self.bar.total = total
        self.bar.update()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        if self.quiet:
            return
        with tqdm.external_write_mode(sys.stdout):
            print(text, flush=True)
