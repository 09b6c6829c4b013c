"""What all questions share: processes, rounds, agreement, the table, the picture."""
