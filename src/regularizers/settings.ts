import { LowlandError } from "../errors.ts";
import { describeRange, type NumberParameter, type Settings, unknown } from "../spec.ts";

/** The numeric settings of one regularizer: what spec strings, listings and checks are made from. */
export type Parameters = Readonly<Record<string, NumberParameter>>;

export type { Settings } from "../spec.ts";

/**
 * Fills in defaults and refuses what cannot be, for regularizers that are built in code rather than by a spec.
 *
 * @throws LowlandError `E_CONFIG` if a name is unknown, or a value is not a finite number within its range
 */
export function settle<const P extends Parameters>(
  regularizer: string,
  parameters: P,
  options: Readonly<Record<string, number | undefined>>,
): Settings<P> {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(parameters, name)) {
      const kind = `setting of regularizer ${regularizer}`;
      throw new LowlandError("E_CONFIG", unknown(kind, name, Object.keys(parameters)));
    }
  }
  const entries = Object.entries(parameters).map(([name, parameter]) => {
    const value = options[name] ?? parameter.default;
    const { min = -Infinity, max = Infinity } = parameter;
    if (!Number.isFinite(value) || value < min || value > max) {
      throw new LowlandError(
        "E_CONFIG",
        `${name} of regularizer ${regularizer} must be ${describeRange(parameter)}, not ${value}; correct it`,
      );
    }
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as Settings<P>;
}
