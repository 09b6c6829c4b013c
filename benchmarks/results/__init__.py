"""What becomes of the outcomes: the table, the picture, and the machine that they belong to."""
