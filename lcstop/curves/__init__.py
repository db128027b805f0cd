"""Learning curves: one, many, and the scale on which they are compared."""
