"""One program, computed in all the ways that must agree."""

from __future__ import annotations

import copy
import pickle
import re
import signal
import threading
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from time import monotonic, process_time
from typing import Any, NamedTuple

import numpy as np

import symgrad as S
import symgrad.tensor as T
from symgrad.errors import SymgradError
from symgrad.ops.control.evaluation import evaluate
from tests.fuzz.comparison import differing, unexplained
from tests.fuzz.program import Program, function_of, same_bits
from tests.fuzz.reference import Missing
from tests.fuzz.stepwise import not_explained, rows_without_a_label
from tests.fuzz.values import Value
from tests.fuzz.witness import referred, seeded, walked

HANG = 30  # seconds of the processor; of the clock, four times as many
_SETTING = re.compile(r"{(\w+)")
# Flags that send small programs through every fast path, and make what is read too early show.
_ALL = {
    "stress.block": 2,
    "stress.chain": 1,
    "stress.threads": 1,
    "threads": 3,
    "stress.gemm": 1,
    "stress.rows": 1,
    "stress.fill": True,
    "stress.prove": True,
}
STRESS: list[dict[str, Any]] = [
    _ALL,
    {"stress.block": 1, "stress.chain": 1, "stress.fill": True},
    {"stress.threads": 1, "threads": 3, "stress.block": 3, "stress.chain": 1},
    {"stress.gemm": 1, "stress.rows": 1, "stress.prove": True},
    {"stress.reuse": "always", "stress.fill": True, "stress.prove": True},
    {"stress.reuse": "never", "stress.block": 5},
    _ALL | {"stress.reuse": "always"},
]
COPIES = ("threads", "pickle", "deepcopy")
WAYS = (*COPIES, *(f"stress{k}" for k in range(len(STRESS))))


class Failure(NamedTuple):
    """What went wrong: a kind, by which shrinking knows it again, and a text."""

    kind: str
    text: str


class Hang(BaseException):
    """A program takes too long."""


@contextmanager
def limited(seconds: float = HANG) -> Any:
    """Let what takes longer raise `Hang`, where the platform can."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return
    worked, began = process_time() + seconds, monotonic() + 4 * seconds

    def alarm(*_: Any) -> None:
        if process_time() > worked or monotonic() > began:
            raise Hang

    old = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # where others work too, look again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@contextmanager
def strict() -> Any:
    """Warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def quiet() -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


NAMES = {"np": np, "T": T, "S": S}


class Failed(Exception):
    """A failure, on its way out."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(kind, text)
        self.failure = Failure(kind, text)


class Refused(Exception):
    """The program is refused when it is built."""


class Case:
    """A program in symgrad."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.values: dict[str, Any] = {}
        self.where = ""
        self.rounded = False  # whether rounding has decided a length
        names = self.values
        for leaf in program.leaves:
            array = leaf.value.array
            if leaf.role == "shared":
                names[leaf.name] = S.shared(array, leaf.name)
            elif leaf.role == "constant":
                names[leaf.name] = T.constant(array)
            else:
                lengths = zip(array.shape, leaf.known, strict=True)
                shape = tuple(n if known else None for n, known in lengths)
                names[leaf.name] = T.TensorType(leaf.dtype, shape=shape)(leaf.name)
        for step in program.steps:
            self.where = step.row.name
            if step.row.name == "clone" and self._has_another_name(step.args[1]):
                raise Refused("clone: what is replaced has another name, too")
            function = function_of(step.text, len(step.args), NAMES)
            names[step.name] = function(*[names[a] for a in step.args])
        self.inputs = [names[x.name] for x in program.inputs()]
        self.args = [x.value.array for x in program.inputs()]
        self.shared = [(names[x.name], x.value.array) for x in program.leaves if x.role == "shared"]
        self.where = "function"

    def _has_another_name(self, name: str) -> bool:
        """Whether a step gave back its argument itself, as a cast to the same dtype does."""
        return sum(v is self.values[name] for v in self.values.values()) > 1

    def compile(self) -> Any:
        p, names = self.program, self.values
        return S.function(
            self.inputs,
            [names[n] for n in p.outputs],
            updates=[(names[s], names[n]) for s, n in p.updates],
            givens=[(names[a], names[b]) for a, b in p.givens],
            mode=p.mode or None,
            on_unused_input="ignore",
        )

    def reset(self) -> None:
        for variable, array in self.shared:
            variable.set_value(array)

    @contextmanager
    def as_at_first(self) -> Any:
        """A block in which shared variables hold what they held before the first call."""
        now = [variable.get_value() for variable, _ in self.shared]
        self.reset()
        yield
        for (variable, _), value in zip(self.shared, now, strict=True):
            variable.set_value(value)

    def updated(self) -> list[Any]:
        return [self.values[s].get_value() for s, _ in self.program.updates]

    def call(self, f: Any) -> list[Any]:
        """Results and new values of shared variables."""
        results = f(*self.args)
        return [*results, *self.updated()]


def check(program: Program, way: str, counts: Counter[str] | None = None) -> Failure | None:
    """Compute a program in every way; `way` is what is done besides. None: all agree."""
    counts = Counter() if counts is None else counts
    try:
        with limited(), S.config.change_flags(floatX=program.floatx):
            _check(program, way, counts)
    except Failed as failed:
        return failed.failure
    except Hang:
        return Failure("hang", f"took more than {HANG} s")
    except Refused as refused:
        counts[f"refused {refused}"] += 1
    return None


def _ours(action: Any, what: str) -> Any:
    """Run what only our errors may leave."""
    try:
        with strict():
            return action()
    except SymgradError as error:
        raise Failed(f"error: {what}: {type(error).__name__}", str(error)) from None
    except (Warning, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
            AssertionError, RuntimeError) as error:  # fmt: skip
        text = f"{type(error).__name__}: {error}"
        raise Failed(f"exception: {what}: {type(error).__name__}", text) from error


def _built(program: Program) -> tuple[Case, Any]:
    case: Any = Case.__new__(Case)
    try:
        with strict():
            case.__init__(program)
    except Refused:
        raise
    except SymgradError as error:
        raise Refused(f"{case.where}: {str(error).splitlines()[0][:110]}") from None
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise Failed(f"exception: building {case.where}: {type(error).__name__}", text) from error
    return case, _ours(case.compile, "compiling")


def _check(program: Program, way: str, counts: Counter[str]) -> None:
    case, f = _built(program)
    before = [a.copy() for a in case.args]
    outputs = [*f.recipe.results, *(new for _, new in f.recipe.updates)]
    given = dict(zip(case.inputs, case.args, strict=True))
    names = [*program.outputs, *(n for _, n in program.updates)]
    with quiet():
        try:
            want = [np.asarray(w) for w in evaluate(outputs, np, given)]
        except Exception as error:
            want = error
    if isinstance(want, ImportError):
        raise Refused(f"without what is not installed: {want}")
    if isinstance(want, Exception):
        try:
            f(*case.args)
        except SymgradError:
            raise Refused(f"at the call: {type(want).__name__}") from None
        except Exception as error:
            raise Failed(f"exception: call: {type(error).__name__}", repr(error)) from error
        raise Failed("error: nodes", f"node by node: {want!r}; compiled: a result")
    held = [v.get_value(borrow=True) for v, _ in case.shared]
    kept = [h.copy() for h in held]
    have = _ours(lambda: case.call(f), "calling")
    count = len(program.outputs)
    _alone(have[:count], [*case.args, *held], [v.get_value(borrow=True) for v, _ in case.shared])
    for old, copy_ in zip(held, kept, strict=True):
        if not same_bits(old, copy_):
            raise Failed("mutated", "an array that a shared variable held was overwritten")
    compare(case, names, outputs, given, have, want, "compiled", counts)
    again(case, f, outputs, given, have, names, counts)
    if way == "threads":
        in_threads(case, f, have, counts)
    elif way in ("pickle", "deepcopy"):
        copied(case, f, way, have, counts)
    elif way.startswith("stress"):
        stressed(case, names, outputs, given, want, STRESS[int(way[6:])], counts)
    for old, now in zip(before, case.args, strict=True):
        if not same_bits(old, now):
            raise Failed("mutated", f"an input was overwritten: {old} became {now}")
    counts["gradients"] += any(not s.reference and s.row.name != "clone" for s in program.steps)


def _alone(results: list[Any], *others: list[Any]) -> None:
    """Results share memory with nothing."""
    for k, result in enumerate(results):
        if type(result) is not np.ndarray or not result.flags.writeable:
            raise Failed("result", f"a result is a {type(result).__name__} or read-only")
        for other in [*results[:k], *(x for group in others for x in group)]:
            if (
                result.size
                and np.may_share_memory(result, other)
                and np.shares_memory(result, other)
            ):
                raise Failed("shared memory", "a result shares memory with something else")


def compare(
    case: Case,
    names: list[str],
    outputs: list[Any],
    given: dict[Any, Any],
    have: list[Any],
    want: list[Any],
    what: str,
    counts: Counter[str],
) -> None:
    """Compare results with the graph node by node, and with the references."""
    program = case.program
    with quiet():
        try:
            reference = referred(program)
        except Missing as missing:
            counts[f"without {missing}"] += 1
            reference = {}
        except (ValueError, IndexError, np.linalg.LinAlgError):
            reference = {}  # of what updates have left; the first time it was there
    known = [reference.get(n) for n in names]
    for name, a, b, c, node in zip(names, have, want, known, outputs, strict=True):
        types = {(x.dtype, x.shape) for x in (a, b, c) if x is not None} | {(a.dtype, a.shape)}
        target = node.dtype
        if c is not None and c.dtype != target:
            # updates and givens are cast to what they belong to
            raise Failed(
                f"dtype of {_row(program, name)}", f"{name}: {target}, reference {c.dtype}"
            )
        if (
            a.dtype == b.dtype == target
            and a.shape != b.shape
            and (_by_rounding(program, name, a, b) or _nearer(program, name, a))
        ):
            counts["lengths that rounding decides"] += 1
            case.rounded = True
            return
        if len(types) > 1 or a.dtype != target:
            raise Failed(
                f"type: {what}",
                f"{name}: {a.dtype} {a.shape}; node by node {b.dtype} {b.shape}; "
                f"reference {c.dtype if c is not None else ''} {c.shape if c is not None else ''}",
            )
    counts["compared with NumPy"] += any(c is not None for c in known)
    off = [np.any(differing(a, b)) for a, b in zip(have, want, strict=True)]
    wrong = [c is not None and np.any(differing(a, c)) for a, c in zip(have, known, strict=True)]
    if not any(off) and not any(wrong):
        return
    counts["decided by exact values"] += 1
    with quiet():
        _decide(case, names, outputs, given, have, want, known, off, wrong, what)


def _by_rounding(program: Program, name: str, *results: Any) -> bool:
    """Whether a length depends on digits that rounding decides: each is one that there may be."""
    with quiet():
        try:
            may_be = [referred(program, wide=True)]
            may_be += [referred(program, noise=seeded(program, k)) for k in range(5)]
        except Exception:
            return False
    shapes = {found[name].shape for found in [referred(program), *may_be] if name in found}
    return all(result.shape in shapes for result in results)


def _nearer(program: Program, name: str, result: Any) -> bool:
    """Whether the length is that of the exact values; the nodes may have lost digits."""
    with quiet():
        try:
            wide = referred(program, wide=True).get(name)
        except Exception:
            return False
    return wide is not None and wide.shape == result.shape


def _decide(
    case: Case,
    names: list[str],
    outputs: list[Any],
    given: dict[Any, Any],
    have: list[Any],
    want: list[Any],
    known: list[Any],
    off: list[bool],
    wrong: list[bool],
    what: str,
) -> None:
    program = case.program
    try:
        wide = referred(program, wide=True) if any(c is not None for c in known) else {}
    except Missing:
        return  # nothing else says what is exact
    noisy = []
    if wide:
        # with other lengths, where rounding decides them, what follows may not fit
        with suppress(ValueError, IndexError):
            noisy = [referred(program, noise=seeded(program, k)) for k in range(5)]
    graph: Any = None
    for k, name in enumerate(names):
        if known[k] is not None and (off[k] or wrong[k]):
            witnesses = [known[k], *(n[name] for n in noisy if name in n)]
            above = program.ancestors([name])
            rows = [s.row for s in program.steps if s.name in above]
            stretch = max((row.accuracy for row in rows), default=1.0)
            looked_at = [(what, have[k])]

            def clean(name: str = name) -> Any:
                return referred(program, wide=True, clean=True)[name]

            if not any(row.stable for row in rows):
                looked_at.append(("node by node", want[k]))
            for who, value in looked_at:
                bad = unexplained(value, wide[name], witnesses, stretch, clean, want[k])
                if who == "second call" and same_bits(value, want[k]):
                    # From the state that was left, node by node the same: the references, which
                    # round otherwise, have told of the operations in the first call.
                    break
                if who != "node by node":
                    bad &= ~_no_further(value, want[k], wide[name])
                if np.any(bad):
                    bad &= not_explained(case, name, value, who == "node by node")
                if np.any(bad):
                    raise Failed(
                        f"value: {who}",
                        _difference(name, who, value, bad, {"reference": known[k],
                            "wide": wide[name], "node by node": want[k], "compiled": have[k]}),
                    )  # fmt: skip
        elif off[k]:
            if graph is None:
                with case.as_at_first():
                    graph = [walked(outputs, given, wide=True)]
                    graph += [walked(outputs, given, noise=seeded(program, j)) for j in range(5)]
            exact, *rest = [g[k] for g in graph]

            def clean(k: int = k) -> Any:
                with case.as_at_first():
                    return walked([outputs[k]], given, wide=True, clean=True)[0]

            bad = unexplained(have[k], exact, [want[k], *rest], 8.0, clean)
            if np.any(bad) and rows_without_a_label(case):
                # their loss is that of no row, so their slope is 0, though they hold NaN
                bad &= (have[k] != 0) | (exact == exact) | (clean() != 0)
            if np.any(bad):
                raise Failed(
                    f"value: {what} against nodes",
                    _difference(name, what, have[k], bad, {"node by node": want[k],
                        "wide": exact}),
                )  # fmt: skip


def _no_further(have: Any, nodes: Any, exact: Any) -> Any:
    """Where a result is at least as near to the exact value as that of the nodes is."""
    if have.dtype.kind not in "fc" or not have.shape == nodes.shape == exact.shape:
        return np.zeros(have.shape, bool)
    high = np.clongdouble if have.dtype.kind == "c" else np.longdouble
    near, far = (np.abs(x.astype(high) - exact) for x in (have, nodes))
    return np.isfinite(have) & (near < far)


def _row(program: Program, name: str) -> str:
    each = program.named(name)
    return each.row.name if hasattr(each, "row") else "leaf"


def _difference(name: str, who: str, value: Any, bad: Any, others: dict[str, Any]) -> str:
    at = tuple(int(k[0]) for k in np.nonzero(bad)) if value.ndim else ()
    lines = [f"{name}{list(at) if at else ''} {who}: {value[at]!r}"]
    lines += [f"    {label}: {other[at]!r}" for label, other in others.items()]
    return "\n".join(lines)


# -- again -----------------------------------------------------------------------------------


def again(
    case: Case,
    f: Any,
    outputs: list[Any],
    given: dict[Any, Any],
    first: list[Any],
    names: list[str],
    counts: Counter[str],
) -> None:
    """A second call, from the state that the first left; then the first once more, to the bit."""
    if case.program.updates:
        kept = [x.copy() for x in first]
        with quiet():
            try:
                want = [np.asarray(w) for w in evaluate(outputs, np, given)]
            except Exception:
                want = []
        if want and not case.rounded:
            second = _ours(lambda: case.call(f), "calling again")
            for x, old in zip(first, kept, strict=True):
                if not same_bits(x, old):
                    raise Failed("mutated", "a result was overwritten by the next call")
            compare(_later(case, first), names, outputs, given, second, want, "second call", counts)
        case.reset()
    third = _ours(lambda: case.call(f), "calling again")
    _equal(first, third, "bits: again")
    case.reset()
    counts["called again"] += 1


def _later(case: Case, first: list[Any]) -> Case:
    """The case with the shared variables as the first call left them."""
    p = case.program
    news = dict(zip([s for s, _ in p.updates], first[len(p.outputs) :], strict=True))
    leaves = tuple(x._replace(value=Value(news[x.name])) if x.name in news else x for x in p.leaves)
    steps = p.steps
    if any(
        x.value.array.shape != y.value.array.shape for x, y in zip(leaves, p.leaves, strict=True)
    ):
        # where the reference alone has a setting, that is made of shapes as they were
        steps = tuple(s._replace(reference=None) if _for_shapes(s.row) else s for s in steps)
    later = copy.copy(case)
    later.program = p._replace(leaves=leaves, steps=steps)
    later.shared = [(case.values[x.name], x.value.array) for x in leaves if x.role == "shared"]
    return later


def _for_shapes(row: Any) -> bool:
    return bool(set(_SETTING.findall(row.reference or "")) - set(_SETTING.findall(row.text)))


def _equal(first: list[Any], second: list[Any], kind: str) -> None:
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if not same_bits(a, b):
            raise Failed(kind, f"result {k}: {a} and {b}")


def in_threads(case: Case, f: Any, first: list[Any], counts: Counter[str]) -> None:
    """Two calls at once."""
    counts["in threads"] += 1
    found: list[Any] = [None, None]

    def run(k: int) -> None:
        try:
            for _ in range(2):
                found[k] = f(*case.args)
        except Exception as error:
            found[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(2)]
    with strict():
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    for result in found:
        if isinstance(result, SymgradError) and case.program.updates:
            continue  # what another thread left may have a shape that does not fit
        if isinstance(result, Exception):
            raise Failed("exception: threads", repr(result)) from result
        if not case.program.updates:
            _equal(first, result, "bits: threads")
    case.reset()


def copied(case: Case, f: Any, way: str, first: list[Any], counts: Counter[str]) -> None:
    """A copy of the function computes the same."""
    counts[way] += 1

    def copy_() -> Any:
        return pickle.loads(pickle.dumps(f)) if way == "pickle" else copy.deepcopy(f)

    other = _ours(copy_, way)
    results = _ours(lambda: other(*case.args), f"calling after {way}")
    state = {v.name: v.get_value() for v in other.get_shared()}
    news = [state[s] for s, _ in case.program.updates if s in state]
    _equal(first[: len(results)], results, f"bits: {way}")
    if len(news) == len(case.program.updates):
        _equal(first[len(results) :], news, f"bits: {way}")
    for variable, array in case.shared:
        if way == "pickle" and not same_bits(variable.get_value(), array):
            raise Failed("mutated", f"a copy by {way} shares its state")
    case.reset()


def stressed(
    case: Case,
    names: list[str],
    outputs: list[Any],
    given: dict[Any, Any],
    want: list[Any],
    flags: dict[str, Any],
    counts: Counter[str],
) -> None:
    """The same under flags that send small programs through every fast path."""
    if not hasattr(S.config, "stress"):
        counts["stress: there are no such flags"] += 1
        return
    counts["under stress"] += 1
    if "stress.block" in flags and any(x.value.array.size > 5000 for x in case.program.leaves):
        flags = flags | {"stress.block": 999}  # each block is a call
    what = f"under {', '.join(f'{k}={v}' for k, v in flags.items())}"
    with S.config.change_flags(flags):
        f = _ours(case.compile, f"compiling {what}")
        have = _ours(lambda: case.call(f), f"calling {what}")
        case.reset()
        compare(case, names, outputs, given, have, want, what, Counter())
        again = _ours(lambda: case.call(f), f"calling {what}")
        _equal(have, again, f"bits: again {what}")
    case.reset()
