"""Pictures from files: what Pillow reads, directories by class, digits found and centred."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets import images
from datasets.errors import DataError


def stroke(side: int = 28) -> Any:
    """An L, bright on black; no turn or reflection leaves it as it is."""
    picture = np.zeros((side, side), np.uint8)
    unit = side // 14
    picture[2 * unit : 12 * unit, 4 * unit : 6 * unit] = 255
    picture[10 * unit : 12 * unit, 4 * unit : 10 * unit] = 255
    return picture


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA", "P", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_becomes_bytes(tmp_path: Path, mode: str) -> None:
    grey = stroke()
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(grey.astype(np.int32) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 255)
    else:
        image = Image.fromarray(grey).convert(mode)
    path = tmp_path / ("picture.tif" if mode in {"CMYK", "F", "I"} else "picture.png")
    image.save(path)
    result = images.read(path)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, grey)


def test_paper_below_what_is_transparent(tmp_path: Path) -> None:
    ink = stroke()
    path = tmp_path / "picture.png"
    for color, paper in (((20, 30, 40), 255), ((250, 240, 230), 0)):
        picture = np.zeros((28, 28, 4), np.uint8)  # transparent black
        picture[..., 3] = ink
        picture[ink > 0, :3] = color
        Image.fromarray(picture).save(path)
        result = images.read(path)
        assert (result[ink == 0] == paper).all()
        assert abs(int(result[ink > 0][0]) - np.mean(color)) < 5
    picture = np.full((28, 28, 4), 255, np.uint8)  # white paper with transparent corners
    picture[ink > 0, :3] = 0
    picture[:3, :3] = 0
    Image.fromarray(picture).save(path)
    np.testing.assert_array_equal(images.read(path), 255 - ink)
    Image.fromarray(np.zeros((9, 9, 4), np.uint8)).save(path)
    assert (images.read(path) == 255).all()


def test_upright(tmp_path: Path) -> None:
    metadata = Image.Exif()
    metadata[0x0112] = 6  # turned by 90 degrees when it was taken
    Image.fromarray(np.rot90(stroke())).save(tmp_path / "picture.png", exif=metadata)
    np.testing.assert_array_equal(images.read(tmp_path / "picture.png"), stroke())
    Image.fromarray(stroke()).save(tmp_path / "odd.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(images.read(tmp_path / "odd.png"), stroke())


def damaged() -> dict[str, bytes]:
    """Files that are no pictures, or not any more."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(png, "PNG")
    Image.fromarray(noise).save(jpeg, "JPEG")
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    bomb += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return {
        "empty.png": b"",
        "text.png": b"not a picture",
        "cut.png": png.getvalue()[:900],
        "cut.jpg": jpeg.getvalue()[:900],
        "flipped.png": png.getvalue()[:60] + b"\0" * 50 + png.getvalue()[110:],
        "bomb.png": bomb,
    }


@pytest.mark.parametrize("name", damaged())
def test_a_damaged_picture_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(damaged()[name])
    with pytest.raises(DataError, match=name) as caught:
        images.read(path)
    assert "expected a picture" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_picture_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"7\.png: found no such file"):
        images.read(tmp_path / "7.png")
    with pytest.raises(DataError, match="expected a picture"):
        images.read(tmp_path)


# ---- texts ---------------------------------------------------------------------------------------


def lines_of(picture: Any) -> list[str]:
    return ["".join(str(int(value > 0)) for value in row) for row in picture]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_text(tmp_path: Path, newline: str, start: str) -> None:
    path = tmp_path / "1.txt"
    text = start + newline.join(lines_of(stroke())) + 2 * newline
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(images.read_digit(path), stroke() > 0)
    spaced = newline.join(" ".join(line) for line in lines_of(stroke()))
    path.write_text(spaced, encoding="utf-8", newline="")
    np.testing.assert_array_equal(images.read_digit(path), stroke() > 0)


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
        images.read_digit(path)


def test_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no text"):
        images.read_digit(tmp_path / "1.txt")
    with pytest.raises(DataError, match="no such file"):
        images.read_digit(tmp_path / "2.txt")


# ---- directories ---------------------------------------------------------------------------------


def plant(directory: Path, name: str, *brightness: int, size: tuple[int, int] = (9, 7)) -> None:
    """Even pictures, numbered from 1, in the directory of a class."""
    (directory / name).mkdir(parents=True)
    for number, value in enumerate(brightness, 1):
        Image.new("L", size, value).save(directory / name / f"{number}.png")


def test_a_tree(tmp_path: Path) -> None:
    plant(tmp_path, "cat", *range(12))
    plant(tmp_path, "dog", 200, 201)
    plant(tmp_path, "cow", 50)
    (tmp_path / "dog" / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "dog" / "._1.png").write_bytes(b"what an archive leaves behind")
    Image.new("RGB", (9, 7), (202, 202, 202)).save(tmp_path / "dog" / "3.JPG")
    x, y = images.read_tree(tmp_path, ["dog", "cat"], side=4, per_class=11)
    assert (x.shape, x.dtype) == ((14, 4, 4), np.uint8)
    assert x[:, 2, 2].tolist() == [200, 201, 202, *range(11)]  # 2.png before 10.png
    assert y.tolist() == [0] * 3 + [1] * 11


def test_a_tree_with_something_wrong(tmp_path: Path) -> None:
    plant(tmp_path, "cat", 1, 2, 3)
    plant(tmp_path, "none")
    with pytest.raises(DataError, match="only cat, none, expected a directory dog"):
        images.read_tree(tmp_path, ["cat", "dog"])
    with pytest.raises(DataError, match=r"none: found no images for class none, expected .*\.jpg"):
        images.read_tree(tmp_path, ["cat", "none"])

    plant(tmp_path, "dog", 7, size=(9, 8))
    with pytest.raises(DataError, match=r"1\.png: found a picture of 9x8 .* expected 9x7 as in"):
        images.read_tree(tmp_path, ["cat", "dog"])
    x, _ = images.read_tree(tmp_path, ["cat", "dog"], mixed_sizes=True)
    assert x[:, 0, 0].tolist() == [1, 2, 3, 7]

    (tmp_path / "cat" / "2.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"2\.png: found something that cannot be read"):
        images.read_tree(tmp_path, ["cat", "dog"])
    with pytest.raises(DataError, match="no such directory"):
        images.files_in(tmp_path / "cow")


def test_resizing_is_bilinear_on_bytes() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    small = images.shrunk(picture, 8)
    # Every new pixel is the mean of those within 28/8 of its centre, weighted by their nearness.
    centres = (np.arange(8) + 0.5) * 28 / 8
    distance = np.abs(centres[:, None] - (np.arange(28) + 0.5)) / (28 / 8)
    weights = np.clip(1 - distance, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(small, weights @ picture @ weights.T, atol=1.5)
    assert small.dtype == np.uint8


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
    np.testing.assert_array_equal(images.ink(picture), ink)


def test_ink_below_a_shadow_noise_and_specks() -> None:
    ink = sheet()
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in ink.shape), indexing="ij")
    picture = (1 - 0.8 * ink) * (180 + 50 * x - 20 * y) + rng.normal(0, 4, ink.shape)
    picture[5, 60] = picture[80, 3] = 20
    found = images.ink(np.clip(picture, 0, 255).astype(np.uint8))
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
        found = images.ink(picture.astype(np.uint8))
        assert not found.any()
        assert not images.centred(found).any()


def test_a_large_picture_is_cut_and_reduced() -> None:
    large = 255 - (255 * sheet(280, (1500, 1200), (700, 50))).astype(np.uint8)
    expected = images.centred(stroke() / 255)
    assert max(images.ink(large).shape) <= images.LARGE
    np.testing.assert_allclose(images.centred(images.ink(large)), expected, atol=0.2)
    tiny = 255 - (255 * sheet(28, (1500, 1200), (700, 50))).astype(np.uint8)
    np.testing.assert_allclose(images.centred(images.ink(tiny)), expected, atol=0.01)
    whole = images.ink(large, whole=True)
    assert whole.shape == (256, 205)


# ---- as MNIST was made ---------------------------------------------------------------------------


@pytest.mark.parametrize("side", [14, 28, 56, 280])
@pytest.mark.parametrize("at", [(0, 0), (40, 3)])
def test_size_and_place_do_not_matter(side: int, at: tuple[int, int]) -> None:
    ink = sheet(side, (side + 40, side + 60), at)
    result = images.centred(ink)
    assert (result.shape, result.max(), result.min()) == ((28, 28), 1, 0)
    rows, columns = (np.flatnonzero((result > 0.1).any(axis=axis)) for axis in (1, 0))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 12)  # the L is 10 high and 6 wide
    for axis in (0, 1):
        centre = (result.sum(axis=1 - axis) * np.arange(28)).sum() / result.sum()
        assert abs(centre - 14) <= 0.5
    np.testing.assert_allclose(result, images.centred(stroke(28) / 255), atol=0.4)


def test_edges_are_grey() -> None:
    disk = np.hypot(*np.mgrid[-50:51, -50:51]) < 48
    result = images.centred(disk.astype(np.float32))
    grey = ((result > 0.05) & (result < 0.95)).sum()
    assert 20 < grey < 100


def test_long_thin_and_lopsided_digits_fit() -> None:
    for ink in (np.ones((1, 500)), np.ones((500, 1)), np.ones((1, 1))):
        result = images.centred(ink)
        assert result.max() == 1
    heavy = np.zeros((100, 100))
    heavy[:20], heavy[20:, :5] = 1, 0.6  # nearly all of it at the top: lower rows would be cut off
    result = images.centred(heavy)
    assert (result > 0.1).any(axis=1).sum() == 20


@pytest.mark.parametrize("side", [8, 16])
def test_other_models_have_no_margin(side: int) -> None:
    result = images.centred(sheet(), side)
    assert result.shape == (side, side)
    assert (result > 0.1).any(axis=1).all()


def test_the_whole_picture() -> None:
    ink = sheet(28, (56, 56), (0, 0))
    result = images.squeezed(ink)
    assert result.shape == (28, 28)
    assert not result[16:].any()
    assert not result[:, 16:].any()


@pytest.mark.slow
def test_images_of_mnist_stay_as_they_are(mnist_directory: Path) -> None:
    from datasets import mnist

    data = mnist.load(mnist_directory, scale=1, quiet=True)
    pictures = data.test.x[:1000].reshape(-1, 28, 28)
    again = np.array([images.centred(images.ink(row.astype(np.uint8))) for row in pictures])
    difference = np.abs(again - pictures / 255).mean(axis=(1, 2))
    assert np.mean(difference) < 0.02  # of a mean brightness of 0.13
