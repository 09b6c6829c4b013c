"""Handwritten digits from pictures and texts, made as MNIST's were.

A handwritten digit in a photo is another thing than an image of MNIST: larger, dark on light,
somewhere on the page, under a lamp. `ink` finds what was written; `centred` makes of it what the
makers of MNIST made of their scans:

1. the box around the digit is scaled to fit 20x20 pixels, its proportions kept, with grey levels
   where a pixel is partly covered;
2. that is put into 28x28 pixels so that its centre of mass is in the middle.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from datasets.errors import DataError, check_regular, reason
from datasets.images import read
from symgrad.errors import repr_of

__all__ = ["centred", "ink", "read_digit", "squeezed"]

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]

TEXT, TEXT_LIMIT = ".txt", 100_000

SIDE, BOX = 28, 20  # of an image of MNIST, and of the digit in it
LARGE = 256  # pixels on a side; more than that is no help in finding a digit


# ---- reading -------------------------------------------------------------------------------------


def read_digit(path: Path, *, whole: bool = False) -> Floats:
    """The ink of a digit, see `ink`: from a picture, or from a text file.

    Parameters
    ----------
    path
        A picture, or 28 lines of 28 characters, 1 for ink and 0 for paper.
    whole
        Of the whole picture.
    """
    if path.suffix.lower() == TEXT:
        return _read_text(path).astype(np.float32)
    return ink(read(path), whole=whole)


def _read_text(path: Path) -> Bytes:
    expected = f"{SIDE} lines of {SIDE} characters, 0 or 1"
    check_regular(path, expected)
    try:
        with path.open("rb") as file:
            start = file.read(TEXT_LIMIT + 1)
        if len(start) > TEXT_LIMIT:
            raise DataError(path, f"more than {TEXT_LIMIT:,} bytes", expected)
        text = start.decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(path, "no such file", expected) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"no text ({reason(error)})", expected) from None
    lines = [re.sub(r"[\s,]", "", line) for line in text.rstrip().splitlines()]
    for number, line in enumerate(lines, 1):
        if set(line) - {"0", "1"}:
            odd = next(character for character in line if character not in "01")
            raise DataError(path, f"{repr_of(odd)} in line {number}", expected)
        if len(line) != SIDE:
            raise DataError(path, f"{len(line)} characters in line {number}", expected)
    if len(lines) != SIDE:
        raise DataError(path, f"{len(lines)} lines", expected)
    return np.array([list(line) for line in lines]).astype(np.uint8)


# ---- finding the digit ---------------------------------------------------------------------------


def ink(picture: Bytes, *, whole: bool = False) -> Floats:
    """What was written, from 0 (paper) to 1, whichever of the two is darker.

    A shadow across the paper is taken off, and so are specks. The result is all 0 where nothing was
    written.

    Parameters
    ----------
    picture
        Grey bytes.
    whole
        Leave the paper around. Otherwise a large picture, of which a reduced copy is enough, is cut
        to the part with the digit first, so that a small digit on it stays as it is.

    Examples
    --------
    >>> dark_on_light = np.full((9, 9), 200, np.uint8)
    >>> dark_on_light[2:7, 4] = 20
    >>> ink(dark_on_light)[1:4, 3:6]
    array([[0., 0., 0.],
           [0., 1., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    factor = max(picture.shape) / LARGE
    if factor <= 1:
        return _lifted(picture)
    found = _lifted(_reduced(picture, factor))
    rows, columns = _box(found)
    if whole or not rows.stop:
        return found
    margin = 0.1 * max(rows.stop - rows.start, columns.stop - columns.start) + 2
    cut = tuple(
        slice(max(0, int((part.start - margin) * factor)), int((part.stop + margin) * factor))
        for part in (rows, columns)
    )
    return _lifted(_reduced(picture[cut], max(1.0, max(picture[cut].shape) / LARGE)))


def _reduced(picture: Bytes, factor: float) -> Bytes:
    height, width = (max(1, round(length / factor)) for length in picture.shape)
    image = Image.fromarray(picture)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def _lifted(picture: Bytes) -> Floats:
    """The ink of a picture that is not large."""
    grey = picture.astype(np.float64)
    frame = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper: Any = np.median(frame)
    ink_is_light = grey.max() - paper > paper - grey.min()
    sign = 1.0 if ink_is_light else -1.0
    for _ in range(3):
        darkness = sign * (grey - paper)
        plain = np.abs(darkness) < darkness.max() / 2
        if plain.sum() < 6:
            break
        paper = _surface(grey, plain)
    darkness = sign * (grey - paper)
    # Noise: what the paper's own grey varies by (0 in a drawing, so that nothing is lost there).
    noise = 4 * 1.4826 * float(np.median(np.abs(darkness[plain]))) if plain.any() else 0.0
    written = darkness[darkness > darkness.max() / 2]
    full = float(np.quantile(written, 0.9)) if written.size else 0.0
    if full < max(16.0, 2 * noise):  # of 255: nothing that could be read
        return np.zeros(grey.shape, np.float32)
    result = np.clip((darkness - noise) / (full - noise), 0, 1) + 0.0  # (and no -0)
    return _without_specks(result).astype(np.float32)


def _surface(grey: Floats, plain: npt.NDArray[np.bool_]) -> Floats:
    """The paper's brightness: a quadratic function of the place, fitted to where paper is seen."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in grey.shape), indexing="ij")
    known = grey[plain]
    if np.ptp(known) == 0:
        return np.full(grey.shape, known[0])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    seen = terms[:, plain]
    # The normal equations, of six unknowns: a tenth of the time that `lstsq` takes for the whole.
    factors, *_ = np.linalg.lstsq(seen @ seen.T, seen @ known, rcond=None)
    return np.clip(np.tensordot(factors, terms, axes=1), known.min(), known.max())


def _without_specks(ink: Floats) -> Floats:
    """Only what belongs to a blob with a twentieth of the largest one's ink."""
    # Each row is a few runs of ink. A column of paper at the right keeps them in their rows.
    padded = np.pad(ink, ((0, 0), (0, 1)))
    inked = padded.ravel() > 0.1
    edges = np.flatnonzero(np.diff(inked, prepend=False))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return ink
    blobs = _connected(starts.tolist(), ends.tolist(), padded.shape[1])
    amount = np.add.reduceat(padded.ravel(), edges)[::2]
    total = np.bincount(blobs, amount)
    kept = total[blobs] >= total.max() / 20
    turns = np.zeros(padded.size, np.int8)
    turns[starts[kept]], turns[ends[kept]] = 1, -1
    near = np.pad(turns.cumsum(dtype=np.int8).reshape(padded.shape)[:, :-1] > 0, 1)
    for _ in range(2):  # and the faint edges next to what is kept, along both axes
        near = (near[:-2] | near[1:-1] | near[2:]).T
    return np.where(near, ink, 0)


def _connected(starts: list[int], ends: list[int], width: int) -> list[int]:
    """For each run of ink the number of one to which it is connected, the same in a whole blob."""
    blob = list(range(len(starts)))

    def root(run: int) -> int:
        while blob[run] != run:
            blob[run] = run = blob[blob[run]]
        return run

    above = 0
    for run, (start, end) in enumerate(zip(starts, ends, strict=True)):
        while ends[above] + width < start:  # it ends before this one begins, one row up
            above += 1
        other = above
        while starts[other] + width <= end:
            blob[root(other)] = root(run)
            other += 1
    return [root(run) for run in range(len(starts))]


def _box(ink: Floats) -> tuple[slice, slice]:
    """The rows and the columns with ink in them, none where there is none."""
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


# ---- as MNIST was made ---------------------------------------------------------------------------


def centred(ink: Floats, side: int = SIDE) -> Floats:
    """A digit as MNIST has them: of 20 pixels, its centre of mass in the middle of 28.

    Parameters
    ----------
    ink
        From 0 to 1. Where there is none at all, the result is all 0.
    side
        Pixels of the result on each side. Only of 28 there is a margin.
    """
    result = np.zeros((side, side), np.float32)
    digit = ink[_box(ink)]
    if not digit.size:
        return result
    height, width = digit.shape
    factor = (BOX if side == SIDE else side) / max(height, width)
    digit = _scaled(digit, round(width * factor), round(height * factor))
    digit = digit / max(digit.max(), 1e-6)  # (thin lines become faint)
    top, left = (
        # rows above, so that the centre of mass is in the middle, but nothing is cut off
        min(max(round(side / 2 - float(_centre(digit.sum(axis=1 - axis)))), 0), side - length)
        for axis, length in enumerate(digit.shape)
    )
    result[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return result


def _centre(weights: Floats) -> Any:
    return (weights * np.arange(len(weights))).sum() / weights.sum()


def squeezed(ink: Floats, side: int = SIDE) -> Floats:
    """The whole picture, margins and all, as a square: what `centred` is better than."""
    return _scaled(ink, side, side)


def _scaled(ink: Floats, width: int, height: int) -> Floats:
    """Ink, resized; where pixels become fewer, each is the mean of what it covers."""
    image = Image.fromarray(np.asarray(ink, np.float32))
    image = image.resize((max(1, width), max(1, height)), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image), 0, 1)
