"""Products and sums in the form in which they are written by hand.

Signs and numbers come first, scalars go out of matrix products and sums, equal factors cancel or
become powers, and like terms are collected. Values stay the same, but for rounding, wherever no
factor that cancels is zero. The rules need each other (a factor that leaves a sum may cancel in the
product above), so they are one class that goes over the graph once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symgrad import ops
from symgrad.explain.derivation.lengths import Letters
from symgrad.graph.expr import Constant, Expr
from symgrad.graph.walk import toposort
from symgrad.ops.arithmetic.elementwise import tensor_copy
from symgrad.ops.arrays.shaping import Alloc, BroadcastLike, DimShuffle, Reshape, SumLike, is_column
from symgrad.ops.indexing.indexing import IncIndex, Index
from symgrad.ops.linalg.linalg import Dot, MatMul
from symgrad.ops.nnet.softmax import LessShare

_LINEAR = (ops.Sum, SumLike, DimShuffle, Reshape, Index, BroadcastLike, Alloc, LessShare)
_LARGEST_DIVISOR = 1000  # 1/3 is written as a division by 3
_SHORT = 6  # characters of a number that is written as it is: 0.002
_LARGEST = 24  # terms or factors; more stay as they are grouped
_DEPTH = 4  # how far sums in products in sums are looked into
_MOST_TERMS = 16  # of a product of sums that is multiplied out


class Term(NamedTuple):
    """A number times powers of expressions."""

    number: float
    factors: tuple[tuple[Expr, float], ...]

    def key(self) -> frozenset[tuple[Expr, float]]:
        """What two like terms have in common."""
        return frozenset(self.factors)


class Tidy:
    """Expressions written tidily; equal ones become one node."""

    def __init__(self, letters: Letters) -> None:
        self.letters = letters
        self.made: dict[Any, Expr] = {}
        self.terms: dict[Expr, tuple[Term, ...]] = {}  # of the nodes that were made here
        self.done: dict[Expr, Expr] = {}

    def __call__(self, outputs: Sequence[Expr]) -> list[Expr]:
        """The outputs, tidied."""
        for node in toposort(outputs, stop=self.done):
            if node not in self.done:
                self.done[node] = self._tidied(node)
        return [self.done[output] for output in outputs]

    # -- nodes -----------------------------------------------------------------------------

    def make(self, op: Any, *inputs: Expr) -> Expr:
        """The one node of an operation and inputs."""
        key = (op, inputs)
        if key not in self.made:
            self.made[key] = op.make(*inputs)
        return self.made[key]

    def number(self, value: float) -> Expr:
        """The one constant of a number."""
        key = float(value)
        if key not in self.made:
            self.made[key] = Constant(np.array(key))
        return self.made[key]

    def _tidied(self, node: Expr) -> Expr:
        if isinstance(node, Constant):
            plain = node.dtype == "float64" and node.value.size and not node.name
            if plain and (node.value == node.value.flat[0]).all() and node.value.size == 1:
                return self.number(node.value.flat[0]) if not node.ndim else node
            return node
        if node.op is None:
            return node
        inputs = [self.done[i] for i in node.inputs]
        if node.dtype != "float64":
            return self._same(node, inputs)
        terms = self._terms_of(node, inputs)
        if terms is None:
            return self._same(node, inputs)
        made = self.build(terms)
        if made.ndim < node.ndim:
            made = self._repeated(made, node)
        return made

    def _same(self, node: Expr, inputs: Sequence[Expr]) -> Expr:
        if node.op.has_side_effect or node.name:
            made: Expr = node.op.make(*inputs)
            made.notes = node.notes
            return made
        return self.make(node.op, *inputs)

    def _repeated(self, value: Expr, like: Expr) -> Expr:
        """A number in every place of an array."""
        if not value.ndim and all(n == 1 for n in like.static_shape):
            return self.make(DimShuffle(("x",) * like.ndim), value)
        for n in like.inputs:
            done = self.done[n]
            if done.ndim == like.ndim and self.letters.same(done, like):
                like = done
                break
        return self.make(BroadcastLike(), value, like)

    # -- taking apart ----------------------------------------------------------------------

    def _terms_of(self, node: Expr, inputs: Sequence[Expr]) -> tuple[Term, ...] | None:
        op = node.op
        if op is ops.add or op is ops.sub:
            a, b = (self.as_terms(i) for i in inputs)
            if len(a) + len(b) > _LARGEST:
                return None
            if op is ops.sub:
                b = tuple(t._replace(number=-t.number) for t in b)
            return self._factored(self._shortest(self._collected([*a, *b])), node)
        if op is ops.neg:
            return tuple(t._replace(number=-t.number) for t in self.as_terms(inputs[0]))
        if op is ops.mul or op is ops.true_div:
            x, y = (self.as_product(self._as_factor(i, node)) for i in inputs)
            if len(x.factors) + len(y.factors) > _LARGEST:
                return None
            return (self._product(x, y if op is ops.mul else self._raised(y, -1), node),)
        if op is ops.inv:
            return (self._raised(self.as_product(inputs[0]), -1),)
        if op is ops.sqr:
            return (self._raised(self.as_product(inputs[0]), 2),)
        if op is ops.pow and isinstance(inputs[1], Constant) and not inputs[1].ndim:
            power = float(inputs[1].value)
            if power.is_integer() and abs(power) <= 9:
                return (self._raised(self.as_product(inputs[0]), power),)
            return None
        if op is tensor_copy:
            return self.as_terms(inputs[0])
        if isinstance(op, (Dot, MatMul)):
            return (self._bilinear(op, inputs),)
        if isinstance(op, _LINEAR):
            return (self._linear(op, inputs, node),)
        if isinstance(op, IncIndex) and _is_zero(inputs[0]):
            return (self._linear(op, inputs, node, at=1),)
        return None

    def as_terms(self, e: Expr) -> tuple[Term, ...]:
        """An expression as a sum."""
        if e in self.terms:
            return self.terms[e]
        return (self.as_product(e),)

    def as_product(self, e: Expr) -> Term:
        """An expression as one product."""
        known = self.terms.get(e)
        if known is not None and len(known) == 1:
            return known[0]
        if isinstance(e, Constant) and not e.ndim and not e.name:
            return Term(float(e.value), ())
        return Term(1.0, ((e, 1.0),))

    def _as_factor(self, e: Expr, node: Expr) -> Expr:
        """A factor that is a single number has no axes."""
        if isinstance(e, Constant) and e.ndim and e.value.size and not e.name:
            first = e.value.flat[0]
            if (e.value == first).all() and e.dtype == "float64":
                return self.number(first)
        if e.ndim and node.ndim >= e.ndim and all(n == 1 for n in e.static_shape):
            return self._scalar(e)
        return e

    def _scalar(self, e: Expr, depth: int = 0) -> Expr:
        """An array of one element as a number."""
        if isinstance(e.op, (DimShuffle, BroadcastLike, Alloc)) and not e.inputs[0].ndim:
            return e.inputs[0]
        terms = self.as_terms(e)
        if depth < _DEPTH and terms != (Term(1.0, ((e, 1.0),)),):
            found = []
            for number, factors in terms:
                product = Term(number, ())
                for f, power in factors:
                    part = self.as_product(self._scalar(f, depth + 1) if f.ndim else f)
                    product = self._product(product, self._raised(part, power), e)
                found.append(product)
            return self.build(found)
        return self.make(DimShuffle(()), e)

    def _product(self, a: Term, b: Term, node: Expr) -> Term:
        powers: dict[Expr, float] = dict(a.factors)
        for factor, power in b.factors:
            powers[factor] = powers.get(factor, 0) + power
        kept = [(f, 1.0 if p > 0 and _is_truth(f) else p) for f, p in powers.items() if p]
        for pair in [*kept]:  # ones, where something else has their shape
            f = pair[0]
            if _is_ones(f) and any(g is not f and self.letters.fits(f, g) for g, _ in kept):
                kept.remove(pair)
        return Term(a.number * b.number, tuple(kept))

    @staticmethod
    def _raised(term: Term, power: float) -> Term:
        number = term.number**power if term.number else 0.0
        return Term(number, tuple((f, p * power) for f, p in term.factors))

    def _scalars(self, term: Term) -> tuple[Term, Term]:
        """The number and the factors of rank 0; the rest."""
        outside = tuple((f, p) for f, p in term.factors if not f.ndim)
        inside = tuple((f, p) for f, p in term.factors if f.ndim)
        return Term(term.number, outside), Term(1.0, inside)

    def _bilinear(self, op: Any, inputs: Sequence[Expr]) -> Term:
        outside = Term(1.0, ())
        inner = []
        for e in inputs:
            out, rest = self._scalars(Term(*self._turned(self.as_product(e))))
            if not rest.factors:
                inner.append(e)
                continue
            outside = Term(outside.number * out.number, outside.factors + out.factors)
            inner.append(self.build((rest,)))
        made = Term(1.0, ((self.make(op, *inner), 1.0),))
        return self._product(outside, made, made.factors[0][0])

    def _linear(self, op: Any, inputs: Sequence[Expr], node: Expr, at: int = 0) -> Term:
        x = inputs[at]
        if isinstance(op, (BroadcastLike, Alloc)):
            x = self._as_factor(x, node)
        if isinstance(op, DimShuffle) and isinstance(x.op, DimShuffle):
            order = tuple("x" if a == "x" else x.op.order[a] for a in op.order)
            (x,) = x.inputs
            if order == tuple(range(x.ndim)):
                return self.as_product(x)
            op, inputs = DimShuffle(order), [x]
        if isinstance(op, (BroadcastLike, Alloc)) and _is_zero(x):
            return self._as_it_is(op, inputs)
        if isinstance(op, DimShuffle) and not op.order:
            x = self._as_factor(x, x)
            if not x.ndim:
                return self.as_product(x)
        if isinstance(op, DimShuffle) and not x.ndim:
            return self._as_it_is(op, inputs)
        outside, rest = self._scalars(Term(*self._turned(self.as_product(x))))
        one = self.number(1.0)
        inner = self.build((rest,)) if rest.factors else one
        if inner.ndim < x.ndim:
            return self._as_it_is(op, inputs)
        if isinstance(op, ops.Sum) and not op.keepdims:
            summed = self._summed(op, rest, x)
            return self._product(outside, summed, node) if summed.factors else outside
        made = self.make(op, *inputs[:at], inner, *inputs[at + 1 :])
        return self._product(outside, self.as_product(made), node)

    def _summed(self, op: Any, term: Term, x: Expr) -> Term:
        """A sum; of ones it is their number, and of matrices vectors that repeat go out of it."""
        factors = term.factors
        if len(factors) == 1 and _is_ones(factors[0][0]) and len(op.axis) == x.ndim:
            lengths = [ops.Dim(a).make(x) for a in op.axis]
            return Term(1.0, tuple((self.make(ops.Cast("float64"), n), 1.0) for n in lengths))
        outside: list[tuple[Expr, float]] = []
        if x.ndim == 2 and len(op.axis) == 1:
            for f, p in factors:
                row = f.ndim == 1 and op.axis == (0,)
                column = is_column(f)
                if row or (column and op.axis == (1,)):
                    outside.append((f.inputs[0] if column else f, p))
                    factors = tuple(fp for fp in factors if fp[0] is not f)
            if outside and op.axis == (0,) and factors and all(map(is_column, dict(factors))):
                vectors = self.build((Term(1.0, tuple((f.inputs[0], p) for f, p in factors)),))
                total = Term(1.0, ((self.make(ops.Sum((0,), False), vectors), 1.0),))
                return self._product(total, Term(1.0, tuple(outside)), x)
        rest = self.build((Term(1.0, factors),)) if factors else None
        varies = rest is not None and self.letters.lengths(rest)[op.axis[0] - x.ndim :][:1] != (1,)
        if not outside or rest is None or rest.ndim + op.axis[0] < x.ndim or not varies:
            return Term(1.0, ((self.make(op, self.build((term,))), 1.0),))
        axis = op.axis[0] - (x.ndim - rest.ndim)
        made = Term(1.0, ((self.make(ops.Sum((axis,), False), rest), 1.0),))
        return self._product(Term(1.0, tuple(outside)), made, made.factors[0][0])

    def _as_it_is(self, op: Any, inputs: Sequence[Expr]) -> Term:
        return Term(1.0, ((self.make(op, *inputs), 1.0),))

    # -- sums ------------------------------------------------------------------------------

    @staticmethod
    def _collected(terms: Sequence[Term]) -> tuple[Term, ...]:
        """Like terms added up."""
        found: dict[Any, Term] = {}
        for term in terms:
            before = found.get(term.key())
            number = term.number + (before.number if before else 0.0)
            found[term.key()] = Term(number, (before or term).factors)
        kept = tuple(t for t in found.values() if t.number)
        return kept or (Term(0.0, ()),)

    def _shortest(self, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        """A sum multiplied out, if it is shorter then: −y(1 − p) + (1 − y)p is p − y."""
        multiplied: list[Term] = []
        for term in terms:
            multiplied += self._multiplied_out(term)
            if len(multiplied) > _MOST_TERMS:
                return terms
        other = self._collected(multiplied)
        return other if self._size(other) < self._size(terms) else terms

    def _factored(self, terms: tuple[Term, ...], node: Expr) -> tuple[Term, ...]:
        """a/n + b/n → (a + b)/n: scalars that all terms of an array have in common."""
        common = set(terms[0].factors)
        for term in terms[1:]:
            common &= set(term.factors)
        outside = tuple(fp for fp in terms[0].factors if fp in common and not fp[0].ndim)
        sizes = {abs(t.number) for t in terms}
        number = sizes.pop() if len(sizes) == 1 else 1.0
        if len(terms) == 1 or not node.ndim or not (outside or number != 1):
            return terms
        inside = [
            Term(t.number / number, tuple(fp for fp in t.factors if fp not in outside))
            for t in terms
        ]
        total = self.build(inside)
        if total.ndim < node.ndim:
            return terms
        return (Term(number, (*outside, (total, 1.0))),)

    def _multiplied_out(self, term: Term) -> list[Term]:
        found = [Term(term.number, ())]
        for factor, power in term.factors:
            parts = self.terms.get(factor, ()) if power == 1 else ()
            if len(parts) < 2 or len(found) * len(parts) > _MOST_TERMS:
                parts = (Term(1.0, ((factor, power),)),)
            found = [self._product(a, b, factor) for a in found for b in parts]
        return found

    def _size(self, terms: Sequence[Term], depth: int = 0) -> int:
        size = 0
        for term in terms:
            size += 1
            for factor, _ in term.factors:
                inside = self.terms.get(factor, ())
                open_ = len(inside) > 1 and depth < _DEPTH and size < 100
                size += self._size(inside, depth + 1) if open_ else 1
        return size

    # -- putting together ------------------------------------------------------------------

    def build(self, terms: Sequence[Term]) -> Expr:
        """The expression of a sum."""
        terms = tuple(terms)
        if len(terms) == 1:
            made = self._built(terms[0])
        else:
            ordered = sorted(terms, key=lambda t: t.number < 0)  # what is added comes first
            made = self._built(ordered[0])
            for term in ordered[1:]:
                if term.number < 0:
                    part = self._built(term._replace(number=-term.number))
                    made = self.make(ops.sub, made, part)
                else:
                    made = self.make(ops.add, made, self._built(term))
        self.terms.setdefault(made, terms)
        return made

    def _built(self, term: Term) -> Expr:
        number, factors = self._turned(term)
        if not number:
            shaped = [f for f, _ in factors if f.ndim]
            zero = self.number(0.0)
            return self.make(BroadcastLike(), zero, shaped[0]) if shaped else zero
        above = [(f, p) for f, p in factors if p > 0]
        below = [(f, -p) for f, p in factors if p < 0]
        below.sort(key=lambda fp: not _is_plain(fp[0]))
        # numbers before arrays, and among numbers variables before functions: 2x·exp(x²)
        above.sort(key=lambda fp: 2 if fp[0].ndim else not _is_plain(fp[0]))
        size = abs(number)
        divisor = 1.0
        if size and not size.is_integer():
            inverse = 1 / size
            near = abs(inverse - round(inverse)) < 1e-12 * inverse
            if near and (inverse < 10.5 or len(str(size)) > _SHORT) and inverse < _LARGEST_DIVISOR:
                size, divisor = 1.0, float(round(inverse))
        made = self._joined(size, above)
        scalars = [(f, p) for f, p in below if not f.ndim]
        arrays = [(f, p) for f, p in below if f.ndim]
        if arrays:
            made = self.make(ops.true_div, made, self._joined(1.0, arrays))
        if scalars or divisor != 1:
            made = self.make(ops.true_div, made, self._joined(divisor, scalars))
        if number < 0:
            made = self.make(ops.neg, made)
        self.terms.setdefault(made, (term,))
        return made

    def _turned(self, term: Term) -> tuple[float, tuple[tuple[Expr, float], ...]]:
        """−(a − b) is b − a."""
        if term.number >= 0:
            return term.number, term.factors
        for k, (factor, power) in enumerate(term.factors):
            parts = self.terms.get(factor, ())
            if power == 1 and len(parts) > 1 and any(t.number < 0 for t in parts):
                turned = tuple(t._replace(number=-t.number) for t in parts)
                other = (self.build(turned), 1.0)
                return -term.number, (*term.factors[:k], other, *term.factors[k + 1 :])
        return term.number, term.factors

    def _joined(self, number: float, factors: Sequence[tuple[Expr, float]]) -> Expr:
        made: Expr | None = None
        for factor, power in factors:
            part = self._power(factor, power)
            made = part if made is None else self.make(ops.mul, made, part)
        if made is None:
            return self.number(number)
        return made if number == 1 else self.make(ops.mul, self.number(number), made)

    def _power(self, factor: Expr, power: float) -> Expr:
        if power == 1:
            return factor
        if power == 2:
            return self.make(ops.sqr, factor)
        return self.make(ops.pow, factor, self.number(power))


def _is_truth(e: Expr) -> bool:
    """Whether an expression is 0 or 1, which powers do not change."""
    return isinstance(e.op, ops.Cast) and e.inputs[0].dtype == "bool"


def _is_plain(e: Expr) -> bool:
    return e.op is None or isinstance(e.op, ops.Cast)


def _is_ones(e: Expr) -> bool:
    while isinstance(e.op, DimShuffle):
        e = e.inputs[0]
    return isinstance(e.op, (BroadcastLike, Alloc)) and is_number(e.inputs[0], 1)


def is_number(e: Expr, value: float) -> bool:
    """Whether an expression is this constant everywhere."""
    return isinstance(e, Constant) and e.value.size > 0 and bool((e.value == value).all())


def _is_zero(e: Expr) -> bool:
    while isinstance(e.op, (BroadcastLike, Alloc)):
        e = e.inputs[0]
    return is_number(e, 0)
