"""Rewriting: the engine, and rules by what they are for."""
