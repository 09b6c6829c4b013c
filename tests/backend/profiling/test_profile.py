"""Profiles: measured times add up, bytes and operations are exact, tables say what they should."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import symgrad.tensor as T
from symgrad import (
    GraphTypeError,
    ProfileStats,
    ShapeError,
    compile as symgrad_compile,
    config,
    function,
    grad,
    shared,
)
from symgrad.backend.profiling import profile as module, profiled, timing
from symgrad.backend.profiling.profile_text import _columns, _rate, _size, _time
from symgrad.graph.meant import purpose
from symgrad.graph.types import TensorType, TupleType
from symgrad.ops.linalg.gemm import Gemm
from symgrad.ops.nnet.softmax import LogSumExp, Softmax
from symgrad.ops.op import REGISTRY, Spec, projections

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).name


def quiet(**settings):
    """A profile that prints nothing when the tests end."""
    return ProfileStats(atexit_print=False, **settings)


def trained(profile, floatX="float64"):
    """A step of logistic regression."""
    x, y = T.matrix("x", dtype=floatX), T.ivector("y")
    W = shared(np.zeros((7, 3), floatX), name="W")
    p = T.nnet.softmax(T.dot(x, W))
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    rate = np.asarray(0.5, floatX)
    return function([x, y], cost, updates=[(W, W - rate * grad(cost, W))], profile=profile), W


def chained(profile):
    """Enough elementwise work for a chain."""
    x = T.fvector("x")
    return function([x], T.tanh(x * 2 + 1) * T.exp(-x), profile=profile)


def figures(stats):
    """Of each operation the calls, bytes and floating-point operations."""
    groups = stats.by_op()
    return {g.key: (g.calls, g.bytes_read, g.bytes_written, g.flops) for g in groups}


# -- whether and how -----------------------------------------------------------------------------


def test_without_a_profile_the_source_reads_no_clock():
    x = T.dvector("x")
    plain = function([x], T.exp(x).sum(), profile=False)
    assert plain.profile is None
    assert "clock" not in plain.source
    assert type(plain) is symgrad_compile.Function
    timed = function([x], T.exp(x).sum(), profile=quiet())
    kept = [line for line in timed.source.split("\n") if "clock" not in line]
    assert len(kept) < len(timed.source.split("\n"))


@pytest.mark.parametrize("on", [False, True])
def test_what_is_not_said_is_what_config_says(on):
    x = T.dvector("x")
    with config.change_flags(profile=on):
        assert (function([x], x * 2).profile is not None) is on
        assert function([x], x * 2, profile=False).profile is None
        assert function([x], x * 2, profile=True).profile is not None


def test_a_title_or_an_object_is_taken_and_nonsense_refused():
    x = T.dvector("x")
    assert function([x], x * 2, profile="doubling").profile.message == "doubling"
    times = quiet()
    assert function([x], x * 2, profile=times).profile is times
    with pytest.raises(GraphTypeError, match="profile must be True, False, None"):
        function([x], x * 2, profile=[1])


def test_theanos_names():
    assert symgrad_compile.ProfileStats is ProfileStats
    assert symgrad_compile.profiling.ProfileStats is ProfileStats
    stats = ProfileStats(False, flag_time_thunks=True, gpu_checks=False)
    f, _ = trained(stats)
    f(np.ones((5, 7)), [0] * 5)
    assert stats.fct_callcount == 1
    assert 0 < stats.vm_call_time < stats.fct_call_time
    assert 0 < stats.optimizer_time < stats.compile_time
    assert stats.linker_time == pytest.approx(stats.compile_time - stats.optimizer_time)
    assert sum(stats.op_time().values()) == pytest.approx(stats.vm_call_time)
    assert sum(stats.apply_time.values()) == pytest.approx(stats.vm_call_time)
    assert set(stats.apply_callcount) == {step.node for step in f.program.steps}
    assert set(stats.op_callcount()) == {purpose(step.node) for step in f.program.steps}
    assert all(count > 0 for count in stats.op_flops().values())


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_results_and_updates_are_the_same(floatX):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(20, 7)).astype(floatX), rng.integers(0, 3, 20).astype("int32")
    (plain, W), (timed, V) = trained(False, floatX), trained(quiet(), floatX)
    for _ in range(3):
        np.testing.assert_array_equal(plain(*data), timed(*data))
        np.testing.assert_array_equal(W.get_value(), V.get_value())


# -- sums ----------------------------------------------------------------------------------------


def test_parts_add_up_to_the_time_in_calls():
    f, _ = trained(quiet())
    for _ in range(50):
        f(np.ones((40, 7)), [1] * 40)
    stats = f.profile
    assert stats.fct_callcount == 50
    assert all(step.calls == 50 and step.time > 0 for step in stats.steps)
    assert sum(step.time for step in stats.steps) == pytest.approx(stats.vm_call_time)
    for groups in (stats.by_op(), stats.by_line()):
        assert sum(group.time for group in groups) == pytest.approx(stats.vm_call_time)
        assert [g.time for g in groups] == sorted([g.time for g in groups], reverse=True)
    outside = stats.outside()
    assert min(outside.values()) >= 0
    assert sum(outside.values()) + stats.vm_call_time == pytest.approx(stats.fct_call_time)
    assert 0 < stats.overhead < stats.fct_call_time


def test_a_slow_step_is_found(monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(timing, "perf_counter", lambda: float(next(ticks)))
    f, _ = trained(quiet())
    f(np.ones((4, 7)), [0] * 4)
    assert {step.time for step in f.profile.steps} == {1.0}
    assert f.profile.outside()["checking inputs"] == 1.0


def test_many_calls_are_added_up_on_the_way(monkeypatch):
    monkeypatch.setattr(timing, "_READINGS", 50)
    f, _ = trained(quiet())
    for _ in range(40):
        f(np.ones((4, 7)), [0] * 4)
    assert len(f._timing._rows) < 5
    assert f.profile.fct_callcount == 40
    assert {step.calls for step in f.profile.steps} == {40}


def test_reset_forgets_calls_and_goes_on():
    f, _ = trained(quiet())
    f(np.ones((4, 7)), [0] * 4)
    f.profile.reset()
    assert f.profile.fct_callcount == 0
    assert f.profile.vm_call_time == 0
    f(np.ones((4, 7)), [0] * 4)
    assert {step.calls for step in f.profile.steps} == {1}
    assert f.profile.vm_call_time > 0


# -- bytes and operations ------------------------------------------------------------------------


def test_bytes_and_operations_of_known_shapes():
    x, w = T.fmatrix("x"), T.fmatrix("w")
    f = function([x, w], [T.dot(x, w), T.exp(x), x.sum(axis=0), x.T], profile=quiet())
    f(np.ones((5, 7), "float32"), np.ones((7, 3), "float32"))
    found = figures(f.profile)
    assert found["dot"] == (1, 4 * (35 + 21), 4 * 15, 2 * 5 * 3 * 7)
    assert found["exp"] == (1, 4 * 35, 4 * 35, 35)
    assert found["sum"] == (1, 4 * 35, 4 * 7, 35)
    assert found["dim_shuffle"] == (1, 0, 0, None)


def test_every_set_of_shapes_counts():
    x = T.dmatrix("x")
    f = function([x], T.dot(x, x.T), profile=quiet())
    shapes = [(2, 3), (4, 5), (2, 3), (0, 3)]
    for shape in shapes:
        f(np.ones(shape))
    want = sum(2 * n * n * k for n, k in shapes)
    assert figures(f.profile)["dot"][3] == want
    assert "There were 3 sets of shapes" in str(f.profile)


def test_sets_of_shapes_beyond_those_remembered_count_too(monkeypatch):
    monkeypatch.setattr(timing, "_SETS", 3)
    x = T.dmatrix("x")
    f = function([x], T.dot(x, x.T), profile=quiet())
    for n in (*range(20), *range(20)):
        f(np.ones((n, 2)))
    assert figures(f.profile)["dot"] == (
        40,
        2 * sum(8 * 4 * n for n in range(20)),
        2 * sum(8 * n * n for n in range(20)),
        2 * sum(4 * n * n for n in range(20)),
    )


def test_shapes_that_depend_on_values():
    x = T.dvector("x")
    positive = x[(x > 0).nonzero()]
    f = function([x], T.exp(positive) * 2, profile=quiet())
    for v in ([1.0, -1.0, 2.0], [-1.0], [1.0]):
        f(v)
    calls, read, written, flops = figures(f.profile)["exp"]
    assert (calls, read, written, flops) == (3, 8 * 3, 8 * 3, 3)


def test_a_gather_reads_what_it_takes():
    table, index = shared(np.ones((1000, 4))), T.lvector("index")
    f = function([index], table[index], profile=quiet())
    f([3, 5, 7])
    assert figures(f.profile)["index"] == (1, 8 * 3 * 4 + 8 * 3, 8 * 3 * 4, None)
    f = function([index], table[1:3], profile=quiet(), on_unused_input="ignore")
    f([0])
    assert figures(f.profile)["index"][1:3] == (0, 0)


@pytest.mark.parametrize("key", ["slice", "rows"])
def test_changing_a_part_moves_that_part_only(key):
    table, rows, index = shared(np.zeros((1000, 4))), T.dmatrix("rows"), T.lvector("index")
    part = (lambda x: x[2:4]) if key == "slice" else (lambda x: x[index])
    new = T.inc_subtensor(part(table), rows)
    f = function([rows, index], updates=[(table, new)], profile=quiet(), on_unused_input="ignore")
    within = T.inc_subtensor(part(T.exp(table)), rows).sum()
    g = function([rows, index], within, profile=quiet(), on_unused_input="ignore")
    whole = T.inc_subtensor(part(table), rows)
    h = function([rows, index], whole, profile=quiet(), on_unused_input="ignore")
    for made in (f, g, h):
        made(np.ones((2, 4)), [0, 1])
    indexed = 8 * 2 if key == "rows" else 0
    for made in (f, g):
        assert figures(made.profile)["inc_subtensor"] == (1, 8 * 8 + indexed, 8 * 8, None)
    assert figures(h.profile)["inc_subtensor"][1:3] == (8 * 4008 + indexed, 8 * 4000)


def test_integers_are_no_floating_point_operations():
    x = T.lvector("x")
    f = function([x], x * x + 1, profile=quiet())
    f([1, 2, 3])
    assert {step.flops for step in f.profile.steps} == {None}
    assert figures(f.profile)["mul"][2] == 8 * 3


@pytest.mark.parametrize(
    ("op", "out", "inputs", "flops"),
    [
        (Gemm("plain"), (4, 5), [(4, 5), (), (4, 6), (6, 5)], 4 * 5 * (2 * 6 + 2)),
        (Gemm("scaled"), (4, 5), [(4, 5), (), (), (4, 6), (6, 5)], 4 * 5 * (2 * 6 + 3)),
        (Gemm("decayed"), (4, 5), [(4, 5), (), (), (4, 6), (6, 5)], 4 * 5 * (2 * 6 + 4)),
        (Softmax((1,)), (4, 5), [(4, 5)], 5 * 20),
        (LogSumExp((1,), False), (4,), [(4, 5)], 4 * 20),
    ],
)
def test_operations_of_composites(op, out, inputs, flops):
    assert op.flops(Spec(out, "float64"), *[Spec(s, "float64") for s in inputs]) == flops


@pytest.mark.parametrize(
    ("build", "flops"),
    [
        (lambda a, b: T.tensordot(a, b, [[2, 1], [1, 2]]), 2 * 2 * 2 * 3 * 4),
        (lambda a, b: T.batched_dot(a, b), 2 * 2 * 3 * 3 * 4),
        (lambda a, b: a.cumsum(axis=1), 24),
        (lambda a, b: T.nlinalg.matrix_inverse(T.dot(b[0].T, b[0]) + T.eye(3)), None),
    ],
)
def test_operations_of_products(build, flops):
    a, b = T.dtensor3("a"), T.dtensor3("b")
    f = function([a, b], build(a, b), profile=quiet(), on_unused_input="ignore")
    f(np.ones((2, 3, 4)), np.ones((2, 4, 3)))
    known = [step.flops for step in f.profile.steps if step.flops]
    if flops is None:
        assert figures(f.profile)["matrix_inverse"][3] == 2 * 3**3
    else:
        assert known == [flops]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_operation_can_be_profiled(name):
    rng = np.random.default_rng(1)
    stats = quiet()
    calls = 0
    for example in REGISTRY[name].examples():
        inputs = [
            TensorType(arg.dtype, (None,) * np.ndim(np.zeros(arg.shape)))()
            if arg.exact is None
            else TensorType(arg.dtype, (None,) * np.ndim(arg.exact))()
            for arg in example.args
        ]
        node = example.op.make(*inputs)
        results = projections(node) if isinstance(node.type, TupleType) else [node]
        values = [
            rng.uniform(arg.low, arg.high, arg.shape).astype(arg.dtype)
            if arg.exact is None
            else np.array(arg.exact, arg.dtype)
            for arg in example.args
        ]
        want = function(inputs, results, on_unused_input="ignore")(*values)
        got = function(inputs, results, on_unused_input="ignore", profile=stats)(*values)
        for a, b in zip(want, got, strict=True):
            np.testing.assert_array_equal(a, b)
        calls += 1
    assert stats.fct_callcount == calls
    for step in stats.steps:
        assert min(step.bytes_read, step.bytes_written) >= 0
        assert step.flops is None or step.flops >= 0
    assert not calls or "By operation" in str(stats)


# -- chains --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1000, 500_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_time_of_a_chain_is_divided_among_its_steps(size, threads):
    with config.change_flags(threads=threads):
        f = chained(quiet())
        v = np.linspace(-1, 1, size).astype("float32")
        for _ in range(3):
            np.testing.assert_allclose(f(v), np.tanh(v * 2 + 1) * np.exp(-v), 1e-5)
    steps = [step for step in f.profile.steps if step.chain]
    assert len(steps) >= 4
    assert all(step.time > 0 and step.calls == 3 for step in steps)
    assert sum(step.time for step in steps) <= f.profile.fct_call_time
    assert {step.flops for step in steps} == {3 * size}


def test_only_the_last_blocks_of_a_very_long_chain_are_kept(monkeypatch):
    monkeypatch.setattr(timing, "_BLOCKS", 100)
    f = chained(quiet())
    f(np.ones(1_000_000, "float32"))
    assert all(len(blocks) <= 25 for blocks in f._timing._blocks.values())
    assert sum(step.time for step in f.profile.steps) == pytest.approx(f.profile.vm_call_time)


def test_calls_on_threads_are_all_counted(monkeypatch):
    monkeypatch.setattr(timing, "_READINGS", 100)
    f = chained(quiet())
    v = np.ones(2000, "float32")

    def run():
        for _ in range(50):
            f(v)

    workers = [threading.Thread(target=run) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(20):
        str(f.profile)
    for worker in workers:
        worker.join()
    assert f.profile.fct_callcount == 200
    assert {step.calls for step in f.profile.steps} == {200}
    assert {step.flops for step in f.profile.steps} == {200 * 2000}


# -- lines and errors ----------------------------------------------------------------------------


def test_steps_belong_to_the_users_lines():
    f, _ = trained(quiet())
    f(np.ones((300, 7)), [0] * 300)
    lines = {group.key for group in f.profile.by_line()}
    assert {Path(file).name for file, _ in lines} == {HERE}
    source = Path(__file__).read_text("utf-8").split("\n")
    texts = {source[line - 1].strip() for _, line in lines}
    assert "p = T.nnet.softmax(T.dot(x, W))" in texts
    assert any("updates=" in text for text in texts)


def test_an_error_is_explained_by_line_and_its_call_left_out():
    x, y = T.dvector("x"), T.dvector("y")
    total = (x * 2).sum()
    f = function([x, y], total + x * y, profile=quiet(), name="f")
    f([1.0, 2.0], [3.0, 4.0])
    with pytest.raises(ShapeError, match=HERE):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(GraphTypeError):
        f(1.0, "no")
    assert f.profile.fct_callcount == 1
    assert {step.calls for step in f.profile.steps} == {1}
    assert "2 calls raised an error; they are left out." in str(f.profile)
    np.testing.assert_array_equal(f([1.0, 2.0], [3.0, 4.0]), [9.0, 14.0])


def test_an_error_inside_a_chain_is_explained():
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = function([x, y], T.tanh(x * 2 + y) * T.exp(x), profile=quiet())
    with pytest.raises(ShapeError, match=HERE):
        f(np.ones((2, 3)), np.ones((2, 4)))


def test_trusted_input_goes_on_measuring():
    f, _ = trained(quiet())
    data = np.ones((4, 7)), np.zeros(4, "int32")
    f(*data)
    f.trust_input = True
    f(*data)
    assert f.profile.fct_callcount == 2
    assert {step.calls for step in f.profile.steps} == {2}


def test_names_of_the_user_are_no_obstacle():
    names = "clock note sizes at_0 at_1 size_0 note_chain".split()
    inputs = [T.dvector(name) for name in names]
    f = function(inputs, T.tanh(sum(inputs, inputs[0])) * 2, profile=quiet())
    np.testing.assert_allclose(f(*[np.ones(3)] * 7), np.tanh(8 * np.ones(3)) * 2)


@pytest.mark.parametrize("count", [0, 20])
def test_functions_without_steps_or_with_many_locks(count):
    x = T.dscalar("x")
    states = [shared(0.0) for _ in range(count)]
    f = function([x], x, updates=[(s, s + x) for s in states], profile=quiet())
    assert f(2.0) == 2.0
    assert f.profile.fct_callcount == 1
    assert all(s.get_value() == 2.0 for s in states)
    assert "1 call" in str(f.profile)


# -- several functions, copies -------------------------------------------------------------------


def test_functions_that_share_a_profile_are_added_up():
    stats = quiet(message="both")
    x = T.dvector("x")
    f = function([x], T.exp(x), profile=stats, name="first")
    g = function([x], T.exp(x) + T.log(x), profile=stats, name="second")
    for _ in range(3):
        f([1.0, 2.0])
    g([1.0])
    assert stats.fct_callcount == 4
    assert figures(stats)["exp"][0] == 4
    assert figures(stats)["log"][0] == 1
    assert {step.function for step in stats.steps} == {"first", "second"}
    text = str(stats)
    assert text.startswith("Profile of both\n4 calls")
    by_function = text.split("By function")[1].split("\n\n")[0]
    assert {line.split()[-1] for line in by_function.split("\n")[2:]} == {"first", "second"}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_measure_on_their_own(copied):
    for profile in (True, quiet()):
        f, _ = trained(profile)
        f(np.ones((4, 7)), [0] * 4)
        again = copied(f)
        assert again.profile is not f.profile
        assert again.profile.fct_callcount == 0
        again(np.ones((4, 7)), [0] * 4)
        assert (f.profile.fct_callcount, again.profile.fct_callcount) == (1, 1)
        str(f.profile), str(again.profile)  # looked at: nothing to print at exit


def test_a_function_that_is_gone_leaves_figures_but_no_scratch_memory():
    stats = quiet()
    f = chained(stats)
    f(np.ones(5000, "float32"))
    memory = f._compiled.memory
    assert memory.kept
    del f
    assert not memory.kept
    assert stats.fct_callcount == 1
    assert "tanh" in str(stats)


# -- text ----------------------------------------------------------------------------------------


def test_tables_are_ascii_and_narrow():
    x = T.dmatrix("θ" * 60)
    f = function([x], T.tanh(T.dot(x, x.T) * 2).sum(axis=0), profile=quiet(), name="größe")
    f(np.ones((30, 40)))
    text = str(f.profile)
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= 100
    with config.change_flags({"profiling.output_line_width": 60}):
        assert max(map(len, str(f.profile).split("\n"))) <= 60


def test_the_slowest_line_comes_first():
    x = T.dmatrix("x")
    large = T.dot(x, x.T)
    small = T.exp(x[0])
    f = function([x], [large, small], profile=quiet())
    for _ in range(3):
        f(np.ones((300, 300)))
    rows = str(f.profile).split("By line of your program")[1].split("\n")
    assert f"{HERE}:" in rows[2]
    assert rows[3].strip() == "large = T.dot(x, x.T)"
    assert float(rows[2].split()[0]) > 50


def test_how_many_rows_are_shown():
    f, _ = trained(quiet())
    f(np.ones((4, 7)), [0] * 4)
    stream = io.StringIO()
    f.profile.summary(stream, n_ops_to_print=1, n_apply_to_print=2)
    text = stream.getvalue()
    count = len(f.profile.steps)
    assert f"({count - 2} more steps)" in text
    assert f"({len(f.profile.by_op()) - 1} more operations)" in text
    with config.change_flags({"profiling.n_ops": 1, "profiling.n_apply": 2}):
        assert str(f.profile) == text.rstrip("\n")


def test_where_a_summary_goes(tmp_path, capsys):
    f, _ = trained(quiet(message="mine"))
    f(np.ones((4, 7)), [0] * 4)
    f.profile.summary()
    assert capsys.readouterr().err.startswith("Profile of mine\n")
    with config.change_flags({"profiling.destination": "stdout"}):
        f.profile.summary()
    assert capsys.readouterr().out.startswith("Profile of mine\n")
    path = tmp_path / "profile.txt"
    path.write_text("of an earlier run")
    with config.change_flags({"profiling.destination": str(path)}):
        f.profile.summary()
        f.profile.summary()
    assert path.read_text().count("Profile of mine\n") == 2
    assert "earlier" not in path.read_text()
    assert capsys.readouterr() == ("", "")


def test_memory_is_shown_where_that_is_asked():
    x = T.dmatrix("x")
    f = function([x], T.dot(x, x.T).sum(), profile=quiet(), name="f")
    f(np.ones((100, 2)))
    assert "Memory of f" not in str(f.profile)
    with config.change_flags(profile_memory=True):
        text = str(f.profile).split("Memory of f")[1]
    assert f"{f.plan.memory(np.ones((100, 2))).peak:,} bytes" in text
    assert "80,000 bytes" in text.split("peak")[1]
    with config.change_flags({"profile_memory": True, "profiling.min_memory_size": 80_001}):
        assert "80,000 bytes" not in str(f.profile).split("peak")[1]


def test_before_the_first_call():
    f, _ = trained(quiet())
    assert "No call returned yet." in str(f.profile)
    assert f.profile.vm_call_time == f.profile.overhead == 0


def test_pieces_of_text():
    assert [_time(t) for t in (0, 5e-9, 1.5e-6, 0.99951e-3, 0.25, 12345)] == (
        ["0 ns", "5 ns", "1.50 us", "1.00 ms", "250 ms", "12345 s"]
    )
    assert [_rate(*pair) for pair in ((None, 1), (0, 1), (1, 0), (25e9, 2))] == (
        ["-", "-", "-", "12.5"]
    )
    assert [_size(n) for n in (0, 12, 999, 1000, 2.5e6, 3e15)] == (
        ["-", "12 B", "999 B", "1 kB", "2.5 MB", "3e+03 TB"]
    )
    assert _columns([("a" * 30, "b", "c"), ("d", "e", "f")], 26) == [
        "aaaaaaaaaaaaaaaaa...  b  c",
        "d                     e  f",
    ]


def test_the_documents_show_the_tables_as_they_are():
    page = (ROOT / "docs" / "profile.md").read_text("utf-8").split("\n")
    f, _ = trained(quiet())
    f(np.ones((4, 7)), [0] * 4)
    text = str(f.profile).split("\n")
    assert next(line for line in text if "a call " in line and "line" in line) in page
    outside = [line[21:] for line in text if line[7:10] == " % "]
    assert len(outside) == 6
    assert outside == [line[21:] for line in page if line[7:10] == " % "]


# -- when Python ends ----------------------------------------------------------------------------

PROGRAM = """
import symgrad as theano, symgrad.tensor as T
def main():
    x = T.dvector("x")
    f = theano.function([x], T.exp(x).sum(), name="f")
    g = theano.function([x], T.exp(x) * 2, name="g", profile=True)
    h = theano.function([x], x * 3, name="never_called")
    for _ in range(5):
        f([1.0, 2.0])
    g([1.0])
    {more}
main()
"""


def ended(more="pass", **environment):
    """What a program prints to stderr, and nothing else, with these variables."""
    keep = {k: v for k, v in os.environ.items() if not k.endswith("_FLAGS")}
    code = PROGRAM.replace("{more}", more)
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=keep | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stderr


def test_at_exit_every_called_function_is_shown_and_all_together():
    text = ended(SYMGRAD_FLAGS="profile=True")
    heads = [line for line in text.split("\n") if line.startswith("Profile of")]
    assert heads == ["Profile of f", "Profile of g", "Profile of all 2 profiles together"]
    assert "5 calls" in text
    assert "6 calls" in text
    assert ended(THEANO_FLAGS="profile=True").count("Profile of") == 3


def test_at_exit_what_was_looked_at_is_not_repeated():
    assert ended().count("Profile of") == 1
    assert ended("str(g.profile)") == ""
    assert ended("str(g.profile); g([1.0])").count("Profile of g\n2 calls") == 1


def test_at_exit_a_file_takes_all(tmp_path):
    path = tmp_path / "all.txt"
    assert ended(SYMGRAD_FLAGS=f"profile=True,profiling.destination={path}") == ""
    assert path.read_text().count("Profile of") == 3


# -- functions that are gone ---------------------------------------------------------------------


def test_a_profile_outlives_its_function_as_numbers():
    stats = quiet()
    large = np.ones(100_000)
    x = T.dvector("x")
    f = function([x], (x * T.constant(large)).sum(), name="f", profile=stats)
    f(large)
    before = str(stats)
    held = weakref.ref(f)
    del f
    gc.collect()
    assert held() is None
    assert str(stats) == before
    assert stats.fct_callcount == 1
    stats.reset()
    assert stats.fct_callcount == 0


def test_profiled_functions_are_freed():
    tracemalloc.start()
    try:
        for _ in range(30):
            value = np.ones(500_000)
            w = shared(value, "w", borrow=True)
            x = T.dvector("x")
            f = function([x], (w * T.constant(value + 1) + x).sum(), profile=True)
            f(value)
            f.profile._shown = f.profile.fct_callcount  # nothing to print at the end
        del f, w, value
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 10 << 20


def counted(stats):
    """What adds up, of all groups by operation."""
    return {g.key: (g.calls, g.bytes_read, g.bytes_written, g.flops) for g in stats.by_op()}


def test_many_functions_that_are_gone_are_added_up(monkeypatch):
    monkeypatch.setattr(profiled, "_MOST", 20)
    gone, held, functions = quiet(), quiet(), []
    rng = np.random.default_rng(0)
    for k in range(100):
        x = T.dvector(f"x{k}")
        out = T.exp(x * k).sum() if k % 2 else T.hessian((x**3).sum(), x)
        value = np.ones(rng.integers(1, 50))
        for stats in (gone, held):
            functions.append(function([x], out, profile=stats))
            functions[-1](value)
        del functions[-2]
    gc.collect()
    remaining = [timing for timing in gone.timings if isinstance(timing, profiled.Past)]
    assert len(remaining) <= module._APART
    assert sum(timing.functions for timing in gone.timings) == len(held.timings) == 100
    assert gone.fct_callcount == held.fct_callcount == 100
    sums, want = counted(gone), counted(held)
    assert sum(s[1] for s in sums.values()) == sum(s[1] for s in want.values())
    assert sum(s[0] for s in sums.values()) == sum(s[0] for s in want.values())
    assert gone.vm_call_time == pytest.approx(sum(step.time for step in gone.steps))
    assert gone.vm_call_time + sum(gone.outside().values()) == pytest.approx(gone.fct_call_time)
    assert max(len(past.steps) for past in remaining) <= 21
    assert "functions that are gone" in str(gone)
    assert str(gone).startswith("Profile of 100 functions")
    assert not any(hasattr(step.op, "infer") for step in gone.steps)
    gone.reset()
    assert "No call returned yet" in str(gone)


def test_functions_made_and_dropped_on_threads_are_all_counted():
    stats = quiet()

    def work():
        for _ in range(30):
            f = function([x := T.dvector("x")], x * 2, profile=stats)
            f([1.0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert sum(timing.functions for timing in stats.timings) == stats.fct_callcount == 120
    assert all(isinstance(timing, profiled.Past) for timing in stats.timings)


def test_at_exit_very_many_profiles_are_counted():
    code = """
    for k in range(100):
        if k == 50:
            held = theano.function([x], T.exp(x), name="held", profile=True)
            held([1.0])
        else:
            theano.function([x], T.exp(x), profile=True)([1.0])
    str(g.profile)"""
    text = ended(code.strip())
    assert "Profile of all 100 profiles together\n100 calls" in text
    assert text.count("Profile of") == 11
