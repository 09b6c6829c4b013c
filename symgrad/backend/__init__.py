"""Backends: a `Program` in, a callable out."""
