"""Expressions and the walk over them."""
