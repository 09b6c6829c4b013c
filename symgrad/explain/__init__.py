"""What tells a person what a graph is: listings, formulas, derivations, pictures, stories, lint."""
