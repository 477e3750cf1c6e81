
def vector_columns(w, g, state, eps):
    """Fifteen functions of every coordinate."""
    m, r = state["m"], state["r"]
    q = rsqrt(r + eps)
    _, _, factor = factors(state, g)
    return [g, xp.clip(g, -0.1, 0.1), w, *m, r, *(m * q), q, *(g * factor), g * q]


def matrix_columns(g, state):
    """Fifteen more, from rows and columns."""
    row, col, factor = factors(state, g)
    scaled = state["m"] * (rsqrt(row) if g.ndim < 2 else factor)
    return [*row, *col, *rsqrt(row + 1e-8), *rsqrt(col + 1e-8), *scaled]

