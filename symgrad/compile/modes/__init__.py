"""Modes by name, and those that look at every value."""
