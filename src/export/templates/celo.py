# include network
# include moments
# include columns
# if schedule

# where in the training the features of its fraction bend
FRACTIONS = (0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1)


def start_schedule(phi):
    """The state of the schedule before the first step."""
    h, c = phi["schedule.hidden"], phi["schedule.cell"]
    return {"h": h, "c": c, "means": zeros(h, 10), "minima": zeros(h, 10) + 999999999999.0, "step": zeros(h)}


def schedule(phi, state, loss, horizon):
    """What the step is multiplied by, from the losses so far and the fraction of the training that is over."""
    step, means = state["step"], state["means"]
    scales = [10 * (horizon / 10) ** (i / 9) for i in range(10)]
    rest = -array(means, [math.expm1(-1 / scale) for scale in scales])
    correction = -xp.expm1(array(means, [-1 / scale for scale in scales]) * (step + 1))
    top = xp.where(step == 0, loss, xp.max(means / correction))
    means = (1 - rest) * means + rest * xp.minimum(2 * xp.abs(top), loss)
    now = means / correction
    minima = xp.minimum(state["minima"], now)
    above = (now[:9] - minima[:9]) / xp.clip(now[1:] - minima[:9], 1e-8) - 1
    losses = xp.where(step < 2, zeros(means, 9), xp.clip(above, -1, 1))
    fractions = xp.tanh(10 * (step / horizon - array(means, FRACTIONS)))

    def linear(name, x):
        return x @ phi[f"schedule.{name}.w"] + phi[f"schedule.{name}.b"]

    x = xp.concatenate([fractions, losses])
    x = linear("skip", x) + xp.clip(linear("relu", x), 0)
    z = linear("lstm", xp.concatenate([x, state["h"]]))
    i, g, f, o = (z[64 * gate : 64 * (gate + 1)] for gate in range(4))
    c = sigmoid(f + 1) * state["c"] + sigmoid(i) * xp.tanh(g)
    h = sigmoid(o) * xp.tanh(c)
    after = {"h": h, "c": c, "means": means, "minima": minima, "step": step + 1}
    return 0.1 * xp.exp(linear("rate", h)[0]), after

# end

# if schedule
def update(phi, w, g, state, step, rate):
    """u of one tensor and its next state: u = -0.001 rate sqrt(mean w^2) d exp(0.001 a), (d, a) = MLP(...).

    Moudgil et al., "Celo: Training versatile learned optimizers on a compute diet", 2025.
    """
# end
# if no schedule
def update(phi, w, g, state, step, rate=1.0):
    """u of one tensor and its next state: u = -0.001 sqrt(mean w^2) d exp(0.001 a), (d, a) = MLP(...).

    Moudgil et al., "Celo: Training versatile learned optimizers on a compute diet", 2025.
    """
# end
    g = xp.clip(g, -1000, 1000)
    state = accumulate(state, g, (0.1, 0.01, 0.001), 0.001, (0.1, 0.01, 0.001))
    columns = vector_columns(w, g, state, 1e-6) + matrix_columns(g, state)
    y = perceptron(phi, [normalized(x, tuple(range(g.ndim)), 1e-5) for x in columns])
    size = xp.sqrt(xp.mean(w * w) + 1e-9)
    return -0.001 * rate * size * y[..., 0] * xp.exp(0.001 * y[..., 1]), state
