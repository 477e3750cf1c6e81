
def factored_axes(shape):
    """The second largest axis and the largest; of equal ones the later counts as larger."""
    *_, d1, d0 = sorted(range(len(shape)), key=lambda axis: shape[axis])
    return d1, d0


def start(w):
    """The state of one tensor before the first step: momenta, second moment, and factored ones of rows and columns."""
    state = {"m": zeros(w, 3, *w.shape), "r": zeros(w, *w.shape)}
    if w.ndim < 2:
        return {**state, "v": zeros(w, 3, *w.shape)}
    d1, d0 = factored_axes(w.shape)
    shape = tuple(w.shape)
    return {
        **state,
        "row": zeros(w, 3, *shape[:d0], 1, *shape[d0 + 1 :]),
        "col": zeros(w, 3, *shape[:d1], 1, *shape[d1 + 1 :]),
    }


def accumulate(state, g, momenta, second, factored):
    """The state after a gradient; decays are given as 1 - beta."""
    after = {"m": mix(state["m"], momenta, g), "r": (1 - second) * state["r"] + second * g * g}
    s = g * g + 1e-30
    if g.ndim < 2:
        return {**after, "v": mix(state["v"], factored, s)}
    d1, d0 = factored_axes(g.shape)
    return {
        **after,
        "row": mix(state["row"], factored, xp.mean(s, axis=d0, keepdims=True)),
        "col": mix(state["col"], factored, xp.mean(s, axis=d1, keepdims=True)),
    }


def rsqrt(x):
    return 1 / xp.sqrt(x)


def safe(x):
    return rsqrt(xp.clip(x, 1e-9))


def factors(state, g):
    """Rows, columns, and Adafactor's preconditioner of each decay; of a vector all come from its second moment."""
    if g.ndim < 2:
        v = state["v"]
        return v, v, safe(v + 1e-9)
    d1, _ = factored_axes(g.shape)
    row, col = state["row"], state["col"]
    mean = xp.mean(row, axis=1 + d1, keepdims=True)
    return row, col, safe(row / (mean + 1e-9)) * safe(col)

