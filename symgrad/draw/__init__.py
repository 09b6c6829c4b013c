"""Pictures of graphs: `symgrad.draw.svg(cost, "cost.svg")`."""

from symgrad.draw.dot import dot as dot, svg as svg
