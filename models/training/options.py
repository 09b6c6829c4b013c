"""What the programs understand on the command line."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import symgrad
from datasets.errors import OptionError
from datasets.mnist import Dataset
from symgrad.errors import QUOTED, quoted, repr_of
from training.saving import check_writable

__all__ = [
    "Parser",
    "add_common",
    "check_batch_size",
    "common",
    "natural_int",
    "nonnegative_float",
    "number",
    "output_directory",
    "positive_float",
    "positive_int",
    "results_directory",
]

Number = TypeVar("Number", int, float)

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


def number(
    read: type[Number], fits: Callable[[Number], bool], expected: str
) -> Callable[[str], Number]:
    """A function that reads an option which is a number of some kind, for ``type=``.

    >>> digit = number(int, lambda value: 0 <= value <= 9, "a digit")
    >>> digit("7")
    7
    >>> digit("12")
    Traceback (most recent call last):
        ...
    argparse.ArgumentTypeError: found '12', expected a digit
    """

    def value_of(text: str) -> Number:
        with suppress(ValueError):
            if fits(value := read(text)):
                return value
        raise argparse.ArgumentTypeError(f"found {repr_of(text)}, expected {expected}")

    return value_of


# What counts something; what may be 0, such as a seed; what measures something; and what may be 0
# of that, such as the weight of a penalty. (NaN fits none.)
positive_int = number(int, lambda value: value >= 1, "a whole number from 1 on")
natural_int = number(int, lambda value: 0 <= value < 2**32, "a whole number from 0 on")
positive_float = number(float, lambda value: 0 < value < math.inf, "a number above 0")
nonnegative_float = number(float, lambda value: 0 <= value < math.inf, "a number, 0 or above")


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


def common(options: argparse.Namespace) -> dict[str, Any]:
    """Those of the options of `add_common` that every training takes by the same names."""
    return {name: getattr(options, name) for name in ("seed", "out", "resume", "quiet")}


def results_directory(out: str | Path | None, resume: bool, save: str = "") -> Path | None:
    """Make the directory `out`, if there is to be one, and see if `save` can be saved there."""
    if out is None:
        if resume:
            text = "--resume needs --out, the directory that the earlier training was given"
            raise OptionError(text)
        return None
    directory = output_directory(Path(out))
    if save:
        check_writable(directory / save)
    return directory


def output_directory(path: Path) -> Path:
    """Make the directory that results go to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "no system has such names")
        why = "there is a file of that name" if os.path.exists(path) else why
        raise OptionError(f"{quoted(path, 1000)}: cannot make that directory ({why})") from None
    return path
