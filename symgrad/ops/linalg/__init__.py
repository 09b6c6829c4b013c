"""Linear algebra: products, solving, decompositions, and how BLAS is called."""
