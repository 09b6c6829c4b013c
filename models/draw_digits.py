"""Digits that look written by hand, drawn by code: something for `predict_digits.py` to read.

Make a directory of them and have them read, with centring and without:

    python models/draw_digits.py handwriting
    python models/predict_digits.py handwriting
    python models/predict_digits.py handwriting --no-centre

A digit is a few strokes, each a smooth line through points in a box of width 2 and height 3. For
every picture the points are moved a little, the whole is slanted, turned and stretched, drawn with
a pen of some width and put somewhere on a sheet of some size: dark ink on light paper or chalk on a
board, grey or in colour, with a shadow across it and noise, saved as PNG or as JPEG. The first
character of a file's name is the digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from training.options import Parser, natural_int, output_directory, positive_int
from training.running import run
from training.saving import saved

Points = npt.NDArray[np.floating]

# One way to write a digit, or two: points x,y, with a | between strokes; y runs down, from 0 to 3.
DIGITS = {
    0: ["1,0 .25,.6 0,1.6 .35,2.7 1,3 1.7,2.5 2,1.4 1.7,.4 1,0"],
    1: ["1,0 1,1.5 1,3", ".5,.7 .8,.45 1.1,0 1.1,1.5 1.1,3"],
    2: [".1,.7 .5,.1 1.3,0 1.8,.5 1.6,1.3 .9,2.2 .1,2.9 .2,3 1.1,2.9 2,2.95"],
    3: [".2,.3 .8,0 1.6,.2 1.7,.8 1.2,1.3 .7,1.4 1.4,1.5 1.9,2.1 1.7,2.7 1,3 .1,2.7"],
    4: [
        ".5,0 .3,.9 .1,1.7 | .1,1.7 1,1.65 2,1.5 | 1.6,.1 1.5,1.5 1.4,3",
        "1.3,0 .7,.9 0,1.9 | 0,1.9 1,1.9 2,1.85 | 1.3,0 1.3,1.5 1.3,3",
    ],
    5: [
        ".5,.1 .4,.7 .3,1.3 | .3,1.3 .9,1.1 1.6,1.4 1.9,2 1.6,2.7 .9,3 .1,2.8 | .5,.1 1.2,.08 1.9,0"
    ],
    6: ["1.5,0 .8,.6 .3,1.5 .2,2.4 .8,3 1.5,2.8 1.7,2.2 1.2,1.7 .6,1.9 .3,2.3"],
    7: [
        ".1,.2 1,.15 1.9,.1 | 1.9,.1 1.4,1.2 1,2.1 .7,3",
        ".1,.4 .2,.2 1,.2 1.8,.2 | 1.8,.2 1.4,1.3 1.1,3",
    ],
    8: [
        "1.6,.4 1,0 .4,.3 .5,.9 1,1.4 1.6,2 1.6,2.7 .9,3 .3,2.7 .4,2 1,1.4 1.6,.9 1.6,.4",
    ],
    9: [
        "1.7,.5 1.1,0 .4,.4 .3,1 .8,1.4 1.4,1.1 1.7,.5 1.6,1.5 1.4,2.2 1.2,3",
        "1.7,.5 1.1,0 .4,.4 .3,1 .8,1.4 1.4,1.1 1.7,.5 | 1.7,.4 1.6,1.5 1.5,3",
    ],
}


def smooth(points: Points, n: int = 12) -> Points:
    """A line through `points` without corners, `n` points for each stretch: Catmull and Rom's."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    before, here, there, after = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, n)[:, None, None]
    line = 0.5 * (
        2 * here
        + (there - before) * t
        + (2 * before - 5 * here + 4 * there - after) * t**2
        + (3 * here - before - 3 * there + after) * t**3
    )
    return line.swapaxes(0, 1).reshape(-1, 2)


def written(digit: int, rng: np.random.RandomState) -> list[Points]:
    """The strokes of a digit, never twice the same; about 3 high, and centred at (0, 0)."""
    ways = DIGITS[digit]
    strokes = [stroke.split() for stroke in ways[rng.randint(len(ways))].split("|")]
    angle, slant, width = rng.normal(0, 0.08), rng.normal(-0.12, 0.1), rng.uniform(0.8, 1.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[width, slant], [0, 1]])
    places: dict[str, Points] = {}  # a point that strokes share is moved once
    for point in (point for stroke in strokes for point in stroke):
        exact = np.array(point.split(","), float) - (1, 1.5)
        places.setdefault(point, exact + rng.normal(0, 0.06, 2))
    return [smooth(np.array([places[p] for p in stroke])) @ shear.T @ turn.T for stroke in strokes]


def draw(digit: int, rng: np.random.RandomState) -> Image.Image:
    """A sheet with a digit somewhere on it."""
    tall = rng.uniform(40, 220)  # pixels, the digit
    scale = tall / 3
    thickness = tall * rng.uniform(0.07, 0.13)
    # Drawn four times as large, then reduced, so that edges are smooth.
    fine = 4
    lines = [fine * scale * stroke for stroke in written(digit, rng)]
    points = np.concatenate(lines)
    edge = fine * thickness
    size = np.ptp(points, axis=0) + 2 * edge
    room = size * rng.uniform(1.05, 2.5, 2)
    corner = rng.uniform(0, 1, 2) * (room - size) + edge - points.min(axis=0)
    width, height = (int(length) for length in np.ceil(room))
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    for line in lines:
        path = [(float(x), float(y)) for x, y in line + corner]
        pen.line(path, fill=255, width=round(edge))
        for x, y in path:  # round ends and joints
            pen.ellipse((x - edge / 2, y - edge / 2, x + edge / 2, y + edge / 2), fill=255)
    mask = mask.resize((max(1, width // fine), max(1, height // fine)), Image.Resampling.BOX)
    return _on_paper(np.asarray(mask) / 255, rng)


def _on_paper(ink: Points, rng: np.random.RandomState) -> Image.Image:
    """Ink in some colour on paper in another, unevenly lit."""
    light, dark = rng.uniform(190, 250, 3), rng.uniform(0, 70, 3)
    if rng.uniform() < 0.3:  # as it is on paper, or nearly black and white
        light, dark = np.full(3, light[0]), np.full(3, dark[0])
    paper, pen = (light, dark) if rng.uniform() < 0.6 else (dark, light)
    picture = paper + ink[..., None] * (pen - paper)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in ink.shape), indexing="ij")
    shadow = 1 - rng.uniform(0, 0.2) * (1 + rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y) / 2
    picture = picture * shadow[..., None] + rng.normal(0, rng.uniform(0, 6), (*ink.shape, 1))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw from the command line."""
    parser = Parser(description="Draw digits that look written by hand, a picture each.")
    option = parser.add_argument
    option("directory", type=Path, help="where the pictures go")
    text = "how many of each digit (default %(default)s)"
    option("--each", type=positive_int, default=4, metavar="N", help=text)
    text = "of the random numbers (default %(default)s)"
    option("--seed", type=natural_int, default=0, metavar="N", help=text)
    options = parser.parse_args(arguments)

    directory = output_directory(options.directory)
    rng = np.random.RandomState(options.seed)
    for digit in DIGITS:
        for number in range(1, options.each + 1):
            path = directory / f"{digit}-{number}{'.png' if number % 2 else '.jpg'}"
            with saved(path, "the picture") as file:
                draw(digit, rng).save(file, format="PNG" if number % 2 else "JPEG")
    print(f"{len(DIGITS) * options.each} pictures are in {directory}")


if __name__ == "__main__":
    run(main)
