"""Make an ``.npz`` with ``X_train``, ``y_train``, ``X_test`` and ``y_test``, for `softmax_npz`.

Of the first 5,000 training images and the first 1,000 test images of MNIST, pixels divided by 255:

    python models/make_npz.py mnist.npz
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets import mnist
from datasets.errors import OptionError
from symgrad.errors import repr_of
from training.options import DATASETS, Parser, positive_float, positive_int
from training.running import run
from training.saving import check_writable, save_params

N_TRAIN, N_TEST = 5000, 1000


def make_npz(
    path: str | Path,
    dataset: str | Path = "auto",
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    scale: float = 255.0,
    one_hot: bool = False,
    quiet: bool = False,
) -> dict[str, tuple[int, ...]]:
    """Write the file, and return the shapes of its arrays by name.

    Parameters
    ----------
    path
        Where to.
    dataset
        What `mnist.load` takes.
    n_train, n_test
        How many of the first images to take: if not given, 5,000 and 1,000, or as many as there
        are.
    scale
        Pixels are bytes divided by this, in float32; 1 leaves them bytes. (Floats, in an ``.npz``,
        stay as they are.)
    one_hot
        Write the labels as rows with a 1 at the class.
    quiet
        Print nothing.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise OptionError(f"{path}: found the ending {repr_of(path.suffix)}, expected '.npz'")
    check_writable(path)
    data = mnist.load(dataset, scale=scale, dtype="float32", validation=False, quiet=quiet)
    arrays = {}
    for name, split, wanted, usual in (
        ("train", data.train, n_train, N_TRAIN),
        ("test", data.test, n_test, N_TEST),
    ):
        n = min(usual, split.n) if wanted is None else wanted
        if n > split.n:
            raise OptionError(f"--{name}: found {n:,}, expected at most {split.n:,}: all there are")
        x, y = split.x[:n], split.y[:n]
        arrays[f"X_{name}"] = x.astype("uint8") if scale == 1 and not (x % 1).any() else x
        arrays[f"y_{name}"] = np.eye(mnist.N_CLASSES, dtype="uint8")[y] if one_hot else y
    save_params(path, **arrays)
    return {name: array.shape for name, array in arrays.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the file from the command line."""
    parser = Parser(description="Make an .npz for softmax_npz.py from MNIST.")
    option = parser.add_argument
    text = "the file to write (default %(default)s)"
    option("path", type=Path, nargs="?", default=Path("mnist.npz"), metavar="FILE", help=text)
    option("--dataset", default="auto", metavar="PATH", help=DATASETS)
    text = f"take the first N training images (default {N_TRAIN:,})"
    option("--train", type=positive_int, metavar="N", help=text)
    text = f"take the first N test images (default {N_TEST:,})"
    option("--test", type=positive_int, metavar="N", help=text)
    text = "divide the bytes by this (default %(default)g); 1 leaves them bytes"
    option("--scale", type=positive_float, default=255.0, metavar="NUMBER", help=text)
    option("--one-hot", action="store_true", help="write the labels one-hot")
    option("--quiet", action="store_true", help="print nothing")
    options = parser.parse_args(arguments)

    shapes = make_npz(
        options.path,
        options.dataset,
        n_train=options.train,
        n_test=options.test,
        scale=options.scale,
        one_hot=options.one_hot,
        quiet=options.quiet,
    )
    if not options.quiet:
        about = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        print(f"{options.path}: {about}")


if __name__ == "__main__":
    run(main)
