"""Digits from texts and photos: what is ink, and what MNIST's makers made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import handwriting
from datasets.errors import DataError
from tests.models.pictures import stroke

# ---- texts ---------------------------------------------------------------------------------------


def lines_of(picture: Any) -> list[str]:
    return ["".join(str(int(value > 0)) for value in row) for row in picture]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_text(tmp_path: Path, newline: str, start: str) -> None:
    path = tmp_path / "1.txt"
    text = start + newline.join(lines_of(stroke())) + 2 * newline
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(handwriting.read_digit(path), stroke() > 0)
    spaced = newline.join(" ".join(line) for line in lines_of(stroke()))
    path.write_text(spaced, encoding="utf-8", newline="")
    np.testing.assert_array_equal(handwriting.read_digit(path), stroke() > 0)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda lines: lines[:-1], "27 lines"),
        (lambda lines: [*lines, lines[0]], "29 lines"),
        (lambda lines: [*lines[:3], lines[3][:-1], *lines[4:]], "27 characters in line 4"),
        (lambda lines: [*lines[:3], lines[3][:-1] + "2", *lines[4:]], "'2' in line 4"),
        (lambda lines: [], "0 lines"),
    ],
)
def test_text_that_is_no_digit(tmp_path: Path, change: Any, found: str) -> None:
    path = tmp_path / "1.txt"
    path.write_text("\n".join(change(lines_of(stroke()))), encoding="utf-8")
    with pytest.raises(DataError, match=f"1.txt: found {found}, expected 28 lines of 28"):
        handwriting.read_digit(path)


def test_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no text"):
        handwriting.read_digit(tmp_path / "1.txt")
    with pytest.raises(DataError, match="no such file"):
        handwriting.read_digit(tmp_path / "2.txt")


# ---- finding the digit ---------------------------------------------------------------------------


def sheet(side: int = 28, size: tuple[int, int] = (90, 70), at: tuple[int, int] = (30, 5)) -> Any:
    """The ink of the L somewhere on a sheet, and where it is."""
    ink = np.zeros(size)
    ink[at[0] : at[0] + side, at[1] : at[1] + side] = stroke(side) / 255
    return ink


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (200, 90), (60, 140), (100, 130)])
def test_ink_of_either_kind(paper: int, pen: int) -> None:
    ink = sheet()
    picture = (paper + ink * (pen - paper)).astype(np.uint8)
    np.testing.assert_array_equal(handwriting.ink(picture), ink)


def test_ink_below_a_shadow_noise_and_specks() -> None:
    ink = sheet()
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in ink.shape), indexing="ij")
    picture = (1 - 0.8 * ink) * (180 + 50 * x - 20 * y) + rng.normal(0, 4, ink.shape)
    picture[5, 60] = picture[80, 3] = 20
    found = handwriting.ink(np.clip(picture, 0, 255).astype(np.uint8))
    assert found[ink == 0].max() < 0.1
    assert found[ink == 1].min() > 0.5
    assert found[5, 60] == found[80, 3] == 0


def test_nothing_written() -> None:
    rng = np.random.default_rng(0)
    for picture in (
        np.full((40, 30), 210),
        np.full((1, 1), 0),
        np.clip(rng.normal(128, 5, (60, 60)), 0, 255),
        np.clip(rng.normal(128, 5, (900, 700)), 0, 255),
        np.linspace(90, 200, 50)[None] + np.zeros((50, 1)),  # a shadow
    ):
        found = handwriting.ink(picture.astype(np.uint8))
        assert not found.any()
        assert not handwriting.centred(found).any()


def test_a_large_picture_is_cut_and_reduced() -> None:
    large = 255 - (255 * sheet(280, (1500, 1200), (700, 50))).astype(np.uint8)
    expected = handwriting.centred(stroke() / 255)
    assert max(handwriting.ink(large).shape) <= handwriting.LARGE
    np.testing.assert_allclose(handwriting.centred(handwriting.ink(large)), expected, atol=0.2)
    tiny = 255 - (255 * sheet(28, (1500, 1200), (700, 50))).astype(np.uint8)
    np.testing.assert_allclose(handwriting.centred(handwriting.ink(tiny)), expected, atol=0.01)
    whole = handwriting.ink(large, whole=True)
    assert whole.shape == (256, 205)


# ---- as MNIST was made ---------------------------------------------------------------------------


@pytest.mark.parametrize("side", [14, 28, 56, 280])
@pytest.mark.parametrize("at", [(0, 0), (40, 3)])
def test_size_and_place_do_not_matter(side: int, at: tuple[int, int]) -> None:
    ink = sheet(side, (side + 40, side + 60), at)
    result = handwriting.centred(ink)
    assert (result.shape, result.max(), result.min()) == ((28, 28), 1, 0)
    rows, columns = (np.flatnonzero((result > 0.1).any(axis=axis)) for axis in (1, 0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 12)  # the L is 10 high and 6 wide
    for axis in (0, 1):
        centre = (result.sum(axis=1 - axis) * np.arange(28)).sum() / result.sum()
        assert abs(centre - 14) <= 0.5
    np.testing.assert_allclose(result, handwriting.centred(stroke(28) / 255), atol=0.4)


def test_edges_are_grey() -> None:
    disk = np.hypot(*np.mgrid[-50:51, -50:51]) < 48
    result = handwriting.centred(disk.astype(np.float32))
    grey = ((result > 0.05) & (result < 0.95)).sum()
    assert 20 < grey < 100


def test_long_thin_and_lopsided_digits_fit() -> None:
    for ink in (np.ones((1, 500)), np.ones((500, 1)), np.ones((1, 1))):
        result = handwriting.centred(ink)
        assert result.max() == 1
    heavy = np.zeros((100, 100))
    heavy[:20], heavy[20:, :5] = 1, 0.6  # nearly all of it at the top: lower rows would be cut off
    result = handwriting.centred(heavy)
    assert (result > 0.1).any(axis=1).sum() == 20


@pytest.mark.parametrize("side", [8, 16])
def test_other_models_have_no_margin(side: int) -> None:
    result = handwriting.centred(sheet(), side)
    assert result.shape == (side, side)
    assert (result > 0.1).any(axis=1).all()


def test_the_whole_picture() -> None:
    ink = sheet(28, (56, 56), (0, 0))
    result = handwriting.squeezed(ink)
    assert result.shape == (28, 28)
    assert not result[16:].any()
    assert not result[:, 16:].any()


@pytest.mark.slow
def test_images_of_mnist_stay_as_they_are(mnist_directory: Path) -> None:
    from datasets import mnist

    data = mnist.load(mnist_directory, scale=1, quiet=True)
    pictures = data.test.x[:1000].reshape(-1, 28, 28)
    again = np.array(
        [handwriting.centred(handwriting.ink(row.astype(np.uint8))) for row in pictures]
    )
    difference = np.abs(again - pictures / 255).mean(axis=(1, 2))
    assert np.mean(difference) < 0.02  # of a mean brightness of 0.13
