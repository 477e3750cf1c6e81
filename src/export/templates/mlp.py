# 1 - beta of the momenta
MOMENTA = (0.9, 0.5, 0.1, 0.01, 0.001, 0.0001)

# include network
# include time

def start(w):
    """The state of one tensor before the first step."""
    return {"m": zeros(w, len(MOMENTA), *w.shape)}


def update(phi, w, g, state, step):
    """u of one tensor and its next state: u = -0.001 d exp(0.001 a), (d, a) = MLP(...).

    Metz et al., "Understanding and correcting pathologies in the training of learned optimizers", 2019.
    """
    m = mix(state["m"], MOMENTA, g)
    columns = [normalized(x, tuple(range(g.ndim)), 1e-5) for x in (g, w, *m)]
    y = perceptron(phi, columns, time_features(step))
    return -0.001 * y[..., 0] * xp.exp(0.001 * y[..., 1]), {"m": m}
