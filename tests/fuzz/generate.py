"""Random programs."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tests.fuzz import rarer
from tests.fuzz.draws import Draw, Unfit
from tests.fuzz.program import Leaf, Program, Step, function_of
from tests.fuzz.reference import Missing, Words, promoting
from tests.fuzz.slots import KINDS, argument
from tests.fuzz.table import ROWS, Row
from tests.fuzz.values import LAYOUTS, TEMPERS, Value, draw, laid_out, large
from tests.fuzz.witness import with_replaced

GRAD = Row("grad", "T.grad(A.sum(), B, disconnected_inputs='ignore')", None, (), flat=True)
GRADS = [
    GRAD,
    Row("grad_weighted", "T.grad(T.sum(A * C), B, disconnected_inputs='ignore')", None, ()),
    Row("grad_squared", "T.grad(T.sum(A ** 2), B, disconnected_inputs='ignore')", None, ()),
    Row("grad_mean", "T.grad(T.mean(A), B, disconnected_inputs='ignore')", None, ()),
]
GRADS += [
    Row("jacobian", "T.jacobian(A.flatten(), B, disconnected_inputs='ignore')", None, ()),
    Row("lop", "T.Lop(A, B, C, disconnected_inputs='ignore')", None, ()),
    Row("rop", "T.Rop(A, B, C)", None, ()),
]
CLONE = Row("clone", "S.clone(A, replace=[(B, C)])", "", ())
assert rarer.row  # its rows are in ROWS
_SLOW = ("linalg",)
_LARGER = ("distance", "kron", "outer", "meshgrid", "diag_of", "alloc_diag")
# What a reference raises for arguments that do not suit it. That each row suits some is tested.
_UNFIT = (
    Unfit,
    ValueError,
    IndexError,
    TypeError,
    ArithmeticError,
    MemoryError,
    np.linalg.LinAlgError,
)


class Generator:
    """Makes one program."""

    def __init__(self, seed: int, only: tuple[str, ...] = (), large: bool | None = None) -> None:
        r = self.r = Draw(seed)
        self.rng = np.random.RandomState(seed % 2**32)
        self.large = r.coin(0.006) if large is None else large
        self.floatx = "float32" if r.coin(0.08) else "float64"
        self.words = Words(self.floatx)
        self.main = r.choices(["float64", "float32", "mixed"], [55, 30, 15])[0]
        self.temper = r.choices(TEMPERS, [56, 14, 8, 9, 13])[0]
        lengths = (300, 600, 1000, 64, 1, 50) if self.large else (1, 2, 3, 7, 1, 2, 3, 4, 0)
        self.lengths = [r.pick(*lengths[: -1 if r.coin(0.7) else None]) for _ in range(3)]
        self.limit = 3_000_000 if self.large else 800
        self.values: dict[str, Any] = {}
        self.unknown: set[str] = set()  # what has a shape, but no reference
        self.leaves: list[Leaf] = []
        self.steps: list[Step] = []
        rows = [x for x in ROWS.values() if not only or x.name in only or x.group in only]
        if self.large:
            rows = [
                x
                for x in rows
                if x.group not in _SLOW
                and x.name not in _LARGER
                and "special" not in str(x.reference)
            ]
        self.rows = rows
        self.weights = [x.weight for x in rows]

    # -- dtypes, shapes, leaves --------------------------------------------------------------

    def dtype(self, kinds: str, near: Any = None) -> str:
        if near is not None and self.r.coin(0.7):
            return str(near)
        if "f" in kinds and self.r.coin(0.93 if self.main != "mixed" else 0.5):
            if self.main != "mixed":
                return self.main
            return self.r.pick("float64", "float32", "float32", "float64", "float16")
        if "f" in kinds and self.main != "mixed" and self.r.coin(0.3):
            return self.r.pick("float64", "float32")
        kind = self.r.choice(kinds)
        if kind == "f":
            return "float64" if self.main == "mixed" else self.main
        if kind == "i" and self.r.coin(0.5):
            return self.r.pick("int64", "int32")
        return self.r.choice(KINDS[kind])

    def rank(self) -> int:
        return self.r.pick(0, 1, 1, 2, 2, 2, 2, 3, 3, 4) if not self.large else self.r.pick(1, 2, 2)

    def length(self) -> int:
        return self.r.pick(*self.lengths) if self.r.coin(0.9) else 1

    def shape(self, rank: int, full: bool = False) -> tuple[int, ...]:
        found = tuple(self.length() for _ in range(rank))
        if full:
            found = tuple(max(1, n) for n in found)
        if int(np.prod(found)) > self.limit:
            found = (*found[:1], *[min(n, 3) for n in found[1:]])
        return found

    def part_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to one."""
        r = self.r
        if r.coin(0.45):
            return shape
        cut = r.randint(0, len(shape)) if r.coin(0.5) else 0
        return tuple(1 if r.coin(0.25) else n for n in shape[cut:])

    def leaf(self, dtype: str, shape: tuple[int, ...], temper: str | None = None) -> str:
        r = self.r
        kind = np.dtype(dtype).kind
        if self.large and kind == "f" and int(np.prod(shape)) > 500:
            seed = r.randrange(100)
            return self._add(Value(large(seed, shape, dtype), "plain", seed), dtype)
        chosen = temper or (self.temper if r.coin(0.8) else "ordinary")
        if self.large and chosen in ("extreme", "special"):
            chosen = "ordinary"
        return self.leaf_of(draw(self.rng, dtype, shape, chosen))

    def leaf_of(self, array: Any) -> str:
        layout = "plain" if self.r.coin(0.6) else self.r.choice(LAYOUTS)
        return self._add(Value(laid_out(array, layout), layout), str(array.dtype))

    def _add(self, value: Value, dtype: str) -> str:
        r = self.r
        roles, odds = ("input", "shared", "constant"), (70, 22, 8)
        role = r.choices(roles, odds)[0]
        if value.array.dtype.kind == "c" or value.seed is not None:
            role = r.pick("input", "shared")
        if role != "input" and value.layout != "plain":
            value = Value(value.array.copy())
        name = f"{'xsc'[roles.index(role)]}{len(self.leaves)}"
        known = tuple(r.coin(0.12) for _ in value.array.shape)
        self.leaves.append(Leaf(name, role, value, known))
        self.values[name] = value.array
        return name

    def found(self, fits: Any) -> str | None:
        """The name of something that fits; None if there is nothing, or a leaf would be nicer."""
        r = self.r
        if r.coin(0.16):
            return None
        names = [n for n, x in self.values.items() if fits(x)]
        if not names:
            return None
        if r.coin(0.65):
            names = names[-3:]
        return r.choice(names)

    # -- steps -------------------------------------------------------------------------------

    def grow(self, count: int) -> None:
        """Add steps."""
        tries = 0
        goal = len(self.steps) + count
        while len(self.steps) < goal and tries < 6 * count:
            tries += 1
            row = self.r.choices(self.rows, self.weights)[0]
            self.attempt(lambda row=row: self.use(row))

    def attempt(self, action: Any) -> None:
        """Do something, or leave no trace of it."""
        made = len(self.leaves)
        try:
            action()
        except _UNFIT:
            for leaf in self.leaves[made:]:
                del self.values[leaf.name]
            del self.leaves[made:]

    def use(self, row: Row) -> None:
        """Add one step."""
        args: list[str] = []
        settings: dict[str, Any] = {}
        for k, slot in enumerate(row.slots):
            args.append(argument(self, slot, args, settings))
            if k == 0 and row.settings is not None:
                settings = row.settings(self.r, self.values[args[0]])
        self.add(row, args, settings)

    def add(self, row: Row, args: list[str], settings: dict[str, Any]) -> str:
        text, reference = row.text, row.reference
        if row.settings is not None:
            text = text.format(**settings)
            reference = reference and reference.format(**settings)
        unknown = reference is None or any(a in self.unknown for a in args)
        values = [self.values[a] for a in args]
        if len(values) > 1 and self.large and row.group != "product":
            _small_together(values, self.limit)
        if reference is None:
            value = self._guess(row, values)
        elif row.name == "clone":
            value = with_replaced(self.steps, self.values, tuple(args), self.words)
        else:
            value = np.asarray(function_of(reference, len(args), self.words.names)(*values))
        if value.ndim > 4 or value.size > self.limit:
            raise Unfit
        name = f"v{len(self.steps)}"
        self.steps.append(Step(name, row, tuple(args), text, reference))
        self.values[name] = value
        if unknown:
            self.unknown.add(name)
        return name

    def _guess(self, row: Row, values: list[Any]) -> Any:
        """An array of the type of a result that has no reference."""
        if row.name == "jacobian":
            return np.zeros((values[0].size, *values[1].shape), values[1].dtype)
        if row.name.startswith("grad") or row.name == "lop":
            return values[1]
        if row.name == "rop":
            return values[0]
        if len(values) == 2:
            return np.add(*self.words.PF(*values))
        return self.words.F(values[0]) * 1

    def differentiate(self) -> None:
        """Add gradients."""
        r = self.r
        costs = [n for n, x in self.values.items() if x.dtype.kind == "f" and n[0] == "v"]
        if not costs:
            return
        cost = r.choice(costs[-3:])
        needed = Program((), tuple(self.steps), ()).ancestors([cost])
        wrt = [
            x.name
            for x in self.leaves
            if x.role != "constant" and x.name in needed and x.value.array.dtype.kind == "f"
        ]
        if not wrt:
            return
        row = r.choices(GRADS, [5, 1.5, 1.5, 1, 0.5, 0.6, 0.4])[0]
        if row.name == "grad_mean" and not self.values[cost].size:
            row = GRAD
        more = [argument(self, "~f", [cost], {})] if row.name == "grad_weighted" else []
        if (
            more
            and np.broadcast_shapes(self.values[more[0]].shape, self.values[cost].shape)
            != self.values[cost].shape
        ):
            row, more = GRAD, []
        if row.name in ("jacobian", "lop", "rop"):
            self._derive(row, cost, r.choice(wrt))
            return
        for name in r.sample(wrt, min(len(wrt), r.pick(1, 1, 2))):
            self.add(row, [cost, name, *more], {})

    def _derive(self, row: Row, cost: str, wrt: str) -> None:
        """Add a jacobian, or a product with one."""
        value, point = self.values[cost], self.values[wrt]
        if row.name == "jacobian":
            if value.size * point.size > 60:
                raise Unfit
            self.add(row, [cost, wrt], {})
            return
        like = value if row.name == "lop" else point
        other = self.leaf_of(draw(self.rng, str(like.dtype), like.shape, "ordinary"))
        self.add(row, [cost, wrt, other], {})

    def clone(self) -> None:
        """Add an earlier result with something in it replaced: a function of a function."""
        r = self.r
        target = r.choice(self.steps[-3:]).name
        inside = Program((), tuple(self.steps), ()).ancestors([target]) - {target}
        # a cast of a constant is a constant of its own as soon as it is built
        inside -= {x.name for x in self.leaves if x.role == "constant"}
        if not inside:
            raise Unfit
        old = r.choice(sorted(inside))
        like = self.values[old]
        new = [
            n
            for n, x in self.values.items()
            if n != old
            and x.dtype == like.dtype
            and x.shape == like.shape
            and n not in self.unknown
        ]
        if not new or target in self.unknown:
            raise Unfit
        self.add(CLONE, [target, old, r.choice(new)], {})

    @promoting()
    def program(self) -> Program:
        """A whole program."""
        r = self.r
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.grow(r.choices([1, 2, 3, 4, 6, 9, 14, 25], [5, 8, 12, 14, 16, 12, 6, 2])[0])
            if not self.steps:
                raise Unfit
            if r.coin(0.06):
                self.attempt(self.clone)
            if r.coin(0.45):
                self.attempt(self.differentiate)
                if r.coin(0.35):
                    self.attempt(self.differentiate)
                if r.coin(0.2):
                    self.grow(r.randint(1, 3))
        return self._ended().trimmed()

    def _ended(self) -> Program:
        r = self.r
        names = [s.name for s in self.steps]
        outputs = [names[-1]]
        outputs += [
            r.choice(list(self.values)) if r.coin(0.15) else r.choice(names)
            for _ in range(r.pick(0, 0, 1, 1, 2, 3))
        ]
        updates = []
        # of what else has no reference the dtype is a guess
        gradients = {s.name for s in self.steps if s.row.name.startswith("grad")}
        for leaf in self.leaves:
            array = leaf.value.array
            if leaf.role != "shared" or not r.coin(0.7):
                continue
            new = [
                n
                for n, x in self.values.items()
                if x.dtype == array.dtype
                and x.ndim == array.ndim
                and n != leaf.name
                and (n not in self.unknown or n in gradients)
            ]
            if new:
                updates.append((leaf.name, r.choice(new[-4:])))
        program = Program(
            tuple(self.leaves),
            tuple(self.steps),
            tuple(outputs),
            tuple(updates),
            (),
            "FAST_COMPILE" if r.coin(0.04) else "",
            self.floatx,
        )
        return self._given(program) if r.coin(0.12) else program

    def _given(self, program: Program) -> Program:
        """The program with an input replaced by an expression."""
        for leaf in self.leaves:
            array = leaf.value.array
            if leaf.role != "input" or array.dtype.kind != "f":
                continue
            new = [
                n
                for n, x in self.values.items()
                if x.dtype == array.dtype
                and x.shape == array.shape
                and leaf.name not in program.ancestors([n])
            ]
            if new:
                return program._replace(givens=((leaf.name, self.r.choice(new)),))
        return program


def _small_together(values: list[Any], limit: int) -> None:
    """Refuse large arrays of which something larger would be made on the way."""
    shapes = [x.shape for x in values]
    try:
        size = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:
        size = sum(map(math.prod, shapes))
    if size > limit:
        raise Unfit


def generate(seed: int, only: tuple[str, ...] = (), large: bool | None = None) -> Program:
    """The random program of a seed.

    Rows whose references need a library that is not there are not used.
    """
    for attempt in range(100):
        try:
            program = Generator(seed + attempt * 1_000_003, only, large).program()
        except (Missing, Unfit):
            continue
        if program.outputs:
            return program
    raise RuntimeError(f"no program for seed {seed}")
