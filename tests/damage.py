"""Damaged files by number: `python -m tests.damage --files 20000`, or fewer in the tests.

Each sample, a good file of its kind, is changed in one to four places (bits flipped, bytes set,
parts cut out, doubled, swapped, taken from another sample, numbers made enormous), and read. A
reader may give what it read, or raise its own error in one line; within two seconds of its own
time, and without taking more memory than a good file might.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import io
import pickle
import random
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import symgrad
from symgrad.errors import SymgradError
from symgrad.files.data_pickle import read_data
from symgrad.theano.misc.pkl_utils import dump, load

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))
from datasets import idx, images, npz, old_pickle
from datasets.errors import ModelError
from training import state

SECONDS = 2.0
MEMORY = 200  # MB above a plain start

LARGE = (0x7F, 0xFF, 0x80, 0x00)


def damaged(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """The data, changed in one to four places."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        n = len(out)
        if not n:
            break
        a, b = sorted((rng.randrange(n), rng.randrange(n)))
        b = min(b, a + rng.choice([1, 2, 4, 8, 64, n]))
        kind = rng.randrange(9)
        if kind == 0:
            out[a] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[a] = rng.randrange(256)
        elif kind == 2:
            del out[a:b]
        elif kind == 3:
            out[a:a] = out[a:b] * rng.choice([1, 2, 3, 50])
        elif kind == 4:
            del out[a:]
        elif kind == 5:  # a length, or what might be one
            size = rng.choice([1, 2, 4, 8])
            out[a : a + size] = bytes([rng.choice(LARGE) for _ in range(size)])
        elif kind == 6:
            other = rng.choice(others)
            c = rng.randrange(len(other) + 1)
            out[a:b] = other[c : c + (b - a)]
        elif kind == 7:
            out[a:a] = rng.randbytes(rng.choice([1, 2, 4, 100]))
        else:
            out[a:b] = bytes(b - a)
    return bytes(out[: 1 << 20])


# -- samples -------------------------------------------------------------------------------------


def _saved(write: Callable[[Any], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _pictures(format: str) -> list[bytes]:
    from PIL import Image

    noise = np.random.RandomState(0).randint(0, 256, (9, 11, 4)).astype("uint8")
    made = []
    for mode in ("L", "RGB", "P", "1") + (("RGBA", "LA", "I;16") if format == "PNG" else ()):
        base = Image.fromarray(noise if "A" in mode else noise[..., :3])
        picture = (
            Image.fromarray(noise[..., 0].astype("uint16") * 256)
            if mode == "I;16"
            else base.convert(mode)
        )
        if format == "JPEG" and mode in ("P", "1"):
            continue
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {} if format in ("BMP", "GIF") else {"exif": exif}
        made.append(_saved(lambda f, p=picture, o=options: p.save(f, format, **o)))
    return made


def _idx(rank: int) -> bytes:
    shape = (5, 28, 28)[:rank]
    header = struct.pack(f">I{rank}I", 0x800 | rank, *shape)
    return header + bytes(range(5)) * int(np.prod(shape[1:]) if rank > 1 else 1)


PARAMS = {"W": np.ones((4, 3)), "b": np.zeros(3)}


def _state(folder: Path) -> bytes:
    path = folder / "sample.npz"
    rng = np.random.RandomState(0).get_state(legacy=False)
    about = {
        "program": "a.py",
        "settings": {"rate": 0.1},
        "epoch": 3,
        "batch": 10,
        "stopped": False,
        "history": {"cost": [1.0, 0.5]},
        "arrays": ["kept"],
        "notes": {},
        "rng": rng,
    }
    state.write(path, about, {**PARAMS, "history kept": np.ones((2, 3))})
    return path.read_bytes()


def _pickles() -> list[bytes]:
    arrays = [np.arange(6.0).reshape(2, 3), np.float32(3), np.arange(4)[::2]]
    data = {"a": [1, -(2**70), 0.5, "text", b"bytes", None, True], "b": (arrays, {1, 2}, 3j)}
    return [pickle.dumps(data, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]


def kinds(folder: Path) -> dict[str, tuple[list[bytes], str, Callable[[Path], object]]]:
    """Good files of each kind, their ending, and what reads them."""
    W = symgrad.shared(np.ones((2, 3)), "W")
    old = [
        pickle.dumps([(np.ones((2, 4), "f4"), np.arange(2))] * 3, protocol)
        for protocol in (1, 2, 4)
    ]
    arrays = {"x_train": np.ones((3, 4)), "y": np.arange(3), "t": np.array("a text")}
    found: dict[str, tuple[list[bytes], str, Callable[[Path], object]]] = {
        "pickle": (_pickles(), ".pkl", lambda path: read_data(path.read_bytes())),
        "zip of dump": ([_saved(lambda f: dump([W, {"b": W, "n": 3}], f))], ".zip", load),
        "npz": (
            [
                _saved(lambda f: np.savez(f, **arrays)),
                _saved(lambda f: np.savez_compressed(f, **arrays)),
            ],
            ".npz",
            lambda path: npz.read_arrays(path, ["x_train"], optional=["y", "t"]),
        ),
        "state": (
            [_state(folder)],
            ".npz",
            lambda path: state.read(path, "a.py", {"rate": 0.1}, PARAMS),
        ),
        "idx": ([_idx(3)], "-ubyte", lambda path: idx.read(path, idx.IMAGES_MAGIC)),
        "idx labels": ([_idx(1)], "-ubyte", lambda path: idx.read(path, idx.LABELS_MAGIC)),
        "idx in gzip": (
            [gzip.compress(_idx(3))],
            ".gz",
            lambda path: idx.read(path, idx.IMAGES_MAGIC),
        ),
        "old pickle": (old, ".pkl", old_pickle.read_arrays),
        "old pickle in gzip": (
            [gzip.compress(data) for data in old],
            ".pkl.gz",
            old_pickle.read_arrays,
        ),
    }
    for format in ("PNG", "JPEG", "BMP", "GIF", "TIFF"):
        found[format] = (_pictures(format), f".{format.lower()}", images.read)
    return found


# -- trying --------------------------------------------------------------------------------------


def attempt(read: Callable[[Path], object], path: Path) -> tuple[str, str]:
    """How reading ends, and what is wrong with that."""
    start = time.process_time()
    fault = ""
    try:
        read(path)
        ended = "taken"
    except (ModelError, SymgradError) as error:
        ended = "refused"
        line = error.message if isinstance(error, SymgradError) else str(error)
        if not line.isprintable() or len(line) > 2000:
            fault = f"not one line: {line[:300]!a}"
    except ValueError as error:  # (of `read_data`, whose callers make a line of it)
        ended = "refused"
        if read.__name__ != "<lambda>":
            fault = f"{type(error).__name__}: {error}"
    except Exception as error:
        ended = "refused"
        if read.__name__ != "<lambda>" or "read_data" not in read.__code__.co_names:
            fault = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - start
    if seconds > SECONDS:
        fault = fault or f"took {seconds:.1f} s"
    return ended, fault


def peak() -> int:
    """Megabytes that this process has taken at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit) >> 20


def campaign(
    name: str, count: int, seed: int, folder: Path
) -> tuple[collections.Counter[str], list[str]]:
    """So many damaged files of one kind: how they ended, and the faults."""
    samples, ending, read = kinds(folder)[name]
    rng = random.Random(f"{seed} {name}")
    ends: collections.Counter[str] = collections.Counter()
    faults = []
    path = folder / f"damaged{ending}"
    for sample in samples:  # good ones are taken
        path.write_bytes(sample)
        read(path)
    before = peak()
    for number in range(count):
        data = damaged(rng.choice(samples), samples, rng)
        path.write_bytes(data)
        ended, fault = attempt(read, path)
        ends[ended] += 1
        if (now := peak()) > before + MEMORY:
            fault, before = fault or f"took {now - before} MB", now
        if fault:
            faults.append(f"{name}, seed {seed}, number {number}: {fault}")
    return ends, faults


def write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000, help="of each kind (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (0)")
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(
            f"{'kind':<20}{'files':>8}{'refused':>9}{'taken':>8}{'faults':>8}{'seconds':>9}{'MB':>7}"
        )
        for name in kinds(folder):
            if options.only and name not in options.only.split(","):
                continue
            start, before = time.monotonic(), peak()
            ends, faults = campaign(name, options.files, options.seed, folder)
            spent = time.monotonic() - start
            write(
                f"{name:<20}{options.files:>8,}{ends['refused']:>9,}{ends['taken']:>8,}"
                f"{len(faults):>8,}{spent:>9.1f}{peak() - before:>7}",
            )
            for fault in faults[:10]:
                write(f"    {ascii(fault)[1:-1]}")
            failed = failed or bool(faults)
    sys.exit(failed)


if __name__ == "__main__":
    main()
