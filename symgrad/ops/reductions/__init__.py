"""Operations along axes: sums, extremes, norms, what runs along an axis."""
