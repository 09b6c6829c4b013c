"""Theano's module paths over symgrad."""
