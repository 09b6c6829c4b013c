"""The fuzzer: a few programs of fixed seeds, and that it notices what is wrong."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.compile.call import Function
from symgrad.graph.walk import toposort
from symgrad.ops.op import REGISTRY
from tests.fuzz.cases import Case, Refused
from tests.fuzz.comparison import unexplained
from tests.fuzz.differences import COMPARED, KINK, check_differences
from tests.fuzz.generate import GRAD, generate
from tests.fuzz.mutants import MUTANTS, ROOT
from tests.fuzz.program import Leaf, Program, Step
from tests.fuzz.runners import check
from tests.fuzz.shrink import shrunk
from tests.fuzz.stepwise import not_explained, rows_without_a_label
from tests.fuzz.table import ROWS
from tests.fuzz.values import Value, text
from tests.fuzz.work import way_of


@pytest.mark.parametrize("first", range(1000, 1200, 25))
def test_random_programs_agree(first):
    for seed in range(first, first + 25):
        program = generate(seed)
        failure = check(program, way_of(seed))
        assert failure is None, f"{failure.kind}\n{program.python()}\n{failure.text}"


WITHOUT_A_SLOPE = ("gammainc", "gammaincc", "chi2sf", "eig", "lstsq")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_row_is_used_and_agrees(name):
    counts = Counter()
    for seed in range(1):
        program = generate(seed, (name,), large=False)
        failure = check(program, "pickle", counts)
        assert failure is None, f"{failure.kind}\n{program.python()}\n{failure.text}"
    refused = [key for key in counts if key.startswith("refused")]
    assert not refused or name in WITHOUT_A_SLOPE


def test_the_command_runs_programs_and_counts_them():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--programs", "12", "--seed", "7", "--jobs", "2"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 programs" in done.stdout
    assert "no difference" in done.stdout


def test_each_mutant_finds_the_place_that_it_breaks():
    for mutant in MUTANTS:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, mutant.name
        assert all((ROOT / path).exists() for path in mutant.tests), mutant.name


# Made by rewriting alone, by rows that have settings for it, or for people and files.
NOT_IN_ROWS = set(
    """DistinctValues Load PrintValue RepeatIndices ScaleRows ShapePart UndefinedGrad iv jv
    log1p_by_log log1p_of_fraction slope_by_exp slope_of_sigmoid CofactorSlope NotNegative
    log_cosh log_half_erfc log_mixture log_twice_sigmoid slope_of_tanh times_or_zero weighted Map
    Rebroadcast Recurrence exp_of_product""".split()
)


def test_each_operation_is_in_a_program():
    missing = set(REGISTRY) - NOT_IN_ROWS
    programs = [(seed, ()) for seed in range(150)]
    programs += [(seed, (name,)) for name in ROWS for seed in range(1, 6)]
    for seed, names in programs:
        if missing:
            missing -= operations(generate(seed, names, large=False))
    assert not missing


def operations(program):
    try:
        with symgrad.config.change_flags(floatX=program.floatx):
            f = Case(program).compile()
    except (Refused, symgrad.SymgradError):
        return set()  # a gradient that there is not
    roots = [*f.recipe.results, *(new for _, new in f.recipe.updates)]
    nodes = [n for n in toposort([*roots, *(step.node for step in f.program.steps)]) if n.op]
    return {getattr(n.op, "_name", type(n.op).__name__) for n in nodes}


def test_a_program_is_the_same_whenever_it_is_made():
    assert generate(5).python() == generate(5).python()


def test_programs_can_be_pasted(capsys):
    for seed in range(20):
        exec(generate(seed).python(), {})
    assert capsys.readouterr().out.count("array") >= 20


@pytest.mark.parametrize("layout", ["fortran", "strided", "backwards", "transposed", "readonly"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int8", "bool"])
def test_the_text_of_a_value_makes_it(layout, dtype):
    array = np.array([[1.5, 0.1], [-0.0, 7.0]]).astype(dtype)
    made = eval(text(Value(array, layout)), {"np": np, "nan": np.nan, "inf": np.inf})
    np.testing.assert_array_equal(made, array)
    assert made.dtype == array.dtype


def wrong_tanh(monkeypatch):
    op = REGISTRY["tanh"]
    monkeypatch.setattr(op, "ufunc", np.sin)


def test_a_wrong_operation_is_noticed_and_shrunk(monkeypatch):
    wrong_tanh(monkeypatch)
    failing = None
    for seed in range(3000):
        program = generate(seed, large=False)
        rows = [s.row.name for s in program.steps]
        if "tanh" in rows and len(rows) > 3 and check(program, "threads"):
            failing = program
            break
    assert failing is not None
    kind = check(failing, "threads").kind

    def fails(p):
        found = check(p, "threads")
        return found is not None and found.kind == kind

    small = shrunk(failing, fails)
    assert [s.row.name for s in small.steps] == ["tanh"]
    assert len(small.python().splitlines()) <= 8


def test_rounding_is_no_difference_but_a_wrong_digit_is():
    exact = np.array([1.0, 1e-9], np.longdouble)
    noisy = [exact.astype(float) * (1 + k * 1e-16) for k in (-1, 1)]
    assert not unexplained(np.array([1 + 1e-15, 1e-9]), exact, noisy).any()
    assert unexplained(np.array([1 + 1e-12, np.nan]), exact, noisy).all()
    infinite = np.array([complex(-np.inf, 1)])  # its finite part is compared alone
    assert not unexplained(np.array([complex(-np.inf, 1 + 1e-15)]), infinite, []).any()
    assert unexplained(np.array([complex(-np.inf, 1.1)]), infinite, []).all()
    assert unexplained(np.array([complex(np.inf, 1)]), infinite, []).all()
    assert unexplained(np.array([np.inf]), np.array([5.0]), []).all()
    assert unexplained(np.array([np.inf]), np.array([-np.inf]), []).all()


def test_an_input_that_is_overwritten_is_noticed(monkeypatch):
    leaf = Leaf("x0", "input", Value(np.array([1.0, 2.0])), (False,))
    step = Step("v0", ROWS["exp"], ("x0",), "T.exp(A)", "np.exp(A)")
    program = Program((leaf,), (step,), ("v0",))
    assert check(program, "threads") is None
    call = Function.__call__

    def spoiled(self, *args):
        result = call(self, *args)
        args[0][0] = np.nextafter(args[0][0], 7.0)
        return result

    monkeypatch.setattr(Function, "__call__", spoiled)
    assert check(program, "threads").kind in ("mutated", "bits: again")


def program_of(values, *rows):
    """A program of leaves x0, x1, … and steps v0, v1, …: a row each and its arguments."""
    leaves = tuple(
        Leaf(f"x{k}", "input", Value(np.array(value)), (False,) * np.ndim(value))
        for k, value in enumerate(values)
    )
    steps = []
    for k, (name, *args) in enumerate(rows):
        row = GRAD if name == "grad" else ROWS[name]
        text, reference = (t and t.replace("{c}", "0.1") for t in (row.text, row.reference))
        steps.append(Step(f"v{k}", row, tuple(args), text, reference))
    return Program(leaves, tuple(steps), (steps[-1].name,))


def test_what_rounding_decides_follows_from_what_was_found():
    x = np.array([3.0, 0.7, 5.0])
    near = np.nextafter(x * 0.1, 9) + np.array([0, 0, 9])
    steps = ("mul_number", "x0"), ("gt", "x1", "v0"), ("gt", "x0", "x1")
    case = Case(program_of([x, near], *steps))
    right = case.call(case.compile())[0]
    for nodes in (False, True):
        assert not np.any(not_explained(case, "v2", right, nodes))
        np.testing.assert_array_equal(not_explained(case, "v2", ~right, nodes), [True] * 3)
        other = np.array([True, False, False])
        assert not_explained(case, "v1", other, nodes).tolist() == [False, False, True]


def slopes(values, *rows):
    counts = Counter()
    assert check_differences(program_of(values, *rows), counts) is None
    return set(counts)


def test_differences_tell_nothing_of_what_jumps_between_them():
    x = np.array([0.3, 1.7])
    for row in ("mod", "int_div"):
        steps = (row, "x0", "x1"), ("grad", "v0", "x1")
        assert slopes([x, np.array([2.0, -0.4])], *steps) == {COMPARED}
        for small in (3e-7, 1e-5, -2e-5):
            assert slopes([x, np.array([2.0, small])], *steps) == {KINK}
    for row in ("floor", "trunc"):
        assert slopes([x], (row, "x0"), ("grad", "v0", "x0")) == {COMPARED}
        assert slopes([np.array([1.0, 2.0])], (row, "x0"), ("grad", "v0", "x0")) == {KINK}


def test_differences_tell_nothing_where_a_length_changes_between_them():
    steps = ("unique", "x0"), ("grad", "v0", "x0")
    assert slopes([np.array([1.0, 2.0])], *steps) == {COMPARED}
    assert slopes([np.array([1.0, 1.0])], *steps) == {KINK}


def test_only_rows_without_a_label_hold_nan_without_a_slope():
    z = np.array([[1.0, 2.0], [np.nan, 0.0]])
    steps = ("nll", "x0", "x1"), ("grad", "v0", "x0")
    assert rows_without_a_label(Case(program_of([z, [1]], *steps)))
    assert not rows_without_a_label(Case(program_of([z, [1, 0]], *steps)))
    assert check(program_of([z, [1]], *steps), "pickle") is None
