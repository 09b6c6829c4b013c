"""Operations on whole arrays: shape, order, making, joining, sorting, searching."""
