"""The chain rule, one named quantity after the other, by the operations' own rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from symgrad.explain.derivation.lengths import Letters
from symgrad.explain.derivation.paper import on_paper
from symgrad.explain.derivation.quantities import (
    Names,
    Quantity,
    choose,
    name_leaves,
    name_quantities,
    on_path,
)
from symgrad.explain.derivation.tidy import Tidy
from symgrad.explain.derivation.widen import widened
from symgrad.gradient.reverse import pull_back
from symgrad.graph.expr import Constant, Expr, Placeholder
from symgrad.graph.walk import connected, substitute, toposort
from symgrad.ops.arrays.shaping import BroadcastLike
from symgrad.origins import inherit_origin
from symgrad.rewrite.engine import rewrite
from symgrad.rewrite.stability import STABILITY

_MOST_CLOSED = 300  # nodes of a closed formula; a longer one is not read by anybody


class Link(NamedTuple):
    """What a quantity passes on to one that it is made of."""

    above: Expr  # the symbol of the quantity
    body: Expr  # what it is, in terms of the symbols of others


class Slope(NamedTuple):
    """The gradient of the cost with respect to one symbol."""

    of: Expr
    formula: Expr  # in terms of symbols and of gradients derived before
    closed: Expr | None  # without those gradients: for `wrt`, where that is not long
    open: Expr | None  # in terms of the variables alone, likewise
    links: tuple[Link, ...]


class Chain:
    """All that is derived, as expressions; what is shown of it stands in `show`.

    Attributes
    ----------
    wrt : list of Expr
        What the cost is differentiated with respect to: variables, or symbols of quantities.
    quantities : list of Quantity
        The named parts of the cost, each after those that it is made of.
    symbols : dict
        For each named part the variable that stands for it.
    slopes : list of Slope
        From the cost downwards; those of `wrt` come last.
    names : dict
        Names of variables, symbols, gradients, and of what symbols stand for.
    """

    def __init__(self, cost: Expr, wrt: Sequence[Expr]) -> None:
        given = list(dict.fromkeys(wrt))
        (cost_, *targets), self.leaves = widened([cost, *given])
        merged = rewrite([cost_, *targets])
        self.cost, targets = merged[0], merged[1:]
        self.user_wrt = given
        self.scalar = all(not n.ndim for n in toposort([self.cost]))
        # An intermediate result among `wrt` is a variable for all that is above it.
        self.names_free = Names()
        variables = [n for n in toposort([self.cost]) if n.op is None]
        self.variables = [n for n in variables if not isinstance(n, Constant) or n.name]
        self.names: dict[Expr, str] = name_leaves(self.variables, self.names_free)
        chosen = choose(self.cost, set(targets))
        chosen += [t for t in targets if t.op is not None and t not in chosen]
        place = {node: k for k, node in enumerate(toposort([self.cost]))}
        chosen.sort(key=lambda node: place.get(node, 0))
        data = {*chosen} - on_path(self.cost, set(targets))
        self.quantities: list[Quantity] = name_quantities(
            chosen, data, self.names_free, self.scalar
        )
        self.letters = Letters({*self.names.values(), *(q.name for q in self.quantities), "k"})
        self.letters.learn([self.cost])
        for variable in self.variables:
            self.letters.shape(variable)
        self._stand_in(set(targets))
        self.wrt = [self.symbols.get(t, t) for t in targets]
        self._derive()

    # -- symbols ---------------------------------------------------------------------------

    def _stand_in(self, opaque: set[Expr]) -> None:
        """A variable for each quantity, and each quantity in terms of those.

        What computers need is put in first (log(softmax(z)) is one operation, and so on), so a
        quantity may be passed by. Above those that were asked for nothing is.
        """
        self.symbols: dict[Expr, Expr] = {}  # by the user's part
        self.bodies: dict[Expr, Expr] = {}  # by symbol
        held = {
            q.expr: Placeholder(q.expr.type, q.name)
            for q in self.quantities
            if q.expr in opaque and q.expr is not self.cost
        }
        exprs = [q.expr for q in self.quantities]
        lifted = []
        for e in exprs:
            inputs = substitute(e.inputs, held)
            with inherit_origin(e.origin):
                lifted.append(e if inputs == list(e.inputs) else e.op.make(*inputs))
        images = rewrite(lifted, [STABILITY])
        symbol_of: dict[Expr, Expr] = {}
        for quantity, image in zip(self.quantities, images, strict=True):
            symbol = held.get(quantity.expr) or symbol_of.get(image)
            if symbol is None:
                symbol = Placeholder(image.type, quantity.name)
                if image.op is not None:
                    symbol_of[image] = symbol
            self.symbols[quantity.expr] = symbol
            self.names.setdefault(symbol, quantity.name)
            for axis in range(symbol.ndim):
                self.letters.equal.join((symbol, axis), self.letters.lengths(quantity.expr)[axis])
        for quantity, image in zip(self.quantities, images, strict=True):
            symbol = self.symbols[quantity.expr]
            if symbol in self.bodies:
                continue
            if image.op is None:
                self.bodies[symbol] = image
                continue
            inputs = substitute(image.inputs, symbol_of)
            with inherit_origin(image.origin):
                self.bodies[symbol] = image.op.make(*inputs)
        self.cost_symbol = self.symbols[self.cost]

    # -- gradients -------------------------------------------------------------------------

    def _derive(self) -> None:
        order = self._downwards()
        self.seeds: dict[Expr, Expr] = {}  # the variables that stand for gradients
        arrived: dict[Expr, list[tuple[Link, Expr]]] = {}
        raw: dict[Expr, Expr] = {}
        links: dict[Expr, tuple[Link, ...]] = {}
        sign = "d" if self.scalar and len(self.wrt) == len(self.variables) == 1 else "∂"
        above = self.names[self.cost_symbol]
        for symbol in order:
            if symbol is self.cost_symbol:
                seed: Expr = Constant(np.array(1.0, symbol.dtype))
            else:
                parts = arrived.get(symbol, [])
                if not parts:
                    continue
                parts.sort(key=lambda part: part[0].above is self.cost_symbol)
                links[symbol] = tuple(link for link, _ in parts)
                total = parts[0][1]
                for _, part in parts[1:]:
                    total = total + part
                raw[symbol] = total
                seed = Placeholder(symbol.type)
                for axis in range(seed.ndim):
                    self.letters.equal.join((seed, axis), self.letters.lengths(symbol)[axis])
                self.names[seed] = f"{sign}{above}/{sign}{self.names[symbol]}"
            self.seeds[symbol] = seed
            if symbol in self.bodies:
                self._pass_on(symbol, seed, arrived)
        self._write(raw, links)

    def _downwards(self) -> list[Expr]:
        """Symbols and variables, the cost first, each after all that depend on it."""
        below: dict[Expr, list[Expr]] = {}
        todo = [self.cost_symbol]
        while todo:
            symbol = todo.pop()
            if symbol in below:
                continue
            body = self.bodies.get(symbol)
            if body is None:
                below[symbol] = []
                continue
            parts = [n for n in toposort([body]) if n in self.bodies or n in self.wrt]
            reached = connected([body])
            below[symbol] = [n for n in parts if n in reached and n is not symbol]
            todo += below[symbol]
        wanted = {*self.wrt}
        order: dict[Expr, None] = {}
        stack = [self.cost_symbol]
        while stack:
            symbol = stack[-1]
            waiting = [n for n in below[symbol] if n not in order]
            if symbol in order or not waiting:
                if symbol in wanted or any(n in wanted for n in below[symbol]):
                    wanted.add(symbol)
                order[symbol] = None
                stack.pop()
            else:
                stack += reversed(waiting)
        return [symbol for symbol in reversed(order) if symbol in wanted]

    def _pass_on(
        self, symbol: Expr, seed: Expr, arrived: dict[Expr, list[tuple[Link, Expr]]]
    ) -> None:
        body = self.bodies[symbol]
        if body.op is None:
            arrived.setdefault(body, []).append((Link(symbol, body), seed))
            return
        reached = connected([body])
        wanted = [n for n in toposort([body]) if n in reached]
        targets = [n for n in wanted if n in self.wrt or (n in self.bodies and n is not symbol)]
        if not targets:
            return
        found = pull_back([(body, seed)], targets)
        for target, part in zip(targets, found, strict=True):
            if isinstance(part, Expr):
                arrived.setdefault(target, []).append((Link(symbol, body), part))

    # -- formulas --------------------------------------------------------------------------

    def _write(self, raw: dict[Expr, Expr], links: dict[Expr, tuple[Link, ...]]) -> None:
        """Tidy all formulas together, so that what is named is found in them."""
        symbols = [*raw]
        closed = self._closed(raw)
        opened = self._opened(closed)
        bodies = [b for b in self.bodies.values() if b.op is not None]
        ends = [*closed]
        outputs = [*raw.values(), *closed.values()]
        made = on_paper([*bodies, *outputs], self.letters)
        forms, rest = made[: len(bodies)], made[len(bodies) :]
        by_body = dict(zip(bodies, forms, strict=True))
        symbol_of: dict[Expr, Expr] = {}
        for symbol, body in self.bodies.items():
            form = by_body.get(body)
            if form is not None and form.op is not None:
                symbol_of.setdefault(form, symbol)
                for one, other in zip(
                    self.letters.lengths(symbol), self.letters.lengths(form), strict=True
                ):
                    self.letters.equal.join(one, other)
        rest = Tidy(self.letters)(substitute(rest, symbol_of))
        formulas = dict(zip(symbols, rest, strict=False))
        closed = dict(zip(ends, rest[len(symbols) :], strict=True))
        opened = dict(zip(opened, on_paper([*opened.values()], self.letters), strict=True))
        self.slopes = [
            Slope(symbol, formulas[symbol], closed.get(symbol), opened.get(symbol), links[symbol])
            for symbol in symbols
        ]
        for symbol in self.wrt:
            if symbol not in raw:  # there the cost is flat
                zero: Expr = Constant(np.array(0.0))
                if symbol.ndim:
                    zero = BroadcastLike().make(zero, symbol)
                self.slopes.append(Slope(symbol, zero, zero, zero, ()))
        # What was asked for comes last, but for what others are derived from.
        last = {symbol: k for k, symbol in enumerate(self.wrt) if symbol not in self.bodies}
        self.slopes.sort(key=lambda s: last.get(s.of, -1))

    def _closed(self, raw: dict[Expr, Expr]) -> dict[Expr, Expr]:
        """The gradients of `wrt` without other gradients, where they are not long."""
        known: dict[Expr, Expr] = {}
        for symbol, e in raw.items():  # from the cost downwards
            if symbol in self.seeds:
                (known[self.seeds[symbol]],) = substitute([e], known)
        found = {s: known[self.seeds[s]] for s in self.wrt if s in raw}
        return {s: e for s, e in found.items() if len(toposort([e])) <= _MOST_CLOSED}

    def _opened(self, closed: dict[Expr, Expr]) -> dict[Expr, Expr]:
        """The same in terms of the variables alone."""
        whole: dict[Expr, Expr] = {}
        for symbol in self._upwards():
            (whole[symbol],) = substitute([self.bodies[symbol]], whole)
        whole = {s: w for s, w in whole.items() if s not in self.wrt}
        found = dict(zip(closed, substitute([*closed.values()], whole), strict=True))
        return {s: e for s, e in found.items() if len(toposort([e])) <= _MOST_CLOSED}

    def _upwards(self) -> list[Expr]:
        """Symbols, each after those that its body is made of."""
        order: dict[Expr, None] = {}
        for root in self.bodies:
            stack = [root]
            while stack:
                symbol = stack[-1]
                parts = toposort([self.bodies[symbol]])
                waiting = [n for n in parts if n in self.bodies and n not in order]
                waiting = [n for n in waiting if n is not symbol]
                if symbol in order or not waiting:
                    order[symbol] = None
                    stack.pop()
                else:
                    stack += waiting
        return [*order]
