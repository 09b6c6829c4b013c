"""Programs computed by JAX in float64: values and gradients."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

from tests.fuzz.cases import Failure, quiet
from tests.fuzz.comparison import differing
from tests.fuzz.differences import COSTS
from tests.fuzz.program import Program, function_of
from tests.fuzz.reference import Words


class JaxWords(Words):
    """The words of references on `jax.numpy`, every float a float64."""

    def real(self, dtype: str) -> Any:
        return np.dtype("complex128" if dtype.startswith("complex") else "float64")

    def narrow(self, function: Any, x: Any, **settings: Any) -> Any:
        return function(x, **settings)

    def P(self, *xs: Any) -> Any:
        dtype = np.result_type(*[x.dtype for x in xs])
        return [x.astype(dtype) for x in xs]

    def N(self, *xs: Any) -> Any:
        return [x.astype("int8") if x.dtype.kind == "b" else x for x in xs]

    def W(self, number: Any, x: Any) -> Any:
        if isinstance(number, float) and x.dtype.kind not in "fc":
            return self.xp.asarray(number, "float64")
        return self.xp.asarray(number, x.dtype)

    def dot(self, a: Any, b: Any) -> Any:
        return self.xp.dot(a, b)

    def inc(self, x: Any, index: Any, value: Any, set_: bool = False) -> Any:
        return x.at[index].set(value) if set_ else x.at[index].add(value)

    def special(self, name: str, *xs: Any) -> Any:
        from jax.scipy import special

        names = {"psi": "digamma", "erfinv": "erf_inv"}
        if name in ("gamma", "erfinv", "i0", "i1", "psi"):
            raise NotImplementedError(names.get(name, name))
        return getattr(special, name)(*xs)


_OTHERWISE = {"unique"}  # whose gradient is 0 in JAX


def subnormal(x: Any) -> bool:
    """Whether there is a number that JAX takes for 0."""
    return x.dtype.kind == "f" and bool(np.any((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)))


class Jax:
    """JAX, if it can be imported."""

    def __init__(self) -> None:
        try:
            import jax
        except ImportError:
            self.jax: Any = None
            return
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
        self.jax = jax
        self.compared = 0
        self.names = JaxWords(xp=jax.numpy).names

    def check(
        self, program: Program, results: dict[str, Any], kinks: bool, counts: Counter[str]
    ) -> Failure | None:
        """Compare the values of names (all in float64 programs) with those of JAX."""
        self.jax.clear_caches()  # each program is compiled anew: a gigabyte in 3,000 programs
        try:
            with quiet(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = {name: np.asarray(self._value(program, name)) for name in results}
        except Exception:  # JAX lacks the function, or traces what depends on data
            counts["JAX: cannot"] += 1
            return None
        counts["compared with JAX"] += 1
        self.compared += 1
        if self.compared % 5 == 0:
            self.jax.clear_caches()  # it keeps what it compiled: 20 MB for each program
        decomposed = any(w in step.text for step in program.steps for w in ("eigh", "cholesky"))
        for name, have in results.items():
            want = found[name]
            if want.shape != have.shape:
                return Failure("JAX: shape", f"{name}: {have.shape}, JAX {want.shape}")
            if have.dtype.kind not in "fc" or not np.all(np.isfinite(want)):
                continue
            if decomposed and have.ndim > 1 and have.shape[-1] == have.shape[-2]:
                # one triangle is read: the slope may be given to it, or be shared by both
                have, want = (x + np.swapaxes(x, -1, -2) for x in (have, want))
            with quiet():
                scale = float(np.max(np.abs(want), initial=1.0))
                off = (
                    differing(have, want)
                    & np.isfinite(have)
                    & ~(np.abs(have - want) <= 1e-7 * scale)
                )
            if np.any(off) and not kinks:
                return Failure("JAX: value", f"{name}: {have}, JAX {want}")
        return None

    def _value(self, program: Program, name: str, held: dict[str, Any] | None = None) -> Any:
        """The value of a name; `held` gives those of some leaves."""
        values = dict(held or {})
        replaced = dict(program.givens)

        def value(name: str) -> Any:
            if name not in values:
                if name in replaced:
                    values[name] = value(replaced[name])
                else:
                    values[name] = made(program.named(name))
            return values[name]

        def made(each: Any) -> Any:
            if not hasattr(each, "row"):
                array = each.value.array
                wide = {"f": "float64", "c": "complex128"}.get(array.dtype.kind)
                return self.jax.numpy.asarray(array.astype(wide) if wide else array)
            if each.row.name in COSTS:
                if replaced:  # in a gradient they may be replaced or not
                    raise NotImplementedError("givens")
                return gradient(each)
            if each.reference is None:
                raise NotImplementedError(each.row.name)
            args = [value(a) for a in each.args]
            return function_of(each.reference, len(args), self.names)(*args)

        def gradient(step: Any) -> Any:
            if not step.row.name.startswith("grad"):
                raise NotImplementedError(step.row.name)
            above = program.ancestors(step.args)
            rows = [s.row for s in program.steps if s.name in above - {step.name}]
            if any(r.name in _OTHERWISE or (r.flat and r.name != "grad") for r in rows):
                raise NotImplementedError("another gradient on purpose")
            wrt = step.args[1]
            rest = {k: v for k, v in (held or {}).items() if k != wrt}

            def cost(x: Any) -> Any:
                inside = [
                    self._value(program, a, rest | {wrt: x}) for a in (step.args[0], *step.args[2:])
                ]
                return COSTS[step.row.name](*[*inside, None][:2])

            return self.jax.grad(cost)(value(wrt))

        return value(name)
