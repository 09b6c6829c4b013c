"""What the scripts beside this file share: early stopping, saved parameters, options, progress."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import npz
from errors import DataError, ModelError, OptionError
from mnist import Dataset

__all__ = [
    "EarlyStopping",
    "Interrupted",
    "Parser",
    "Progress",
    "check_batch_size",
    "check_writable",
    "load_params",
    "positive_float",
    "positive_int",
    "run",
    "save_params",
]

Array = npt.NDArray[Any]


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


# ---- saved parameters ----------------------------------------------------------------------------


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.npz.tmp")


def check_writable(path: Path) -> None:
    """Find out before a long training whether its result can be saved at `path`."""
    if path.exists() and not path.is_file():
        raise OptionError(f"{path}: found a directory or device, expected a file to save to")
    try:
        _temporary(path).touch()
        _temporary(path).unlink()
    except OSError as error:
        raise OptionError(f"{path}: cannot save there ({error.strerror})") from None


def save_params(path: Path, **arrays: Array) -> None:
    """Write `arrays` to the ``.npz`` file `path`: all of them or, if that fails, nothing.

    They are written to a file beside it first, which then takes its name in one step: whoever reads
    `path` meanwhile, or pulls the plug, finds the old parameters or the new ones.
    """
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ModelError(f"{path}: the parameters cannot be saved ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


def load_params(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Read the parameters `names` from a file that `save_params` has written."""
    params = npz.read_arrays(path, names)
    for name, value in params.items():
        if value.dtype.kind != "f" or not np.isfinite(value).all():
            found = "values that are not finite numbers"
            raise DataError(f"{path}[{name}]", found, "the parameters of a model")
    return params


# ---- options -------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints take one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        raise OptionError(f"{message} (--help lists the options)")


def positive_int(text: str) -> int:
    """Read an option that counts something."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 on")
    return value


def positive_float(text: str) -> float:
    """Read an option that measures something."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0")
    return value


def check_batch_size(batch_size: int, data: Dataset) -> None:
    """Every split must hold at least one whole minibatch."""
    for name, split in data.splits():
        if batch_size > split.n:
            raise OptionError(
                f"a batch of {batch_size} images is larger than the {name} split, "
                f"which has {split.n}"
            )


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
