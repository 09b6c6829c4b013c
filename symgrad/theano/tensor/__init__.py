"""Theano's corners of the tensor vocabulary."""
