"""Pictures of graphs: `symgrad.draw.svg(cost, "cost.svg")`."""

from symgrad.draw.dot import dot as dot
from symgrad.draw.dot import svg as svg
