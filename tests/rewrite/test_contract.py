"""Every rewrite rule, held to what a rule promises, on the graphs of `graphs.py`.

What a rule makes has the dtype, the rank and the shape of what it replaces. It is no further from
the exact value, up to a few units in the last place of the largest intermediate result, and never
less finite. Where what it replaces fails, it fails alike or not at all. A new rule is tested the
moment it is registered: without a graph on which it fires, it fails.
"""

import inspect
import warnings
import zlib

import numpy as np
import pytest

import symgrad
import symgrad.tensor as T
from symgrad import ops
from symgrad.graph.types import TensorType, is_float
from symgrad.graph.walk import toposort
from symgrad.ops.families import Elementwise
from symgrad.rewrite import lowering, pipeline
from symgrad.rewrite.engine import RuleSet
from symgrad.rewrite.patterns import is_view
from tests.rewrite.exact import Unknown, as_written, exactly, mp
from tests.rewrite.graphs import PASSES, RULES

RUNS = 25  # values for each graph and dtype
ULPS = 8


def registered():
    """The names of all rules of all passes."""
    found = []
    for name in sorted(vars(pipeline)):
        rules = getattr(pipeline, name)
        if isinstance(rules, RuleSet):
            found += [r for of_op in rules._by_op.values() for r in of_op] + rules._of_any
        elif type(rules).__name__ == "LengthRules":
            found += [rule for rule, _, _ in rules.rules]
    return sorted({rule.__name__ for rule in found})


def test_every_rule_has_graphs_and_every_graph_a_rule():
    assert set(RULES) == set(registered())
    without = [p.name for p in pipeline.traced([T.dvector() * 1]) if p.name not in PASSES]
    assert without == ["stability", "simplification", "losses", "lowering"]  # these have rules


# -- inputs and values ---------------------------------------------------------------------------

DIMENSIONS = {**dict.fromkeys("vwux", 1), **dict.fromkeys("mpqr", 2), "z": 3, "s": 0, "t": 0}
DIMENSIONS |= {"i": 1, "j": 1, "n": 0, "y": 1, "c": 1}
ORDINARY = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 1e-9, -1e-9, 0.1, 17.0, -17.0]
EXTREME = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    800.0,
    -800.0,
    88.0,
    95.0,
    -95.0,
    720.0,
    -720.0,
    -1e-20,
]
LARGE = {
    "float32": [3e38, -3e38, 1e30, -1e30, 1e-45, -1e-45, 1e-40],
    "float64": [1.7e308, -1.7e308, 1e300, -1e300, 5e-324, -1e-310],
}


def inputs_of(graph, dtype):
    """A variable for each parameter; shared ones have values already."""
    found = {}
    for name in inspect.signature(graph).parameters:
        if name in "aA":
            value = np.array([1.0, -2.0, 800.0], dtype)
            found[name] = symgrad.shared(value if name == "a" else value[:, None] * value, name)
        elif name in "ijny":
            found[name] = TensorType("int64", (None,) * DIMENSIONS[name])(name)
        elif name == "c":
            found[name] = TensorType("bool", (None,))(name)
        else:
            shape = {"x": (3,), "r": (1, None)}.get(name, (None,) * DIMENSIONS[name])
            found[name] = TensorType(dtype, shape)(name)
    return found


def draw(inputs, dtype, rng, sweep=False):
    """A value for each input: of one magnitude or of many, some of the lengths 0 and 1.

    A sweep has every number that is listed, in each vector, thrice.
    """
    every = [*ORDINARY, *EXTREME, *LARGE[dtype]]
    rows, columns = rng.choice([0, 1, 2, 3, 4], 2, p=[0.1, 0.2, 0.2, 0.4, 0.1])
    kind = 4 if sweep else rng.integers(4)
    rows = 3 * len(every) if sweep else rows
    values = {}
    for name, variable in inputs.items():
        if name in "aA":
            continue
        shape = {1: (rows,), 2: (rows, columns), 3: (rows, columns, 2)}.get(variable.ndim, ())
        shape = {"x": (3,), "r": (1, columns), "p": (columns, rows)}.get(name, shape)
        shape = (min(rows, 3),) * 2 if name == "q" else shape
        if name in "vw" and not sweep and rng.random() < 0.1:
            shape = (1,)
        if name in "ijn":
            values[variable] = rng.choice([0, 1, -1, 5, 2**31, -(2**62), 2**62], shape)
        elif name == "y":
            values[variable] = rng.integers(0, max(columns, 1), shape)
        elif name == "c":
            values[variable] = rng.random(shape) < 0.5
        else:
            if kind == 0:
                drawn = rng.normal(size=shape)
            elif kind == 1:
                drawn = rng.choice(ORDINARY, shape)
            elif kind == 2:
                drawn = np.full(shape, rng.choice([*EXTREME, *LARGE[dtype]]))
            elif kind == 4 and shape == (rows,):
                drawn = np.concatenate([rng.permutation(every) for _ in range(3)])
            else:
                drawn = rng.choice(every, shape)
            values[variable] = np.array(drawn, dtype)
        values[variable] = np.asarray(values[variable])
    return values


# -- the comparison ------------------------------------------------------------------------------


EXACT = {"neg", "abs", "switch", "maximum", "minimum", "clip", "clip_between", "sgn", "relu"}


def rounds(node):
    """Whether an operation computes numbers that were not there before."""
    return node.op is not None and not is_view(node) and node.op.name not in EXACT


def computed(output, values, apart=()):
    """The value of a node, or its error; the values below it; the largest of those that round.

    That is of the nodes that are not `apart`, place by place where all work element by element.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            memo = as_written([output], values)
        except Exception as error:
            return error, {}, 0.0
    own = [node for node in memo if node not in apart and node.op is not None]
    apiece = all(isinstance(node.op, (Elementwise, ops.Cast)) for node in own)
    most = np.zeros(np.shape(memo[output]) if apiece else ())
    for node in filter(rounds, own):
        for part in memo[node] if isinstance(memo[node], tuple) else (memo[node],):
            if np.asarray(part).dtype.kind == "f":
                sizes = np.abs(np.where(np.isfinite(part), part, 0)).astype(float)
                most = np.maximum(most, sizes if apiece else sizes.max(initial=0.0))
    return memo[output], memo, most


def _nans(values, memo):
    """Where NaN is given, as far as can be told: limits at infinity may be numbers."""
    floats = [x for n, x in values.items() if n in memo and x.dtype.kind == "f"]
    if all(isinstance(n.op, Elementwise) for n in memo if n.op is not None):
        return np.isnan(sum([np.where(np.isnan(x), x, 0) for x in floats], np.zeros(())))
    return any(np.isnan(x).any() for x in floats) and not any(np.isinf(x).any() for x in floats)


def compare(before, after, values, dtype):
    """Hold what became of a node to what it was.

    What both are computed of is taken as it is, so that each rule answers for itself.
    """
    both = set(toposort([before])) & set(toposort([after])) - {before, after}
    was, memo, most = computed(before, values, both)
    now, _, most_now = computed(after, values, both)
    if isinstance(was, Exception):
        assert not isinstance(now, Exception) or type(now) is type(was), (was, now)
        return
    assert not isinstance(now, Exception), now
    assert now.dtype == was.dtype
    assert now.shape == was.shape
    if was.dtype.kind != "f":
        np.testing.assert_array_equal(now, was)
        return
    most = np.broadcast_to(np.maximum(most, most_now), was.shape)
    try:
        exact, known = (
            exactly(before, {n: memo[n] for n in both | values.keys() if n in memo}),
            True,
        )
    except Unknown:
        known = False
    limits = np.finfo(was.dtype)
    narrow = [np.dtype(n.dtype) for n in (before, *before.inputs) if is_float(n.dtype)]
    eps = max(float(np.finfo(d).eps) for d in narrow)
    step = float(limits.smallest_subnormal)
    nans = np.broadcast_to(_nans(values, memo), was.shape)
    for place in np.ndindex(was.shape):
        a, b = float(was[place]), float(now[place])
        e = mp.mpf(exact[place]) if known else mp.mpf(a)
        if not np.isfinite(b):
            assert a == b or np.isnan(a) or e == b or np.isnan(b) == mp.isnan(e), (
                f"{b!r} for {a!r}, exactly {mp.nstr(e)}"
            )
            assert not np.isnan(b) or not np.isfinite(a), "NaN for a number"
            continue
        if np.isnan(a):
            assert not (nans[place] and mp.isnan(e)), f"{b!r} for NaN"
        if mp.isnan(e):
            e = mp.mpf(a)  # 1 / 0 and kin
        if not mp.isfinite(e):
            if np.isfinite(a):
                assert abs(b - a) <= ULPS * eps * max(most[place], abs(a)), f"{b!r} for {a!r}"
            continue
        allowed = ULPS * (eps * max(most[place], abs(e)) + step)
        error = abs(mp.mpf(b) - e)
        if np.isfinite(a):
            allowed += abs(mp.mpf(a) - e)
        else:
            allowed += abs(e) * 1e-6  # what another rule makes of it is exact
        assert error <= allowed, f"{b!r} for {a!r}, exactly {mp.nstr(e, 17)}"


def cases(table):
    return [
        pytest.param(name, graph, dtype, id=f"{name}-{k}-{dtype}")
        for name, graphs in table.items()
        for k, graph in enumerate(graphs)
        for dtype in ("float32", "float64")
    ]


def traced(graph, dtype):
    inputs = inputs_of(graph, dtype)
    output = graph(*inputs.values())
    return inputs, output, pipeline.traced([output])


@pytest.fixture(autouse=True)
def _slow_functions(monkeypatch, request):
    """Rules for processors on which `log1p` and `expm1` are slow fire on all."""
    if request.node.name.split("[")[-1].startswith(("log1p_as_log", "expm1_as_tanh")):
        monkeypatch.setattr(lowering, "has_vector_log1p", lambda: False)
        monkeypatch.setattr(lowering, "has_vector_tanh", lambda: True)


# What is not looked up stays as it is even where a rate is NaN: see `rewrite/increments.py`.
SPARING = {"scaled_increments", "divided_increments", "minus_increments", "plus_increments"}
# A determinant that is 0 in one order of operations is nearly 0 in another.
REGULAR = {"log_of_det"}


def check(pairs, inputs, dtype, seed):
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    for run in range(RUNS):
        values = draw(inputs, dtype, rng, sweep=not run)
        if seed in REGULAR:
            values = {i: np.array(rng.normal(size=x.shape), dtype) for i, x in values.items()}
        if seed in SPARING and any(not np.isfinite(x).all() for x in values.values()):
            continue
        for before, after in pairs:
            try:
                compare(before, after, values, dtype)
            except AssertionError as error:
                given = {str(k): v.tolist() for k, v in values.items()}
                message = f"{before} → {after}\nwith {given}:\n{error}"
                raise AssertionError(message) from None


@pytest.mark.parametrize(("name", "graph", "dtype"), cases(RULES))
def test_a_rule_keeps_what_it_promises(name, graph, dtype):
    inputs, _, passes = traced(graph, dtype)
    fired = [f for p in passes for f in p.fired if f.rule == name]
    if not fired and dtype == "float64":  # nothing is cast there, and `log1p` is fast
        fired = [f for p in traced(graph, "float32")[2] for f in p.fired if f.rule == name]
        assert fired
        return
    assert fired, f"{name} does not fire: {[f.rule for p in passes for f in p.fired]}"
    check([(f.before, f.after) for f in fired], inputs, dtype, name)


@pytest.mark.parametrize(("name", "graph", "dtype"), cases(PASSES))
def test_a_pass_keeps_what_it_promises(name, graph, dtype):
    inputs, _, passes = traced(graph, dtype)
    (found,) = [p for p in passes if p.name == name]
    assert found.before != found.after
    check(list(zip(found.before, found.after, strict=True)), inputs, dtype, name)
