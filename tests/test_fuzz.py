"""The fuzzer: a few programs of fixed seeds, and that it notices what is wrong."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import symgrad
from symgrad.call import Function
from symgrad.graph.walk import toposort
from symgrad.ops.op import REGISTRY
from tests.fuzz.comparison import unexplained
from tests.fuzz.generate import generate
from tests.fuzz.mutants import MUTANTS, ROOT
from tests.fuzz.program import Leaf, Program, Step
from tests.fuzz.runners import Case, Refused, check
from tests.fuzz.shrink import shrunk
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
    log1p_by_log log1p_of_fraction slope_by_exp slope_of_sigmoid CofactorSlope
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
