import { LowlandError } from "../errors.ts";
import { describeField, type Field, type FieldTable, fits, formatField, parseField } from "../fields.ts";
import { type OptionalFlag, optional } from "./flags.ts";

/** The flags of a configuration: one for each field, with its default in the help. */
export function flagsOf<T extends FieldTable>(table: T): Record<string, OptionalFlag<unknown>> {
  const flags = Object.entries(table).map(([name, field]: [string, Field]) => {
    const words = field.default === undefined ? "" : ` (default ${formatField(field.default)})`;
    const choices = "choices" in field ? `: ${field.choices.join(", ")}` : "";
    const parse = (text: string): unknown => {
      const value = parseField(text, field);
      if (fits(value, field)) return value;
      throw new LowlandError(
        "E_USAGE",
        `must be ${describeField(field)}, not ${JSON.stringify(text)}; correct it`,
      );
    };
    return [
      field.flag ?? name,
      optional(parse, `${field.description}${choices}${words}`, field.placeholder ?? "x"),
    ];
  });
  return Object.fromEntries(flags);
}

/** The fields that flags set, by their own names. */
export function fieldsGiven(
  table: FieldTable,
  flags: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given = Object.entries(table).map(([name, field]) => [name, flags[field.flag ?? name]]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
