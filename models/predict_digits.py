"""Read handwritten digits: your own, from pictures, with a model that another script has trained.

Train a model, and give it pictures or directories of them:

    python models/softmax_gd.py
    python models/predict_digits.py my_digits photo.jpg

A picture can be of any size, dark on light or light on dark, in colour, partly transparent, turned
by the camera; a text file of 28 lines with 28 characters each, 0 or 1, will do as well. If a file's
name begins with a digit, ``7-second-try.png``, that is what the picture is said to show, and the
prediction is marked as right or wrong. (No pen and paper at hand? `draw_digits.py` draws some.)

The model has seen digits that were all made in one way: scaled to fit 20x20 pixels and put into
28x28 so that their centre of mass is in the middle. Weights belong to places: w_{ij} says what ink
at pixel i means for class j, and means nothing where the digit is somewhere else, or larger. So a
picture has to be made alike before p = softmax(x W + b) is worth asking for. With the same model,
that of softmax_gd.py, and with ``--no-centre``, which only makes the whole picture small, so many
are right:

===========================  =============  ========
400 digits                   whole picture  centred
===========================  =============  ========
drawn by draw_digits.py      19.2 %         98.5 %
of MNIST, moved and scaled   17.2 %         92.0 %
of MNIST, as they are        92.5 %         92.0 %
===========================  =============  ========
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

import symgrad
import symgrad.tensor as T
from datasets import handwriting, images, npz
from datasets.errors import DataError
from symgrad.errors import quoted
from training.options import Parser, output_directory, positive_float
from training.running import run
from training.saving import load_params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

WEIGHTS = Path("softmax_gd", "weights.npz")

MOST_PICTURES = 60  # in the grid
RIGHT, WRONG, UNKNOWN = "#0072B2", "#B33C00", "#000000"  # colours, in addition to ✓ and ✗


class Model(NamedTuple):
    """A matrix W of shape (pixels, classes) and a vector b."""

    W: Array
    b: Array

    @property
    def side(self) -> int:
        """Rows and columns of the images that it was trained on."""
        return int(len(self.W) ** 0.5)


class Prediction(NamedTuple):
    """What the model says of a file."""

    path: Path
    picture: Array  # as the model sees it, from 0 to 1
    actual: int | None  # by the file's name
    predicted: int | None  # None where nothing was written
    probability: float

    @property
    def right(self) -> bool | None:
        """Whether the prediction is what the name says; None if it says nothing."""
        return None if self.actual is None else self.actual == self.predicted


# ---- the model -----------------------------------------------------------------------------------


def load_model(path: str | Path = WEIGHTS) -> Model:
    """The parameters that another script has saved.

    Parameters
    ----------
    path
        An ``.npz`` with W and perhaps b. Where W has one row more than an image has pixels, as
        `softmax_npz.py` makes it, that row is b.
    """
    path = Path(path)
    if not os.path.exists(path):
        raise DataError(path, "no such file", "a model: train one, or name another by --weights")
    params = load_params(path, ["W"])
    W = params["W"]
    if W.ndim != 2 or W.shape[1] != 10:
        raise DataError(f"{path}[W]", f"shape {W.shape}", "a row for each pixel, 10 columns")
    n_rows, n_classes = W.shape
    b = np.zeros(n_classes, W.dtype)
    if npz.read_arrays(path, [], optional=["b"]):
        b = load_params(path, ["b"])["b"]
    elif not _square(n_rows) and _square(n_rows - 1):
        W, b = W[:-1], W[-1]
    if b.shape != (n_classes,):
        raise DataError(f"{path}[b]", f"shape {b.shape}", f"{n_classes} numbers, as W has columns")
    if not _square(len(W)):
        raise DataError(f"{path}[W]", f"{n_rows} rows", "one for each pixel of a square image")
    return Model(W, b)


def _square(n: int) -> bool:
    return n > 0 and round(n**0.5) ** 2 == n


def probabilities(model: Model, pictures: Array, scale: float = 1.0) -> Array:
    """A row for each picture: the probabilities of the classes, softmax(x W + b).

    Parameters
    ----------
    model
        As loaded.
    pictures
        Square ones, from 0 to 1.
    scale
        What 1 was when the model was trained: 255 if on raw pixels.
    """
    floatX = symgrad.config.floatX
    x = T.matrix("x")
    W = symgrad.shared(model.W.astype(floatX), name="W")
    b = symgrad.shared(model.b.astype(floatX), name="b")
    p = symgrad.function([x], T.nnet.softmax(T.dot(x, W) + b))
    rows = np.asarray(pictures, floatX).reshape(len(pictures), -1)
    result: Array = p(rows * rows.dtype.type(scale))
    return result


# ---- the files -----------------------------------------------------------------------------------


def find(paths: Iterable[str | Path]) -> list[Path]:
    """Files as they are, and the pictures and texts in directories and in those below them."""
    endings = (*images.PICTURES, handwriting.TEXT)
    found: list[Path] = []
    for path in map(Path, paths):
        if not os.path.isdir(path):
            found.append(path)
            continue
        places = [path, *sorted(place for place in path.rglob("*") if place.is_dir())]
        inside = [file for place in places for file in images.files_in(place, endings)]
        found += inside or [path]  # (a directory cannot be read: that will be said)
    return list(dict.fromkeys(found))


def actual_digit(path: Path) -> int | None:
    """What a file shows, if its name begins with that.

    >>> actual_digit(Path("7-second-try.png")), actual_digit(Path("digit7.png"))
    (7, None)
    """
    first = path.name[:1]
    return int(first) if first in tuple("0123456789") else None


def predict(
    paths: Iterable[str | Path],
    model: Model | str | Path = WEIGHTS,
    *,
    centre: bool = True,
    scale: float = 1.0,
) -> tuple[list[Prediction], list[DataError]]:
    """What a model says of some files, and what is wrong with those that cannot be read.

    Parameters
    ----------
    paths
        Pictures, texts, and directories of them.
    model
        As `load_model` returns it, or a file.
    centre
        Make each digit as MNIST's were made; otherwise just make the whole picture small.
    scale
        See `probabilities`.
    """
    if not isinstance(model, Model):
        model = load_model(model)
    read: list[tuple[Path, Array]] = []
    unreadable: list[DataError] = []
    for path in find(paths):
        try:
            if os.path.isdir(path):
                raise DataError(path, "no pictures", "some in that directory")
            ink = handwriting.read_digit(path, whole=not centre)
        except DataError as error:
            unreadable.append(error)
        else:
            fit = handwriting.centred if centre else handwriting.squeezed
            read.append((path, fit(ink, model.side)))
    if not read:
        return [], unreadable
    found = probabilities(model, np.stack([picture for _, picture in read]), scale)
    predictions = [
        Prediction(
            path,
            picture,
            actual_digit(path),
            int(p.argmax()) if picture.any() else None,
            float(p.max()),
        )
        for (path, picture), p in zip(read, found, strict=True)
    ]
    return predictions, unreadable


# ---- what is shown -------------------------------------------------------------------------------


def table(predictions: Sequence[Prediction]) -> str:
    """A line for each file."""
    names = [quoted(each.path, 1000) for each in predictions]
    width = max([4, *map(len, names)])
    lines = [f"{'file':{width}}  actual  predicted  probability"]
    for name, (_, _, actual, predicted, probability) in zip(names, predictions, strict=True):
        said = f"{'–':>9}  (nothing is written there)"
        if predicted is not None:
            said = f"{predicted:9d}  {probability:11.4f}"
        lines.append(f"{name:{width}}  {'–' if actual is None else actual:>6}  {said}")
    return "\n".join(lines)


def draw(predictions: Sequence[Prediction], title: str = "") -> Figure:
    """The digits as the model sees them, with what it takes them for, ✓ or ✗ where that is known.

    Of many the first are shown.
    """
    from training.plots import images as grid  # (matplotlib takes a while to load)

    shown = predictions[:MOST_PICTURES]
    titles, colors = [], []
    for each in shown:
        said = "–" if each.predicted is None else str(each.predicted)
        if each.right is None:
            titles.append(said)
        else:
            titles.append(f"{said} ✓" if each.right else f"{said} ✗ ({each.actual})")
        colors.append({True: RIGHT, False: WRONG, None: UNKNOWN}[each.right])
    if len(shown) < len(predictions):
        title = f"{title} (the first {len(shown)} of {len(predictions)})".lstrip()
    columns = min(10, len(shown))
    title = textwrap.fill(title, 12 * max(3, columns))  # as wide as the pictures below it
    pictures = [each.picture for each in shown]
    return grid(pictures, titles, title=title, columns=columns, colors=colors)


def summary(predictions: Sequence[Prediction]) -> str:
    """How many are right, of those where that is known.

    >>> summary([])
    ''
    """
    judged = [each.right for each in predictions if each.right is not None]
    if not judged:
        return ""
    return f"{sum(judged)} of {len(judged)} right ({100 * np.mean(judged):.1f} %)"


# ---- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Predict from the command line."""
    parser = Parser(description="Read handwritten digits from pictures.")
    option = parser.add_argument
    text = "pictures (.png, .jpg), texts (.txt: 28 lines of 0s and 1s), or directories of them"
    option("paths", nargs="+", metavar="PATH", help=text)
    text = "an .npz with W and perhaps b, as the scripts save it (default %(default)s)"
    option("--weights", type=Path, default=WEIGHTS, metavar="PATH", help=text)
    text = "directory for the picture of all predictions (default %(default)s)"
    option("--out", type=Path, default=Path("predict_digits"), metavar="DIR", help=text)
    text = "only make the whole picture small, to see what centring and scaling change"
    option("--no-centre", action="store_true", help=text)
    text = "what bytes were divided by in training (default %(default)g; 1 for softmax_mnist.py's)"
    option("--scale", type=positive_float, default=255.0, metavar="NUMBER", help=text)
    options = parser.parse_args(arguments)

    predictions, unreadable = predict(
        options.paths,
        load_model(options.weights),
        centre=not options.no_centre,
        scale=255.0 / options.scale,
    )
    if predictions:
        from training.plots import save_figure

        print(table(predictions))
        right = summary(predictions)
        how = "whole pictures" if options.no_centre else "centred and scaled"
        title = f"Predicted (actual, where wrong), {how}" + (f": {right}" if right else "")
        path = output_directory(options.out) / "predictions"
        save_figure(draw(predictions, title), path)
        print(f"{right}{'; ' if right else ''}see {path}.png", flush=True)
    for error in unreadable:
        print(f"{Path(__file__).name}: error: {error}", file=sys.stderr)
    if unreadable:
        sys.exit(2)


if __name__ == "__main__":
    run(main)
