"""Where the time of calls goes: readings, sums, texts."""
