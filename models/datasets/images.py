"""Pictures from files: any kind of image as grey bytes, directories of them by class."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from datasets.errors import DataError, check_regular, reason
from symgrad.errors import listed
from symgrad.files.budget import PIXELS

__all__ = ["PICTURES", "files_in", "read", "read_tree", "shrunk"]

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")  # whatever the name; Pillow knows odder ones
CHUNKS = 100_000  # of a PNG; a picture of 64 million pixels has 30,000 of 8 kB


# ---- reading -------------------------------------------------------------------------------------


def read(path: Path) -> Bytes:
    """A picture as a matrix of grey bytes: colours by their brightness, upright, on paper.

    Parameters
    ----------
    path
        PNG, JPEG, BMP, GIF or TIFF by its contents; of several frames, the first. Where it is
        transparent there is paper: light below dark ink, dark below light ink.
    """
    expected = "a picture (PNG, JPEG, BMP, GIF or TIFF)"
    check_regular(path, expected)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks about odd metadata
            with path.open("rb") as file, _opened(file, path) as image:
                if image.width * image.height > PIXELS:
                    size = f"{image.width}x{image.height}"
                    raise DataError(path, f"{size} pixels", f"at most {PIXELS // 10**6} million")
                image.load()
                return _grey(_upright(image))
    except DataError:
        raise
    except Image.DecompressionBombError:
        found = "more pixels than any camera makes"
        raise DataError(path, found, f"at most {PIXELS // 10**6} million") from None
    except FileNotFoundError:
        raise DataError(path, "no such file", expected) from None
    except Exception as error:  # a damaged picture can raise nearly anything
        found = f"something that cannot be read ({reason(error)})"
        raise DataError(path, found, expected) from None


def _opened(file: BinaryIO, path: Path) -> Image.Image:
    """Open a picture; one that has a name would be mapped, which ignores how a TIFF is turned."""
    _check_chunks(file, path)
    file.seek(0)
    return Image.open(file, formats=FORMATS)


def _check_chunks(file: BinaryIO, path: Path) -> None:
    """Refuse a PNG of millions of empty chunks, which Pillow would go through for minutes."""
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        return
    for _ in range(CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    raise DataError(path, f"more than {CHUNKS:,} chunks", "a picture")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera was held."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a picture with damaged metadata is still a picture
        return image


def _grey(image: Image.Image) -> Bytes:
    """Row by row, some at a time: in float64, a picture takes eight times its size, or more."""
    if image.mode.startswith("I") or image.mode == "F":  # more than 8 bits
        most = max(float(np.asarray(band, dtype=np.float64).max()) for band in _bands(image))
        if not all(np.isfinite(np.asarray(band, np.float64)).all() for band in _bands(image)):
            raise ValueError("pixels that are not numbers")
        full = 1.0 if image.mode == "F" and most <= 1 else 65535.0
        full = 255.0 if image.mode == "F" and 1 < most <= 255 else full
        parts = (np.clip(np.asarray(b, np.float64) / full, 0, 1) * 255 for b in _bands(image))
        return np.concatenate([np.rint(part).astype(np.uint8) for part in parts])
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    counts, ink, total = np.zeros(256), 0.0, 0.0
    for grey, opacity in map(_covering, _bands(image)):
        counts += np.bincount(grey[opacity > 0.5], minlength=256)
        ink, total = ink + float((grey * opacity).sum()), total + float(opacity.sum())
    upto = np.cumsum(counts)
    if upto[-1] > 0.5 * image.width * image.height:
        # the median of what is covered
        low, high = np.searchsorted(upto, [(upto[-1] + 1) // 2, upto[-1] // 2 + 1])
        paper = (low + high) / 2
    else:
        paper = 255.0 if ink < 128 * total or not upto[-1] else 0.0
    parts = (
        grey * opacity + paper * (1 - opacity) for grey, opacity in map(_covering, _bands(image))
    )
    return np.concatenate([np.rint(part).astype(np.uint8) for part in parts])


def _covering(image: Image.Image) -> tuple[Bytes, Floats]:
    """The brightness and the opacity, from 0 to 1, of each pixel."""
    rgba = image.convert("RGBA")
    return np.asarray(rgba.convert("L")), np.asarray(rgba.getchannel("A")) / 255


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """The rows of a picture, about a million pixels at a time."""
    rows = max(1, (1 << 20) // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(image.height, top + rows)))


# ---- directories ---------------------------------------------------------------------------------


def files_in(directory: Path, endings: Sequence[str] = PICTURES) -> list[Path]:
    """The files with these endings, ``2.png`` before ``10.png``; hidden ones do not count."""
    try:
        paths = list(directory.iterdir())
    except OSError as error:
        found = "no such directory" if not os.path.exists(directory) else reason(error)
        raise DataError(directory, found, "a directory of pictures") from None
    found = [
        path
        for path in paths
        if path.suffix.lower() in endings and path.is_file() and not path.name.startswith(".")
    ]
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[Any, ...]:
    parts = re.split(r"([0-9]+)", path.name)
    return (*((int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)), path.name)


def read_tree(
    directory: Path,
    classes: Sequence[str],
    *,
    side: int = 8,
    per_class: int | None = None,
    mixed_sizes: bool = False,
) -> tuple[Bytes, npt.NDArray[np.int32]]:
    """The pictures in ``directory/<class>/``, and each one's position in `classes`.

    Parameters
    ----------
    directory
        With a directory of pictures for each class; others in it do not matter.
    classes
        The names of the directories.
    side
        Every picture is resized to so many pixels on each side.
    per_class
        The most pictures to take of a class, the first by name.
    mixed_sizes
        Whether pictures may have different sizes. (Of a mixture, some will be stretched more than
        others.)
    """
    pictures: list[Bytes] = []
    labels: list[int] = []
    first: tuple[Path, tuple[int, ...]] | None = None
    for label, name in enumerate(classes):
        place = directory / name
        if not os.path.isdir(place):
            there = sorted(path.name for path in directory.iterdir() if path.is_dir())
            found = f"only {listed(there)}" if there else "no directories"
            raise DataError(directory, found, f"a directory {name} of pictures of class {name}")
        paths = files_in(place)[:per_class]
        if not paths:
            raise DataError(place, f"no images for class {name}", f"some {' '.join(PICTURES)}")
        for path in paths:
            picture = read(path)
            first = first or (path, picture.shape)
            if picture.shape != first[1] and not mixed_sizes:
                found = f"a picture of {_size(picture.shape)} pixels"
                expected = f"{_size(first[1])} as in {first[0]} (or --mixed-sizes)"
                raise DataError(path, found, expected)
            pictures.append(shrunk(picture, side))
        labels += [label] * len(paths)
    return np.stack(pictures), np.array(labels, np.int32)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"  # as pictures are measured: width first


# ---- resizing ------------------------------------------------------------------------------------


def shrunk(picture: Bytes, side: int) -> Bytes:
    """A picture of bytes, resized to `side` by `side` pixels, by Pillow's bilinear filter.

    >>> shrunk(np.array([[0, 0, 10, 10], [0, 0, 30, 30]], np.uint8), 2)
    array([[ 1,  9],
           [ 4, 26]], dtype=uint8)
    """
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image)
