"""Pictures from files: what Pillow reads, and directories by class."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets import images
from datasets.errors import DataError
from tests.models.pictures import stroke

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


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_a_tiff_is_turned_upright(
    tmp_path: Path, compression: str | None, mode: str, turned: int
) -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    expected = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.T,
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].T,
        8: np.rot90(picture),
    }
    metadata = Image.Exif()
    metadata[0x0112] = turned
    path = tmp_path / "picture.tif"
    image = Image.fromarray(picture).convert(mode)
    image.save(path, exif=metadata, compression=compression)
    np.testing.assert_array_equal(images.read(path), expected[turned])


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


def test_a_png_of_empty_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (3, 3)).save(path)
    data = path.read_bytes()
    empty = struct.pack(">I4sI", 0, b"aaAa", zlib.crc32(b"aaAa"))
    path.write_bytes(data[:33] + empty * 10 + data[33:])
    assert images.read(path).shape == (3, 3)
    path.write_bytes(data[:33] + empty * 150_000 + data[33:])
    with pytest.raises(DataError, match="more than 100,000 chunks"):
        images.read(path)


@pytest.mark.parametrize("mode", ["RGBA", "I;16", "F"])
def test_some_rows_at_a_time(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As all at once; a picture of many pixels takes little more memory than its bytes."""
    noise = np.random.RandomState(0).randint(0, 256, (40, 30, 4)).astype("uint8")
    picture = {
        "RGBA": Image.fromarray(noise),
        "I;16": Image.fromarray(noise[..., 0].astype("uint16") * 257),
        "F": Image.fromarray(noise[..., 0].astype("float32") / 255),
    }[mode]
    whole = images._grey(picture)
    bands = [picture.crop((0, top, 30, top + 1)) for top in range(40)]
    monkeypatch.setattr(images, "_bands", lambda image: bands)
    assert (images._grey(picture) == whole).all()
    if mode != "RGBA":
        assert (whole == noise[..., 0]).all()
