import { LowlandError } from "../../errors.ts";
import { parseNumber, parseSpec, unknown } from "../../spec.ts";
import type { Schedule } from "../types.ts";
import { constant } from "./constant.ts";
import { CURRICULUM_HORIZONS, curriculum } from "./curriculum.ts";
import { logUniform } from "./log-uniform.ts";

/** A schedule that a spec string can name: `name:NUMBER,NUMBER…,key=value`. */
export interface ScheduleEntry {
  readonly description: string;
  /** What the numbers after the colon are. */
  readonly usage: string;
  create(horizons: readonly number[], settings: Readonly<Record<string, number>>): Schedule;
}

/** Every schedule that `--schedule` can name. */
export const schedules: Readonly<Record<string, ScheduleEntry>> = {
  constant: {
    description: "every training has the same length",
    usage: "constant:100",
    create: (horizons, settings) => {
      none("constant", settings);
      return constant(...exactly(horizons, 1, "constant:100"));
    },
  },
  "log-uniform": {
    description: "lengths log-uniform between two",
    usage: "log-uniform:100,2000",
    create: (horizons, settings) => {
      none("log-uniform", settings);
      const [low, high] = exactly(horizons, 2, "log-uniform:100,2000");
      return logUniform(low, high);
    },
  },
  curriculum: {
    description: "growing lengths, each until the next one no longer improves",
    usage: `curriculum or curriculum:${CURRICULUM_HORIZONS.slice(0, 3).join(",")},patience=3`,
    create: (horizons, { patience, ...rest }) => {
      none("curriculum", rest, ["patience"]);
      return curriculum(horizons.length > 0 ? ascending(horizons) : undefined, {
        ...(patience !== undefined && { patience }),
      });
    },
  },
};

/**
 * Builds a schedule from a spec string.
 *
 * @throws {LowlandError} E_CONFIG for an unknown name, or lengths that are no positive integers
 */
export function buildSchedule(text: string): Schedule {
  const { name, path, settings } = parseSpec(text);
  if (!Object.hasOwn(schedules, name)) {
    throw new LowlandError("E_CONFIG", unknown("schedule", name || text, Object.keys(schedules)));
  }
  const horizons: number[] = [];
  const named: Record<string, number> = {};
  const pieces = path?.split(",") ?? Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  for (const piece of pieces) {
    const [key, value] = piece.includes("=") ? (piece.split("=") as [string, string]) : [undefined, piece];
    const number = parseNumber(value);
    if (number === undefined || !Number.isSafeInteger(number) || number < 1) {
      throw new LowlandError(
        "E_CONFIG",
        `schedule ${text}: ${JSON.stringify(piece)} is no positive integer; write ${schedules[name]!.usage}`,
      );
    }
    if (key === undefined) horizons.push(number);
    else named[key] = number;
  }
  return schedules[name]!.create(horizons, named);
}

/** The spec string of a built schedule. */
export function formatSchedule({ name, settings }: Schedule): string {
  const { patience, ...lengths } = settings;
  const numbers = Object.values(lengths).flat();
  return `${name}:${numbers.join(",")}${patience === undefined ? "" : `,patience=${patience}`}`;
}

function exactly(horizons: readonly number[], count: 1, usage: string): [number];
function exactly(horizons: readonly number[], count: 2, usage: string): [number, number];
function exactly(horizons: readonly number[], count: number, usage: string): readonly number[] {
  if (horizons.length !== count) {
    throw new LowlandError(
      "E_CONFIG",
      `a schedule has ${horizons.length} lengths, ${count} are needed; write ${usage}`,
    );
  }
  return ascending(horizons);
}

function ascending(horizons: readonly number[]): readonly number[] {
  if (horizons.some((horizon, i) => i > 0 && horizon <= horizons[i - 1]!)) {
    throw new LowlandError(
      "E_CONFIG",
      `lengths ${horizons.join(", ")} do not ascend; write the shorter first`,
    );
  }
  return horizons;
}

function none(name: string, settings: Readonly<Record<string, number>>, known: readonly string[] = []): void {
  const [key] = Object.keys(settings);
  if (key !== undefined)
    throw new LowlandError("E_CONFIG", unknown(`setting of schedule ${name}`, key, known));
}
