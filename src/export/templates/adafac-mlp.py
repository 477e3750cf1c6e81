# include network
# include time
# include moments

def update(phi, w, g, state, step):
    """u of one tensor and its next state: u = -0.001 d exp(0.001 a), (d, a) = MLP(...); decays are learned.

    Metz et al., "Practical tradeoffs between memory, compute, and performance in learned optimizers", 2022.
    """
    momenta, second, factored = (xp.exp(10 * phi[f"decays.{name}"]) for name in ("momentum", "second", "factored"))
    state = accumulate(
        state,
        g,
        [rest * factor for rest, factor in zip((0.1, 0.01, 0.001), momenta)],
        xp.clip(0.001 * second, None, 1.0),
        [xp.clip(rest * factor, None, 1.0) for rest, factor in zip((0.1, 0.01, 0.001), factored)],
    )
    m, r = state["m"], state["r"]
    q = rsqrt(r + 1e-6)
    row, col, factor = factors(state, g)
    columns = [g, w, *m, r, *(m * q), q, *(g * factor), *row, *col, *rsqrt(row + 1e-8), *rsqrt(col + 1e-8)]
    columns += [*(m * (rsqrt(row + 1e-6) if g.ndim < 2 else factor))]
    columns = [normalized(x, tuple(range(g.ndim)), 1e-5) for x in columns]
    y = perceptron(phi, columns, time_features(step))
    return -0.001 * y[..., 0] * xp.exp(0.001 * y[..., 1]), state
