"""What is timed: a question a file, answered once for each peer in a function `by_<peer>`."""
