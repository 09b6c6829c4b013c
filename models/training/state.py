"""States of trainings in ``.npz`` files: written whole, and checked before anything is used.

A state holds the parameters, where the training stands, what it has recorded, and the state of the
random numbers: arrays by name, and a text of JSON about the rest, under `ABOUT`. A run that goes on
from a wrong one would end in wrong numbers. So it is read against a schema (which names there are,
of which type, shape and range, made by which program with which options), and each part must fit
the checksum that was written with it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets import npz
from datasets.errors import DataError, OptionError
from symgrad.errors import listed, quoted
from training.saving import save_params

__all__ = ["is_like", "read", "write"]

Array = npt.NDArray[Any]

FORMAT = 1  # of the file; a change that older programs cannot read adds one

ABOUT, HISTORY = (
    "training",
    "history ",
)  # names of arrays: the text, and the prefix of recorded ones


def write(path: Path, about: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a state; `about` is what JSON knows, and what has ``tolist``."""
    sums = {name: _checksum(array) for name, array in arrays.items()}
    whole = {"format": FORMAT, **about, "checksums": sums}
    text = json.dumps(whole, default=lambda value: value.tolist())
    texts = {ABOUT: np.array(text), "checksum": np.array(_sha(text.encode()))}
    save_params(path, "the state", **texts, **arrays)


def read(
    path: Path, program: str, settings: Mapping[str, Any], params: Mapping[str, Array]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `write` was given, if it is the state of this program's training with these options.

    Parameters
    ----------
    path
        The file.
    program
        Which one goes on.
    settings
        Its options.
    params
        Arrays of the shapes and dtypes that the parameters have.

    Raises
    ------
    DataError
        It is no such state, or a damaged one: which key, what was found there, what was expected.
    OptionError
        It belongs to a training with other options.
    """
    text = npz.read_arrays(path, [ABOUT, "checksum"])
    about = _about(path, text[ABOUT])
    if about["format"] != FORMAT:
        newer = type(about["format"]) is int and about["format"] > FORMAT
        found = f"format {quoted(about['format'], 40)}" + (", of a newer version" if newer else "")
        raise DataError(f"{path}[format]", found, f"format {FORMAT}")
    _check_keys(path, about, _SCHEMA)
    if about["program"] != program:
        found = f"the state of {quoted(about['program'], 60)}"
        raise DataError(f"{path}[program]", found, f"one of {program}")
    for key, (fits, expected) in _SCHEMA.items():
        if not fits(about[key]):
            raise DataError(f"{path}[{key}]", quoted(repr(about[key]), 60), expected)

    if str(text["checksum"]) != _sha(str(text[ABOUT]).encode()):
        found = "a text that does not fit its checksum"
        raise DataError(f"{path}[{ABOUT}]", found, "the state as it was saved")
    for name in dict.fromkeys([*settings, *about["settings"]]):
        was, now = about["settings"].get(name), settings.get(name)
        if was != now:
            raise OptionError(
                f"{path} was saved by a training with {quoted(name, 40)} {quoted(was, 100)}, not "
                f"{now}: give the same options to resume it, or leave --resume out to start anew"
            )

    recorded = [HISTORY + name for name in about["arrays"]]
    names = npz.names(path)
    _check_keys(path, dict.fromkeys(names), [ABOUT, "checksum", *params, *recorded])
    arrays = npz.read_arrays(path, [*params, *recorded])
    for name, array in arrays.items():
        like = params.get(name)
        expected = "the numbers that were recorded, one below the other"
        if like is not None:
            expected = f"finite numbers, {like.dtype} of shape {like.shape}"
        fits = array.ndim > 1 if like is None else (array.dtype, array.shape) == _kind(like)
        if not fits or array.dtype.kind not in ("f" if like is None else "biuf"):
            raise DataError(f"{path}[{name}]", f"{array.dtype} of shape {array.shape}", expected)
        if not np.isfinite(array).all():
            raise DataError(f"{path}[{name}]", "NaN or infinity", expected)

    for name, array in arrays.items():
        if about["checksums"].get(name) != _checksum(array):
            found = "values that do not fit their checksum"
            raise DataError(f"{path}[{name}]", found, "the state as it was saved")
    return about, arrays


def _about(path: Path, text: Array) -> dict[str, Any]:
    expected = "the state of a training"
    if text.dtype.kind != "U" or text.ndim:
        found = f"{quoted(text.dtype, 60)} of shape {text.shape}"
        raise DataError(f"{path}[{ABOUT}]", found, expected)
    try:
        about = json.loads(str(text))
    except (ValueError, RecursionError):
        raise DataError(f"{path}[{ABOUT}]", "a text that is no JSON", expected) from None
    if not isinstance(about, dict) or "format" not in about:
        found = "a text without a format" if isinstance(about, dict) else "other contents"
        raise DataError(f"{path}[{ABOUT}]", found, expected)
    return about


def _check_keys(path: Path, found: Mapping[str, Any], expected: Any) -> None:
    missing = [key for key in expected if key not in found]
    surplus = [key for key in found if key not in expected]
    if missing:
        raise DataError(f"{path}[{missing[0]}]", "nothing", "a state with " + listed(missing))
    if surplus:
        where = f"{path}[{quoted(surplus[0], 40)}]"
        raise DataError(where, "what no state has", listed(list(expected), 12))


def _sha(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()


def _checksum(array: Array) -> str:
    about = f"{array.dtype.str} {array.shape} ".encode()
    return _sha(about + np.ascontiguousarray(array).tobytes())


def _kind(array: Array) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return array.dtype, array.shape


def is_like(value: object, like: object) -> bool:
    """Whether a note can stand where this one stood at the start.

    An int is not negative, and not 0 where it was not 0; a list holds strings.

    >>> is_like({"patience": 7, "best": 0.5}, {"patience": 5000, "best": math.inf})
    True
    >>> is_like(0, 1), is_like([1], []), is_like({}, {"best": 0.0})
    (False, False, False)
    """
    if isinstance(like, dict):
        same = isinstance(value, dict) and value.keys() == like.keys()
        return same and all(is_like(value[key], like[key]) for key in like)  # type: ignore[index]
    if isinstance(like, list):
        return _is_names(value)
    if isinstance(like, int):
        return _is_count(value) and value >= min(like, 1)  # type: ignore[operator]
    return _is_number(value)


# ---- the schema ----------------------------------------------------------------------------------


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_number(value: object) -> bool:
    if type(value) is int:
        return abs(value) < 2**53  # (a larger one may not even be a float)
    return type(value) is float and not math.isnan(value)


def _is_history(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(numbers, list) and all(map(_is_number, numbers)) for numbers in value.values()
    )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_rng(value: object) -> bool:
    """The state of a Mersenne twister, as `numpy.random.RandomState.get_state` gives it."""
    if not isinstance(value, dict) or value.get("bit_generator") != "MT19937":
        return False
    twister = value.get("state")
    if not isinstance(twister, dict) or twister.keys() != {"key", "pos"}:
        return False
    key, place = twister["key"], twister["pos"]
    words = isinstance(key, list) and len(key) == 624
    return (
        words
        and all(type(word) is int and 0 <= word < 2**32 for word in key)
        and any(key)
        and type(place) is int
        and 0 <= place <= 624
        and value.get("has_gauss") in (0, 1)
        and _is_number(value.get("gauss"))
    )


_SCHEMA: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format": (_is_count, "a version"),
    "program": (lambda value: isinstance(value, str), "the name of a program"),
    "settings": (lambda value: isinstance(value, dict), "options by name"),
    "epoch": (_is_count, "a number of epochs"),
    "batch": (_is_count, "a number of minibatches"),
    "stopped": (lambda value: isinstance(value, bool), "true or false"),
    "history": (_is_history, "lists of numbers by name"),
    "arrays": (_is_names, "names"),
    "notes": (lambda value: isinstance(value, dict), "notes by name"),
    "rng": (_is_rng, "the state of a Mersenne twister"),
    "checksums": (lambda value: isinstance(value, dict), "checksums by name"),
}
