"""What Theano lists of its modes, and functions written to files before they are compiled."""

from __future__ import annotations

import pickle
from typing import Any

from symgrad.compile.modes.mode import OPTIMIZERS, get_mode, predefined_modes as _modes
from symgrad.files.writing import write

predefined_modes = {name: _modes[name] for name in ("FAST_COMPILE", "FAST_RUN")}
predefined_modes["DEBUG_MODE"] = get_mode("DEBUG_MODE")
# `Mode(linker, optimizer)` takes names, so these stand for themselves.
predefined_linkers = {
    name: name for name in ("py", "c", "c|py", "c|py_nogc", "vm", "cvm", "vm_nogc", "cvm_nogc")
}
predefined_optimizers: dict[str | None, str] = {None: "None"} | {name: name for name in OPTIMIZERS}


def function_dump(
    filename: Any,
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
    extra_tag_to_remove: Any = None,
) -> None:
    """Write the arguments of `function` to a file, for ``function(**pickle.load(file))``.

    Parameters
    ----------
    filename : path
        Where to write.
    inputs, outputs, mode, updates, givens, no_default_updates, accept_inplace, name, \
    rebuild_strict, allow_input_downcast, profile, on_unused_input
        As for `function`.
    extra_tag_to_remove : str, optional
        Accepted for Theano's sake.

    >>> import os, symgrad, tempfile
    >>> x = symgrad.tensor.dscalar("x")
    >>> path = os.path.join(tempfile.mkdtemp(), "f.pkl")
    >>> function_dump(path, [x], x * 2)
    >>> with open(path, "rb") as file:
    ...     f = symgrad.function(**pickle.load(file))
    >>> f(3.0)
    array(6.)
    """
    arguments = {k: v for k, v in locals().items() if k not in ("filename", "extra_tag_to_remove")}
    write(filename, pickle.dumps(arguments), sync=True)
