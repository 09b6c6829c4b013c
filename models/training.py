"""How the scripts beside this file train: counting, progress, early stopping, Ctrl-C, resuming."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import numpy as np
from tqdm import tqdm

import npz
from errors import DataError, ModelError, OptionError
from saving import check_writable, save_params

SAVE_EVERY = 30.0  # seconds

__all__ = ["EarlyStopping", "Interrupted", "Progress", "Training", "run"]


# ---- early stopping ------------------------------------------------------------------------------


class EarlyStopping:
    """Stop when the validation error has not improved for a good while.

    Training goes on for at least `patience` minibatches. Whenever the error falls clearly, below
    ``threshold`` times the best one so far, at minibatch number ``i``, patience is extended:

        patience ← max(patience, increase · i)

    so that a model which still improves late gets more time.

    >>> stopping = EarlyStopping(patience=10)
    >>> stopping.improved(0.5, iteration=8), stopping.patience
    (True, 16)
    >>> stopping.improved(0.499, iteration=12), stopping.patience  # better, but not clearly
    (True, 16)
    >>> stopping.exhausted(15), stopping.exhausted(16)
    (False, True)
    """

    def __init__(self, patience: int = 5000, increase: int = 2, threshold: float = 0.995) -> None:
        self.patience = patience
        self.increase = increase
        self.threshold = threshold
        self.best = math.inf

    def frequency(self, n_batches: int) -> int:
        """Minibatches between two validations: an epoch, or less where patience is short."""
        return min(n_batches, self.patience // 2)

    def improved(self, loss: float, iteration: int) -> bool:
        """Take note of a validation error; is it the best so far?"""
        if not loss < self.best:
            return False
        if loss < self.best * self.threshold:
            self.patience = max(self.patience, iteration * self.increase)
        self.best = loss
        return True

    def exhausted(self, iteration: int) -> bool:
        """Whether to stop after minibatch number `iteration`."""
        return self.patience <= iteration


# ---- a training that can be interrupted ----------------------------------------------------------


class Training:
    """A training that counts, remembers, and can be interrupted and resumed.

    Ctrl-C lets the step that is being computed end, saves everything, and raises `Interrupted`; a
    second one stops at once. What is saved is enough to go on as if nothing had happened: the
    parameters, where the training stands, what it has recorded, and the state of the random
    numbers at the beginning of the epoch.

    Parameters
    ----------
    state
        The file to resume from; None saves nothing.
    params
        Shared variables by name: the parameters, and whatever else the updates change.
    settings
        What a resumed training must have been started with, by the options' names.
    seed
        Of the random numbers, `rng`.
    resume
        Go on from `state`.
    quiet
        Show neither lines nor a bar.

    Attributes
    ----------
    epoch, batch
        How many epochs are complete, and how many minibatches of the one that is under way.
    history
        What `record` was given: a list of numbers for each name.
    notes
        Anything else to remember, of what JSON knows: numbers, strings, lists, dicts.
    rng
        A `numpy.random.RandomState`. Draw from it only inside of `epochs`, before `batches`.

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
    ) -> None:
        self.path = state
        self.params = dict(params)
        self.settings = json.loads(json.dumps(dict(settings) | {"seed": seed}, default=str))
        self.epoch = self.batch = 0
        self.history: dict[str, list[float]] = {}
        self.notes: dict[str, Any] = {}
        self.rng = np.random.RandomState(seed)
        self.total = 0
        self._at_epoch = self.rng.get_state(legacy=False)
        self._asked_to_stop = False
        self._saved = monotonic()
        self._handler: Any = None
        if state is not None:
            if resume:
                self._load(state)
            else:
                check_writable(state)
        self.progress = Progress(0, quiet=quiet)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        self.progress.bar.close()
        if error is None:
            self.save()

    def epochs(self, n: int) -> Iterator[int]:
        """The numbers of the epochs that are left of `n`, counted from 1."""
        while self.epoch < n:
            self.rng.set_state(self._at_epoch)
            self._epochs_left = n - self.epoch
            yield self.epoch + 1
            self.epoch += 1
            self.batch = 0
            self._at_epoch = self.rng.get_state(legacy=False)
            self._pause()

    def batches(self, n: int) -> Iterator[int]:
        """The numbers of the minibatches that are left in this epoch of `n`, counted from 0."""
        self.total = self.total or self._epochs_left * n - self.batch
        while self.batch < n:
            yield self.batch
            self.batch += 1
            self.progress.step(self.total)
            self._pause()

    def record(self, **values: Any) -> None:
        """Append a number to each of some lists in `history`."""
        for name, value in values.items():
            self.history.setdefault(name, []).append(float(value))

    def line(self, text: str) -> None:
        """Print a line above the progress bar."""
        self.progress.line(text)

    def save(self) -> None:
        """Write the state to its file."""
        if self.path is None:
            return
        about = {
            "settings": self.settings,
            "epoch": self.epoch,
            "batch": self.batch,
            "history": self.history,
            "notes": self.notes,
            "rng": self._at_epoch,
        }
        text = json.dumps(about, default=lambda value: value.tolist())
        arrays = {name: shared.get_value(borrow=True) for name, shared in self.params.items()}
        save_params(self.path, training=np.array(text), **arrays)
        self._saved = monotonic()

    def _load(self, path: Path) -> None:
        arrays = npz.read_arrays(path, ["training", *self.params])
        try:
            about = json.loads(str(arrays.pop("training")))
            settings = about["settings"]
            self.epoch, self.batch = int(about["epoch"]), int(about["batch"])
            self.history, self.notes = dict(about["history"]), dict(about["notes"])
            rng = about["rng"]
            rng["state"]["key"] = np.array(rng["state"]["key"], np.uint32)
            self.rng.set_state(rng)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(path, "something else", "the state of a training") from None
        for name in self.settings | settings:
            was, found = settings.get(name), self.settings.get(name)
            if was != found:
                raise OptionError(
                    f"{path} was saved by a training with {name} {was}, not {found}: give the "
                    f"same options to resume it, or leave --resume out to start anew"
                )
        for name, shared in self.params.items():
            old = shared.get_value(borrow=True)
            if arrays[name].shape != old.shape or arrays[name].dtype != old.dtype:
                found = f"{arrays[name].dtype} of shape {arrays[name].shape}"
                raise DataError(f"{path}[{name}]", found, f"{old.dtype} of shape {old.shape}")
            shared.set_value(arrays[name])
        self._at_epoch = rng

    def _pause(self) -> None:
        """Between two steps: stop if that was asked for, and save now and then."""
        if self._asked_to_stop:
            self.save()
            raise Interrupted(f" in epoch {self.epoch + 1}.{self._kept()}")
        if monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def _kept(self) -> str:
        return "" if self.path is None else f" --resume goes on from {self.path}"

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._asked_to_stop:
            raise KeyboardInterrupt
        self._asked_to_stop = True


# ---- progress and exit ---------------------------------------------------------------------------


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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

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


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a word about what has been kept."""


def run(main: Callable[[], None]) -> NoReturn:
    """Run a script's `main` and exit: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a path may hold what a console cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        main()
        sys.stdout.flush()
    except ModelError as error:
        message = " ".join(str(error).split())
        print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        newline = "\n" if sys.stderr.isatty() else ""  # after the ^C that a terminal shows
        kept = str(error) or ", before there was a model to save."
        print(f"{newline}Interrupted{kept}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader has had enough (`... | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)
