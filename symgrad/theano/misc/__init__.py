"""Theano's corner for odds and ends: `misc.pkl_utils`."""

from symgrad.theano.misc import pkl_utils as pkl_utils
