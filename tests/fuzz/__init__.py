"""Random programs, each computed in several ways that must agree: ``python -m tests.fuzz``."""
