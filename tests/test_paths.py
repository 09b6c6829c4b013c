"""Names and files from before modules moved: paths that users import, and pickles, stay good.

`names.json` holds what each path gave, `pickles/` what was pickled, in the version whose modules
still lay where their class paths say.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad

HERE = Path(__file__).parent
NAMES = json.loads((HERE / "names.json").read_text("utf-8"))
EXPECTED = json.loads((HERE / "pickles" / "expected.json").read_text("utf-8"))


def unpickled(name: str):
    return pickle.loads(gzip.decompress((HERE / "pickles" / f"{name}.pkl.gz").read_bytes()))


# ------------------------------------------------------------------------------------------- paths
@pytest.mark.parametrize("path", NAMES)
def test_every_name_is_there(path):
    module = importlib.import_module(path)
    for name in NAMES[path]:
        assert hasattr(module, name), f"{path}.{name}"
    value = symgrad
    for part in path.split(".")[1:]:
        value = getattr(value, part)
    assert value is module


def test_dir_and_help_show_what_users_have():
    inside = {module.name for module in pkgutil.iter_modules(symgrad.__path__)}
    inside = inside - set(NAMES["symgrad"])
    for module in (symgrad, symgrad.tensor):
        shown = set(dir(module))
        assert set(NAMES[module.__name__]) <= shown
        assert not shown & inside
        assert not [name for name in shown if name.startswith("_") and not name.endswith("__")]


def test_each_path_can_be_the_first_import():
    """Each in an interpreter of its own, where warnings are errors; one process forks them all."""
    program = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        try:\n"
        "            exec(f'import {path}'); eval(path); code = 0\n"
        "        except BaseException as error:\n"
        "            print(path, repr(error)); sys.stdout.flush(); code = 1\n"
        "        os._exit(code)\n"
        "    if os.waitpid(child, 0)[1]: sys.exit(1)\n"
    )
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *NAMES],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ----------------------------------------------------------------------------------------- pickles
# NumPy 1 does not read arrays that NumPy 2 has pickled.
beside_numpy_2 = pytest.mark.skipif(np.__version__ < "2", reason="arrays pickled by NumPy 2")


def numbers(value):
    value = np.asarray(value)
    return [str(value.dtype), list(value.shape), float(np.nansum(np.real(value).astype(float)))]


def array(dtype, shape, values):
    made = np.array(values, dtype=dtype if "complex" not in dtype else "float64")
    if "complex" in dtype:
        made = made.reshape(-1, 2) @ [1, 1j]
    return np.asarray(made, dtype).reshape(shape)


def test_every_operation_loads_and_computes_what_it_did():
    loaded = unpickled("operations")
    assert len(loaded) == len(EXPECTED["operations"]) == 195
    for name, inputs, results in loaded:
        expected = EXPECTED["operations"][name]
        f = symgrad.function(inputs, results, on_unused_input="ignore")
        got = f(*[array(*value) for value in expected["inputs"]])
        for have, want in zip(map(numbers, got), expected["outputs"], strict=True):
            assert have[:2] == want[:2], name
            np.testing.assert_allclose(have[2], want[2], rtol=1e-6, atol=1e-9, err_msg=name)


@beside_numpy_2
def test_variables_load():
    loaded = unpickled("variables")
    X, Y = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 1, 1, 0])
    cost, gW = loaded["cost"], loaded["gW"]
    np.testing.assert_array_equal(loaded["W"].get_value(), np.arange(6).reshape(3, 2) / 10)
    assert loaded["n"].get_value() == 3
    assert loaded["fs"].get_value().dtype == "float32"
    f = symgrad.function([loaded["x"], loaded["y"]], [cost, gW, loaded["constant"]])
    value, slope, constant = f(X, Y)
    again = symgrad.function([loaded["x"], loaded["y"]], symgrad.grad(cost, loaded["W"]))
    np.testing.assert_allclose(value, EXPECTED["train"][0][0], rtol=1e-12)
    np.testing.assert_allclose(slope, again(X, Y), rtol=1e-12)
    np.testing.assert_array_equal(constant, [1, 2])


@beside_numpy_2
def test_functions_load():
    loaded = unpickled("functions")
    X, Y = np.linspace(-1, 1, 12).reshape(4, 3), np.array([0, 1, 1, 0])
    for cost, *state in EXPECTED["train"]:
        np.testing.assert_allclose(loaded["train"](X, Y)[0], cost, rtol=1e-12)
        values = {variable.name: variable.get_value() for variable in loaded["train"].get_shared()}
        have = [values["W"].sum(), values["W"][0, 1], values["n"]]
        np.testing.assert_allclose(have, state, rtol=1e-12)
    assert loaded["train"].name == "train"
    np.testing.assert_allclose(loaded["guard"](X), np.exp(X).sum())
    np.testing.assert_allclose(loaded["debug"](X), np.tanh(X))
    np.testing.assert_allclose(loaded["fast"](X[2:])["twice"], X[2:] * 2)
    assert loaded["mode"] == symgrad.compile.get_mode("FAST_RUN")


def test_types_load():
    matrix, row, lengths, generic, again, scalar = unpickled("types")
    assert matrix == again == symgrad.tensor.dmatrix
    assert row == symgrad.TensorType("float32", (True, False))
    assert lengths == symgrad.TensorType("int8", shape=(2, None))
    assert (generic, scalar) == (symgrad.generic, symgrad.tensor.lscalar)


def test_errors_load():
    for error, (kind, line) in zip(unpickled("errors"), EXPECTED["errors"], strict=True):
        assert type(error) is getattr(symgrad, kind)
        assert str(error).splitlines()[0] == line
