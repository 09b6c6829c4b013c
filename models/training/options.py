"""What the programs understand on the command line."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import NoReturn

import symgrad
from datasets.errors import OptionError
from datasets.mnist import Dataset
from symgrad.errors import QUOTED, quoted, repr_of

__all__ = [
    "Parser",
    "add_common",
    "check_batch_size",
    "natural_int",
    "nonnegative_float",
    "output_directory",
    "positive_float",
    "positive_int",
]

DATASETS = (
    "a directory with the four IDX files of MNIST, a mnist.pkl.gz, an .npz, 'digits' for "
    "scikit-learn's small images, or 'auto' (default): MNIST from $SYMGRAD_DATA, ./data, the "
    "user's cache or the network, and 'digits' where there is none"
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints take one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        raise OptionError(f"{quoted(message, 2 * QUOTED)} (--help lists the options)")


def _not_a(expected: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"found {repr_of(text)}, expected {expected}")


def positive_int(text: str) -> int:
    """Read an option that counts something."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise _not_a("a whole number from 1 on", text)
    return value


def natural_int(text: str) -> int:
    """Read an option that may be 0, such as a seed."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**32:
        raise _not_a("a whole number from 0 on", text)
    return value


def positive_float(text: str) -> float:
    """Read an option that measures something."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise _not_a("a number above 0", text)
    return value


def nonnegative_float(text: str) -> float:
    """Read an option that may be 0, such as the weight of a penalty."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise _not_a("a number, 0 or above", text)
    return value


def check_batch_size(batch_size: int, data: Dataset, *, training_only: bool = False) -> None:
    """Every split, or the training images only, must hold at least one whole minibatch."""
    for name, split in data.splits():
        if batch_size > split.n and (name == "training" or not training_only):
            raise OptionError(
                f"a batch of {batch_size} images is larger than the {name} split, "
                f"which has {split.n}"
            )


def add_common(
    parser: Parser,
    *,
    epochs: int,
    out: str | None,
    dataset: str = DATASETS,
    seed: int = 0,
) -> None:
    """Add the options that all scripts have.

    Parameters
    ----------
    parser
        Of a script.
    epochs, out, seed
        The defaults of ``--epochs``, ``--out`` and ``--seed``.
    dataset
        What ``--dataset`` can be, for the help.
    """
    option = parser.add_argument
    option("--dataset", default="auto", metavar="PATH", help=dataset)
    text = "passes over the data (default %(default)s)"
    option("--epochs", type=positive_int, default=epochs, metavar="N", help=text)
    text = "of the random numbers (default %(default)s); the same seed gives the same result"
    option("--seed", type=natural_int, default=seed, metavar="N", help=text)
    floats, text = ("float32", "float64"), "precision (default %(default)s)"
    option("--floatX", choices=floats, default=symgrad.config.floatX, help=text)
    text = "directory for plots, parameters and the state to resume from"
    default = "" if out is None else " (default %(default)s)"
    option("--out", type=Path, default=out, metavar="DIR", help=text + default)
    text = "go on from the state in --out, as if there had been no interruption"
    option("--resume", action="store_true", help=text)
    option("--quiet", action="store_true", help="print the final result only")


def output_directory(path: Path) -> Path:
    """Make the directory that results go to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "no system has such names")
        why = "there is a file of that name" if os.path.exists(path) else why
        raise OptionError(f"{quoted(path, 1000)}: cannot make that directory ({why})") from None
    return path
