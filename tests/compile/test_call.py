"""Compiled functions: arguments, defaults, results that are the caller's own, errors, copies."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, strategies as st

import symgrad as theano
import symgrad.tensor as T
from symgrad import (
    ExecutionError,
    GraphTypeError,
    In,
    IndexRangeError,
    ShapeError,
    SymgradError,
    config,
    function,
    shared,
)
from symgrad.ops.control.debugging import Assert

HERE = "test_call.py"


# -- arguments ---------------------------------------------------------------------------------


def subtract(**settings):
    x, y = T.dscalar("x"), T.dscalar("y")
    return function([x, y], x - y, name="subtract", **settings)


def test_arguments_in_order_and_by_name():
    f = subtract()
    assert f(5, 3) == f(5, y=3) == f(y=3, x=5) == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((1, 2, 3), {}, r"subtract\(\) takes 2 inputs \(x, y\), 3 were given"),
        ((1,), {}, r"subtract\(\) needs a value for input 2, y \(float64 scalar\)(?s:.*)" + HERE),
        ((), {"y": 1}, r"needs a value for input 1, x"),
        ((1,), {"x": 2}, r"was given 'x' twice"),
        ((1,), {"z": 2}, r"has no input named 'z'; its inputs are x, y"),
        ((1,), {"yy": 2}, r"no input named 'yy'.*Did you mean 'y'|no input named 'yy'"),
        ((1, "a"), {}, r"subtract\(\): input 2, y \(float64 scalar\): got 'a'(?s:.*)" + HERE),
    ],
)
def test_wrong_arguments_name_the_variable(args, kwargs, message):
    with pytest.raises(TypeError, match=message):
        subtract()(*args, **kwargs)


def test_an_unnamed_function_is_named_by_its_line():
    f = function([], 1.0)
    with pytest.raises(TypeError, match=rf"function made at {HERE}:\d+ takes 0 inputs"):
        f(3)


def test_two_inputs_of_one_name():
    f = function([T.dscalar("x"), T.dscalar("x")], 1.0, on_unused_input="ignore")
    with pytest.raises(TypeError, match="2 inputs named 'x'; give them in order"):
        f(1, x=2)
    assert f(1, 2) == 1


def test_unnamed_inputs():
    x, y = T.dscalar(), T.dscalar()
    assert function([x, y], x / y)(6, 3) == 2


def test_what_an_input_accepts():
    f = function([T.fmatrix("m")], 1.0, on_unused_input="ignore")
    f(np.ones((2, 2), "uint8"))
    f([[1, 2], [3, 4]])
    with pytest.raises(TypeError, match="dtype float64 and shape .2, 2., expected float32"):
        f(np.ones((2, 2)))
    with pytest.raises(TypeError, match="expected a float32 matrix"):
        f(np.ones(2, "float32"))
    x = T.fvector("x")
    down = function([x], x, allow_input_downcast=True)
    np.testing.assert_array_equal(down(np.ones(2)), np.ones(2, "float32"))
    own = function([In(x, allow_downcast=False)], x, allow_input_downcast=True)
    with pytest.raises(TypeError, match="expected float32"):
        own(np.ones(2))
    strict = function([In(x, strict=True)], x)
    with pytest.raises(TypeError, match="strict=True"):
        strict([1.0])


def test_trust_input_skips_the_checks():
    x = T.dvector("x")
    f = function([x], x * 2)
    f.trust_input = True
    np.testing.assert_array_equal(f(np.ones(2)), [2, 2])
    assert f(np.ones(2, "int64")).dtype == "float64"


# -- In ----------------------------------------------------------------------------------------


def test_defaults_come_back_after_each_call():
    x, lr = T.dscalar("x"), T.dscalar("lr")
    f = function([x, In(lr, value=0.5)], x * lr)
    assert [float(v) for v in (f(2), f(2, 3), f(2, lr=4), f(x=2))] == [1, 6, 8, 1]


def test_a_default_before_a_required_input():
    x, y = T.dscalars("x", "y")
    f = function([In(x, value=10), y], x - y)
    assert f(y=1) == 9
    assert f(3, 1) == 2


def test_a_default_is_kept_as_it_was():
    x = T.dvector("x")
    given_value = np.ones(2)
    f = function([In(x, value=given_value)], x)
    given_value[:] = 7
    f()[:] = 8
    np.testing.assert_array_equal(f(), [1, 1])


def test_a_default_of_a_shared_variable_is_its_value_at_the_call():
    x = T.dscalar("x")
    w = shared(1.0)
    f = function([In(x, value=w)], x * 10)
    assert f() == 10
    w.set_value(2.0)
    assert f() == 20
    assert f(3) == 30


def test_a_default_is_checked_when_the_function_is_made():
    x = T.fvector("x")
    with pytest.raises(GraphTypeError, match="the default of input 1, x .*expected float32"):
        function([In(x, value=np.ones(2))], x)
    assert function([In(x, value=np.ones(2))], x, allow_input_downcast=True)().dtype == "float32"


def test_an_input_may_have_another_name():
    x = T.dscalar("x")
    f = function([In(x, name="rate")], x)
    assert f(rate=2) == 2
    with pytest.raises(TypeError, match="no input named 'x'"):
        f(x=2)
    with pytest.raises(TypeError, match="no input named 'x'"):
        function([In(x, autoname=False)], x)(x=2)


def test_param_is_the_old_name_and_update_is_refused():
    x = T.dscalar("x")
    f = function([theano.Param(x, default=2.0, name="scale")], x * 3)
    assert (f(), f(scale=1.0)) == (6, 3)
    with pytest.raises(GraphTypeError, match="needs a value|: input 1, y .*got None"):
        function([y := T.dscalar("y")], y)(None)  # not "the default of input 1"
    assert theano.Param(x, 4.0).value == theano.Param(x, value=4.0).value == 4.0
    with pytest.raises(GraphTypeError, match="Make a shared variable"):
        In(x, value=0, update=x + 1)


# -- what Theano's users find on a function -----------------------------------------------------


def test_attributes():
    x = T.dvector("x")
    w = shared(np.ones(2), "w")
    f = function([x], T.exp(x) * w, updates=[(w, w + x)], name="step")
    graph = f.maker.fgraph
    assert [str(n.op) for n in graph.toposort()] == ["exp", "mul", "add"]
    assert graph.inputs == [x, w]
    assert [str(o.op) for o in graph.outputs] == ["mul", "add"]
    assert graph.apply_nodes == set(graph.toposort())
    assert f.get_shared() == [w]
    assert f.free() is None
    assert f.profile is None
    assert repr(f) == "<symgrad function step(x)>"
    assert "exp(x, " in f.source


# -- results are the caller's own ----------------------------------------------------------------


def own_results(x, v, w):
    """Expressions whose values could share memory with something."""
    e = T.exp(x)
    row = v.dimshuffle("x", 0)
    return {
        "input": x,
        "view": x.T,
        "view of view": x.T[1:],
        "shared": w,
        "shared view": w.T,
        "constant": T.constant(np.ones((2, 3))),
        "constant view": T.constant(np.ones((2, 3))).T,
        "fresh": e,
        "fresh view": e.T,
        "fresh row": e[0],
        "reshaped": e.reshape((3, 2)),
        "reshaped input": x.reshape((-1,)),
        "broadcast": T.zeros_like(x) + row,
        "grad": T.grad(x.sum(), x),
        "scalar": e.sum(),
        "number": T.constant(3.0),
        "printed": theano.printing.Print("p", attrs=("shape",))(e),
    }


KEYS = sorted(own_results(T.dmatrix(), T.dvector(), shared(np.ones((2, 3)))))


@given(st.lists(st.sampled_from(KEYS), max_size=6), st.sampled_from(KEYS))
def test_results_share_memory_with_nothing(chosen, updated):
    x, v = T.dmatrix("x"), T.dvector("v")
    w = shared(np.full((2, 3), 2.0), "w")
    table = own_results(x, v, w)
    outputs = [table[key] for key in chosen]
    new = table[updated]
    updates = [(w, new)] if new.ndim == 2 and updated not in TRANSPOSED else []
    f = function([x, v], outputs, updates=updates, on_unused_input="ignore")
    a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    before = a.copy(), b.copy()
    constants = [c.value for c, _ in f.program.constants]

    first = f(a, b)
    expected = [np.array(r) for r in first]
    state = w.get_value()
    kept = [*constants, a, b, w.get_value(borrow=True)]
    for k, result in enumerate(first):
        assert type(result) is np.ndarray
        for other in [*kept, *first[:k]]:
            assert not np.shares_memory(result, other)
        result[...] = -1  # writable, and nobody else notices
    np.testing.assert_array_equal(w.get_value(), state)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])

    w.set_value(np.full((2, 3), 2.0))
    second = f(a, b)
    f(a + 1, b + 1)
    for got, want in zip(second, expected, strict=True):
        np.testing.assert_array_equal(got, want)


TRANSPOSED = {"view", "view of view", "shared view", "constant view", "fresh view", "reshaped"}


def test_a_borrowed_value_is_never_written_to():
    w = shared(np.zeros(3), "w")
    mine = np.ones(3)
    w.set_value(mine, borrow=True)
    function([], [], updates=[(w, w + 1)])()
    np.testing.assert_array_equal(mine, [1, 1, 1])
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])


def test_gradients_may_be_accumulated_in_place():
    w, i = shared(np.ones(2)), T.lscalar("i")
    batch_grad = function([i], T.grad(T.sum(w * i), w))
    total = batch_grad(0)
    for k in range(1, 4):
        total += batch_grad(k)
    np.testing.assert_array_equal(total, [6, 6])


def test_a_generic_shared_variable_passes_through():
    box = shared([1, [2]])
    x = T.dscalar("x")
    f = function([x], [x, box])
    got = f(1)[1]
    assert got == [1, [2]]
    got[1].append(3)
    assert f(1)[1] == [1, [2]]
    other = shared({"a": 1})
    function([], [], updates=[(box, other)])()
    assert box.get_value() == {"a": 1}


# -- errors during a call -------------------------------------------------------------------------


def test_an_error_names_op_operands_and_line():
    x, y = T.dmatrix("x"), T.dvector("y")
    f = function([x, y], T.dot(T.exp(x), y), name="predict")
    with pytest.raises(ShapeError) as caught:
        f(np.ones((2, 3)), np.ones(4))
    text = str(caught.value)
    assert "predict(): dot failed" in text
    assert "exp(x): float64 of shape (2, 3)" in text
    assert "y: float64 of shape (4,)" in text
    assert HERE in text
    assert "T.dot(T.exp(x), y)" in text


def test_an_error_shows_scalars_and_is_of_both_kinds():
    x, i = T.dvector("x"), T.lscalar("i")
    with pytest.raises(IndexRangeError, match=r"i: int64 of shape \(\), value 5"):
        function([x, i], x[i])(np.ones(3), 5)
    x = T.dmatrix("x")
    f = function([x], Assert("too small")(x, T.gt(x.sum(), 0)))
    with pytest.raises(ExecutionError, match="too small") as caught:
        f(np.zeros((1, 1)))
    assert isinstance(caught.value, AssertionError)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), ExecutionError)
    with config.change_flags({"numpy.seterr_all": "raise"}):
        g = function([x], 1 / x)
    with pytest.raises(FloatingPointError, match=r"true_div failed: divide by zero") as caught:
        g(np.zeros((1, 1)))
    assert isinstance(caught.value, SymgradError)


def test_numpy_warnings_as_configured():
    x = T.dscalar("x")
    with config.change_flags({"numpy.seterr_all": "None", "numpy.seterr_divide": "warn"}):
        f = function([x], 1 / x)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        f(0)
    with config.change_flags({"numpy.seterr_all": "None"}):
        g = function([x], 1 / x)
    assert "errstate" not in g.source
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        g(0)
    before = np.geterr()
    function([x], 1 / x)(0)
    assert np.geterr() == before


def test_an_error_deep_in_a_large_graph():
    x, y = T.dvector("x"), T.dvector("y")
    z = x
    for _ in range(3000):
        z = T.tanh(z)
    z = z + y
    for _ in range(3000):
        z = T.tanh(z)
    with pytest.raises(ShapeError, match=r"add failed(?s:.*)y: float64 of shape \(4,\)") as caught:
        function([x, y], z)(np.ones(3), np.ones(4))
    assert "z = z + y" in str(caught.value)
    assert len(str(caught.value)) < 2000


# -- copies -----------------------------------------------------------------------------------


def model():
    x, n = T.dvector("x"), T.dscalar("n")
    w = shared(np.zeros(2), "w")
    f = function([x, In(n, value=1.0)], {"s": (w * x).sum()}, updates=[(w, w + n)], name="step")
    return f, w


@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_have_their_own_state_shared_among_themselves(how):
    f, w = model()
    f([1, 1])
    g, v = how((f, w))
    assert v is not w
    assert g([1, 1]) == {"s": 2.0}
    np.testing.assert_array_equal(w.get_value(), [1, 1])
    np.testing.assert_array_equal(v.get_value(), [2, 2])
    assert (g.name, g([1, 1], n=3)) == ("step", {"s": 4.0})
    assert g.get_shared() == [v]
    assert g.maker.mode is f.maker.mode


def test_a_shallow_copy_shares_the_state():
    f, w = model()
    g = copy.copy(f)
    g([1, 1])
    np.testing.assert_array_equal(w.get_value(), [1, 1])
    assert g is not f


def test_a_copy_is_made_of_what_was_compiled():
    """Not of lists that changed since, nor of flags or default updates that are others now."""
    x, y = T.dscalars("x", "y")
    w, r = shared(0.0, "w"), shared(0, "r")
    inputs, updates, givens = [x, y], {w: w + x}, {}
    with config.change_flags(on_unused_input="ignore"):
        f = function(inputs, w + r, updates=updates, givens=givens)
    inputs.clear()
    updates[w] = w * 0 - 1
    givens[x] = T.constant(5.0)
    r.default_update = r + 1
    g, v = copy.deepcopy((f, w))
    g(2, 3)
    assert v.get_value() == 2


def test_a_function_of_a_deep_graph_pickles():
    x = y = T.dscalar("x")
    for _ in range(2000):
        y = y + 1
    f = pickle.loads(pickle.dumps(function([x], y, mode="FAST_COMPILE")))
    assert f(1) == 2001


# -- transactions and threads -----------------------------------------------------------------


def test_a_failing_call_changes_nothing():
    x = T.dvector("x")
    a, b = shared(np.zeros(2), "a"), shared(np.zeros(2), "b")
    f = function([x], a.sum(), updates=[(a, a + 1), (b, b + x)])
    with pytest.raises(ShapeError):
        f(np.ones(3))
    np.testing.assert_array_equal([a.get_value(), b.get_value()], np.zeros((2, 2)))
    f(np.ones(2))
    np.testing.assert_array_equal([a.get_value(), b.get_value()], np.ones((2, 2)))


INTERRUPTED = """
import ctypes, random, signal, sys, threading, time
import numpy as np, symgrad
from symgrad import shared, function
import symgrad.tensor as T

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may inherit SIG_IGN
cells = [shared(np.zeros(50), f"s{k}") for k in range(int(sys.argv[1]))]
x = T.dvector("x")
f = function([x], T.exp(x).sum(), updates=[(s, s + x + 0 * T.exp(x).sum()) for s in cells])
one = np.ones(50)
rng = random.Random(1)
main = threading.main_thread().ident
armed = False

def disturb():
    '''One interrupt each time that `armed` is set.'''
    global armed
    while True:
        time.sleep(rng.random() * 1e-3)
        if armed:
            armed = False
            if sys.argv[2] == "signal":
                signal.raise_signal(signal.SIGINT)
            else:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(main), ctypes.py_object(KeyboardInterrupt))

threading.Thread(target=disturb, daemon=True).start()
calls = caught = 0
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    try:
        armed = True
        while True:
            f(one)
            calls += 1
    except KeyboardInterrupt:
        caught += 1
    values = {float(s.get_value()[0]) for s in cells}
    assert len(values) == 1, values
before = cells[0].get_value()[0]
done = []
other = threading.Thread(target=lambda: done.append(f(one)), daemon=True)
other.start()
other.join(10)
assert done, "a lock was left behind"
assert cells[-1].get_value()[0] == before + 1
assert caught > 5, caught
print("ok", calls, caught)
"""


@pytest.mark.parametrize("how", ["signal", "async"])
@pytest.mark.parametrize("cells", [3, 40])
def test_an_interrupt_leaves_all_old_or_all_new(how, cells):
    """Ctrl-C at random moments, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(cells), how, "0.3"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.stdout.startswith("ok"), done.stderr + done.stdout


def run_together(*jobs):
    errors = []

    def guarded(job):
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    assert not errors, errors


def test_overlapping_updates_from_threads_lose_nothing_and_never_wait_for_each_other():
    a, b, c = (shared(np.zeros(100), name) for name in "abc")
    fs = [
        function([], [], updates=[(a, a + 1), (b, b + 1)]),
        function([], [], updates=[(c, c + 1), (b, b + 1)]),
        function([], [], updates=[(c, c + 1), (a, a + 1)]),
        function([], [], updates=[(b, b + 1), (c, c + 1), (a, a + 1)]),
    ]
    count = 300
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_together(*[lambda f=f: [f() for _ in range(count)] for f in fs])
    finally:
        sys.setswitchinterval(old)
    for cell in (a, b, c):
        np.testing.assert_array_equal(cell.get_value(), np.full(100, 3.0 * count))


def test_readers_see_one_consistent_set():
    cells = [shared(np.zeros(2), f"s{k}") for k in range(25)]
    write = function([], [], updates=[(s, s + 1) for s in cells])
    read = function([], cells)
    seen = set()
    stop = threading.Event()

    def writer():
        for _ in range(400):
            write()
        stop.set()

    def reader():
        while not stop.is_set():
            seen.add(len({float(np.ravel(v)[0]) for v in read()}))

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_together(writer, reader, reader)
    finally:
        sys.setswitchinterval(old)
    assert seen == {1}


def test_set_value_waits_for_a_running_update():
    w = shared(np.zeros(2), "w")
    inside, go = threading.Event(), threading.Event()

    x = T.dvector("x")
    f = function([x], [], updates=[(w, w + x)])
    run = f._run

    def slowly(*args):
        with w.cell.lock:
            inside.set()
            assert go.wait(10)
            return run(*args)

    f._run = slowly
    order = []
    caller = threading.Thread(target=lambda: (f(np.ones(2)), order.append("call")))
    caller.start()
    assert inside.wait(10)
    setter = threading.Thread(target=lambda: (w.set_value(np.full(2, 9.0)), order.append("set")))
    setter.start()
    setter.join(0.05)
    assert setter.is_alive()
    go.set()
    caller.join(10)
    setter.join(10)
    np.testing.assert_array_equal(w.get_value(), [9, 9])


def test_an_interrupt_handler_is_still_the_users():
    code = """
import signal
before = signal.getsignal(signal.SIGINT)
import symgrad, symgrad.tensor as T
x = T.dscalar()
symgrad.function([x], x + 1)(1.0)
assert signal.getsignal(signal.SIGINT) is before
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
