"""What steers: loops, barriers, what only looks, evaluation at a point."""
