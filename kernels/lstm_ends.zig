//! What goes into the first layer and what comes out of the second: all in which the LSTM optimizer and RNNprop differ.
//! `settings` are eight floats for each step, written by the caller: the scale of the output, then the input's.
const simd = @import("simd.zig");
const rows = @import("lstm_rows.zig");
const F = simd.F;
const all = simd.all;
const madd = simd.madd;
const row = rows.row;
const put = rows.put;

pub const settings_size = 8;

/// x = (ln|g|/k, sign g) if |g| ≥ e^−k, else (−1, e^k·g). Settings: e^k, e^−k, 1/k.
pub const LogAndSign = struct {
    /// Rows of its own, in the state and in the record.
    pub const own = 0;
    /// Whether it has weights.
    pub const trained = false;

    pub fn outputs(H: usize) usize {
        _ = H;
        return 2;
    }

    pub fn weights(H: usize) usize {
        _ = H;
        return 0;
    }

    /// Writes the rows that the first layer reads behind its own; returns what is recorded of its own.
    pub inline fn forward(g: F, settings: [*]const f32, w: [*]const f32, state: [*]f32, H: usize) [own]F {
        _ = .{ w, H };
        const x = simd.logAndSign(g, settings[1], settings[2], settings[3]);
        put(state, x[0]);
        put(state + 16, x[1]);
        return .{};
    }
};

/// m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²; m̃ = m̂/(√v̂ + ε), g̃ = g/(√v̂ + ε); x = ELU(W·(m̃, g̃) + b), H rows.
/// Settings: β₁, 1−β₁, β₂, 1−β₂, 1/(1−β₁^t), 1/(1−β₂^t), ε. Gradients are constants, so nothing flows into the moments.
pub const Moments = struct {
    pub const own = 2;
    pub const trained = true;

    pub fn outputs(H: usize) usize {
        return H;
    }

    /// W[2][H], b[H]
    pub fn weights(H: usize) usize {
        return 3 * H;
    }

    pub inline fn forward(g: F, settings: [*]const f32, w: [*]const f32, state: [*]f32, H: usize) [own]F {
        const m = simd.settled(madd(all(settings[2]), g, all(settings[1]) * row(state)), simd.least.moment);
        const v = simd.settled(madd(all(settings[4]) * g, g, all(settings[3]) * row(state + 16)), simd.least.square);
        put(state, m);
        put(state + 16, v);
        const size = @sqrt(v * all(settings[6])) + all(settings[7]);
        const relative = [own]F{ m * all(settings[5]) / size, g / size };
        for (0..H) |u| {
            const e = madd(all(w[H + u]), relative[1], madd(all(w[u]), relative[0], all(w[2 * H + u])));
            put(state + 16 * (own + u), elu(e));
        }
        return relative;
    }

    inline fn elu(x: F) F {
        return @select(f32, x > all(0), x, simd.exp(x) - all(1));
    }

    /// dx → the gradient before the ELU, from its recorded values.
    pub inline fn throughElu(x: [*]const f32, dx: [*]const f32, out: [*]f32, stride: usize, H: usize) void {
        for (0..H) |u| {
            const y = row(x + stride * u);
            put(out + stride * u, row(dx + 16 * u) * @select(f32, y > all(0), all(1), y + all(1)));
        }
    }
};

/// u = scale·y
pub const Linear = struct {
    pub inline fn forward(y: F, scale: F) F {
        return scale * y;
    }

    /// ∂u/∂y, given how to get y.
    pub inline fn slope(scale: F, linear: anytype) F {
        _ = linear;
        return scale;
    }
};

/// u = scale·tanh y
pub const Tanh = struct {
    pub inline fn forward(y: F, scale: F) F {
        return scale * simd.tanh(y);
    }

    pub inline fn slope(scale: F, linear: anytype) F {
        const t = simd.tanh(linear.output());
        return scale * (all(1) - t * t);
    }
};
