"""Results beside those of the graph node by node, and of the references."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import numpy as np

from tests.fuzz.cases import Case, Failed, quiet
from tests.fuzz.comparison import differing, unexplained
from tests.fuzz.program import Program, same_bits
from tests.fuzz.reference import Missing
from tests.fuzz.stepwise import not_explained, rows_without_a_label
from tests.fuzz.witness import referred, seeded, walked


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
