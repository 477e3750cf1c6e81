//! What a step of the per-tensor learned optimizers goes by: the tensors of a plan, and where packed weights and work lie.
const simd = @import("simd.zig");
const parallel = @import("parallel.zig");
const Architecture = @import("tensor_columns.zig").Architecture;
const F = simd.F;
const all = simd.all;

/// One tensor, as src/learned/tensor-plan.ts writes it.
pub const Tensor = extern struct {
    /// Rank 0 or 1: second moments are not factored.
    vector: u32,
    /// Whether Adam takes its steps.
    adam: u32,
    groups: u32,
    runs: u32,
    lines: u32,
    /// Coordinates of a line, and floats between them.
    length: u32,
    stride: u32,
    /// Blocks of factors: one for every index of the axes that are not factored.
    blocks: u32,
    /// Line factors of a block: their number, and with the padding.
    lineFactors: u32,
    lineFactorsPadded: u32,
    /// The same for lane factors.
    laneFactors: u32,
    laneFactorsPadded: u32,
    /// Whether the lane factors are the rows.
    lanesAreRows: u32,
    /// First float of its state.
    state: u32,
    /// Tables in the plan, an entry a line: where it starts, its line factor, its first lane factor.
    starts: u32,
    lineFactorOf: u32,
    laneFactorOf: u32,
    /// The matrix of a group, m ≤ n: floats between its rows and columns in padded lines.
    m: u32,
    n: u32,
    rowStride: u32,
    columnStride: u32,

    pub fn tiles(self: *const Tensor) usize {
        return (self.length + 15) / 16;
    }

    pub fn lineCount(self: *const Tensor) usize {
        return @as(usize, self.groups) * self.runs * self.lines;
    }

    pub fn padded(self: *const Tensor) usize {
        return self.lineCount() * self.tiles() * 16;
    }

    /// Lanes of the last tile of a line that are of use.
    pub fn mask(self: *const Tensor) F {
        const rest = (self.length + 15) % 16 + 1;
        const lane: F = .{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
        return @select(f32, lane < all(@floatFromInt(rest)), all(1), all(0));
    }
};

pub const words = @sizeOf(Tensor) / 4;

/// What a step is given besides vectors.
pub const Settings = extern struct { lr: f32, decay: f32, time: f32, orthogonal: f32 };

/// Functions of the step that `time` stands for.
pub const embedded = 11;

/// Lines that are worked on at a time are about as many coordinates as this; each piece has sums of its own.
pub const piece = 1024;

/// Floats of the sums of one piece: those of inputs, and 16 lanes of Σ s².
pub const pieceSums = 64;
pub const squaresAt = 48;

/// First floats of the parts of the packed weights.
pub fn Packed(comptime arch: Architecture) type {
    const H = arch.hidden;
    return struct {
        pub const decays = 0;
        pub const matrix = decays + 2 * (arch.momenta + (if (arch.second) 4 else 0));
        pub const rowFactors = matrix + arch.columns(false) * H;
        pub const colFactors = rowFactors + (if (arch.second) 6 * H else 0);
        pub const vector = colFactors + (if (arch.second) 6 * H else 0);
        pub const time = vector + arch.columns(true) * H;
        pub const bias0 = time + (if (arch.time) embedded * H else 0);
        pub const matrix1 = bias0 + H;
        pub const bias1 = matrix1 + H * H;
        pub const matrix2 = bias1 + H;
        pub const bias2 = matrix2 + H * arch.outputs;
        pub const size = bias2 + arch.outputs;
    };
}

/// First floats of what is needed for one tensor at a time, at the start of the work: WebAssembly has no stack to speak of.
/// Scaled weights of the first layer; sums of squares; and for every task its hidden units and inputs.
pub fn Work(comptime arch: Architecture) type {
    const H = arch.hidden;
    const most: usize = @max(arch.columns(false), arch.columns(true));
    return struct {
        pub const scaled = 0;
        pub const line = scaled + most * H;
        pub const lane = line + 6 * H;
        pub const squares = lane + 6 * H;
        pub const bias = squares + pieceSums;
        pub const tasks = wholeTiles(bias + H);

        pub const inputs = 0;
        pub const first = inputs + 16 * most;
        pub const hidden = first + 16 * H;
        pub const task = wholeTiles(hidden + H);

        pub const size = tasks + parallel.most * task;
    };
}

/// Rows of 16 that start at a cache line take half the time.
fn wholeTiles(floats: usize) usize {
    return (floats + 15) / 16 * 16;
}
