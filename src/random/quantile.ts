// The standard normal quantile and the logarithm it needs, in float64 with nothing but + − × ÷ and sqrt, which
// IEEE 754 fixes to the bit: Math.log differs between engines.

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/**
 * ln(x) for a normal x > 0, within one unit in the last place.
 *
 * x = 2^k·(1+f) with √½ < 1+f < √2, then ln(1+f) = f − s·(f − R(s)), s = f/(2+f).
 * Source: FreeBSD msun e_log.c (fdlibm).
 */
export function log(x: number): number {
  double[0] = x;
  let high = words[HIGH]!;
  let k = (high >>> 20) - 1023;
  high &= 0xfffff;
  const carry = (high + 0x95f64) & 0x100000;
  words[HIGH] = high | (carry ^ 0x3ff00000);
  k += carry >>> 20;
  const f = double[0] - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd =
    z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const half = 0.5 * f * f;
  // ln 2 in two parts, the first with trailing zeros so that k·LN2_HIGH is exact.
  const LN2_HIGH = 0.6931471803691238;
  const LN2_LOW = 1.9082149292705877e-10;
  return k * LN2_HIGH - (half - (s * (half + even + odd) + k * LN2_LOW) - f);
}

/**
 * Φ⁻¹(p), the standard normal quantile, for 0 < p < 1; relative error about 1e-16.
 *
 * Source: M. J. Wichura, "Algorithm AS 241", Applied Statistics 37 (1988), routine PPND16.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (q <= 0.425 && q >= -0.425) {
    const r = 0.180625 - q * q;
    const numerator =
      ((((((2509.0809287301227 * r + 33430.57558358813) * r + 67265.7709270087) * r + 45921.95393154987) * r +
        13731.69376550946) *
        r +
        1971.5909503065513) *
        r +
        133.14166789178438) *
        r +
      3.3871328727963665;
    const denominator =
      ((((((5226.495278852854 * r + 28729.085735721943) * r + 39307.89580009271) * r + 21213.794301586597) *
        r +
        5394.196021424751) *
        r +
        687.1870074920579) *
        r +
        42.31333070160091) *
        r +
      1;
    return (q * numerator) / denominator;
  }
  let r = Math.sqrt(-log(q < 0 ? p : 1 - p));
  let value: number;
  if (r <= 5) {
    r -= 1.6;
    const numerator =
      ((((((0.0007745450142783414 * r + 0.022723844989269184) * r + 0.2417807251774506) * r +
        1.2704582524523684) *
        r +
        3.6478483247632045) *
        r +
        5.769497221460691) *
        r +
        4.630337846156546) *
        r +
      1.4234371107496835;
    const denominator =
      ((((((1.0507500716444169e-9 * r + 0.0005475938084995345) * r + 0.015198666563616457) * r +
        0.14810397642748008) *
        r +
        0.6897673349851) *
        r +
        1.6763848301838038) *
        r +
        2.053191626637759) *
        r +
      1;
    value = numerator / denominator;
  } else {
    r -= 5;
    const numerator =
      ((((((2.0103343992922881e-7 * r + 2.7115555687434876e-5) * r + 0.0012426609473880784) * r +
        0.026532189526576124) *
        r +
        0.29656057182850487) *
        r +
        1.7848265399172913) *
        r +
        5.463784911164114) *
        r +
      6.657904643501103;
    const denominator =
      ((((((2.0442631033899397e-15 * r + 1.421511758316446e-7) * r + 1.8463183175100548e-5) * r +
        0.0007868691311456133) *
        r +
        0.014875361290850615) *
        r +
        0.1369298809227358) *
        r +
        0.599832206555888) *
        r +
      1;
    value = numerator / denominator;
  }
  return q < 0 ? -value : value;
}

/** Φ(x) by bisection of its inverse: exact to rounding, and meant for a call's bounds, not for every draw. */
export function normalCdf(x: number): number {
  if (x > 0) return 1 - normalCdf(-x);
  let low = 0;
  let high = 0.5;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high || middle < 1e-300) return high;
    if (normalQuantile(middle) < x) low = middle;
    else high = middle;
  }
}
