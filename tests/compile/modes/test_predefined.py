"""What Theano lists of its modes, and functions written to files."""

import pickle

import numpy as np

import symgrad as theano
import symgrad.tensor as T


def test_modes_by_theanos_names():
    assert set(theano.predefined_modes) == {"FAST_COMPILE", "FAST_RUN", "DEBUG_MODE"}
    x = T.dscalar("x")
    for mode in theano.predefined_modes.values():
        assert theano.function([x], x * 2, mode=mode)(3.0) == 6
    for linker in ("py", "c", "c|py", "vm", "cvm", "vm_nogc", "cvm_nogc"):
        mode = theano.Mode(linker=theano.predefined_linkers[linker])
        assert theano.function([x], x * 2, mode=mode)(3.0) == 6


def test_optimizers_by_theanos_names():
    names = "merge o4 o3 o2 o1 unsafe fast_compile fast_run fast_run_stable stabilize None".split()
    assert {None, *names} == set(theano.predefined_optimizers)
    for optimizer in theano.predefined_optimizers.values():
        theano.Mode(optimizer=optimizer)


def test_functions_are_written_before_they_are_compiled(tmp_path):
    x, total = T.dvector("x"), theano.shared(0.0, "total")
    path = tmp_path / "f.pkl"
    theano.function_dump(path, [x], x * 2, updates=[(total, total + x.sum())], name="f")
    arguments = pickle.loads(path.read_bytes())
    assert arguments["name"] == "f"
    f = theano.function(**arguments)
    assert f([1.0, 2.0]).tolist() == [2, 4]
    assert arguments["updates"][0][0].get_value() == 3
    np.testing.assert_array_equal(total.get_value(), 0)
