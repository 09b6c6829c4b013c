"""What Python's and NumPy's functions get that want a plain integer of a symbol: what to write.

They all come through `__index__`: ``np.zeros(n)``, ``range(n)``, ``items[n]``, ``matrix ** n``. The
frames of NumPy's functions that are written in Python tell them apart, and the source of the user's
call tells the others, where it can be read.
"""

from __future__ import annotations

import ast
from types import FrameType
from typing import Any

from symgrad.errors import GraphTypeError, SymgradError
from symgrad.origins import source_of

_NO_NUMBER = "it has no number yet"
# NumPy's functions of counts that symgrad.tensor has
_MADE = ("zeros", "ones", "full", "empty", "eye", "identity", "tri", "arange", "linspace")
_RENAMED = {"identity": "eye"}
_ANY = (
    "Use T.zeros(n) instead of numpy.zeros(n) (ones, full, eye and empty alike), T.arange(n) "
    "instead of range(n), and T.as_tensor(items)[n] instead of items[n]."
)


def instead_of_count(symbol: Any, frame: FrameType | None) -> tuple[str, str, type[SymgradError]]:
    """What is wrong, what to write instead, and the error that says so.

    Some functions of NumPy and SciPy put a text of their own in the place of a TypeError, but of no
    other error.
    """
    if is_power_of_matrix(frame):
        return (
            "the ** of a matrix of NumPy or SciPy is the matrix power, which takes a known integer",
            "Use T.nlinalg.matrix_power(a, 3), or T.pow(numpy.asarray(a), x) for each element.",
            SymgradError,
        )
    name = ""
    while frame is not None and _library(frame):
        name, frame = frame.f_code.co_name, frame.f_back
    if frame is None:
        return _NO_NUMBER, _ANY, GraphTypeError
    text = source_of((frame.f_code, frame.f_lasti))
    hint, called = _hint(text, name)
    replaced = called in _MADE or called.startswith(("np.", "numpy."))
    return _NO_NUMBER, hint, SymgradError if replaced else GraphTypeError


def is_power_of_matrix(frame: FrameType | None) -> bool:
    """Whether a number is asked for as the exponent of a matrix."""
    asking = ("matrix_power", "__pow__")
    return (
        frame is not None
        and _library(frame)
        and (frame.f_code.co_name in asking or frame.f_code.co_name == "isintlike")
        and any(f is not None and f.f_code.co_name in asking for f in (frame, frame.f_back))
    )


def _library(frame: FrameType) -> bool:
    parts = frame.f_code.co_filename.replace("\\", "/").split("/")
    return "numpy" in parts or "scipy" in parts


def _hint(text: str, name: str) -> tuple[str, str]:
    """What to write instead of an expression, and the function that it calls."""
    try:
        node: Any = ast.parse(text.strip() or "0", mode="eval").body
    except (SyntaxError, ValueError):
        node = None
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        name = name if name in _MADE else called.rpartition(".")[2]
        if name in _MADE:
            return _replaced(node, f"T.{_RENAMED.get(name, name)}", name), name
        if called == "range":
            return _replaced(node, "T.arange", name), name
        return "Use what symgrad.tensor has for it, or x.eval({...}) for a value.", called
    elif isinstance(node, ast.Subscript) and not isinstance(node.value, ast.Constant):
        item = _short(ast.unparse(node.slice))
        owner = _short(ast.unparse(node.value))
        return f"Use T.as_tensor({owner})[{item}] instead of {owner}[{item}].", ""
    if name in _MADE:
        return f"Use T.{_RENAMED.get(name, name)} instead of numpy.{name}.", name
    return _ANY, ""


def _replaced(node: ast.Call, function: str, name: str) -> str:
    old = ast.unparse(node)
    node.func = ast.parse(function, mode="eval").body
    new = ast.unparse(node)
    if len(old) > 60:
        return f"Use {function} instead of {name}."
    return f"Use {new} instead of {old}."


def _short(text: str) -> str:
    return text if len(text) <= 30 else "items"
