"""Programs as Python source over NumPy: writing it, and the memory that it runs in."""
