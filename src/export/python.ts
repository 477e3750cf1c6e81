import { fileURLToPath } from "node:url";
import { LowlandError } from "../errors.ts";
import { encodeWeights, type Weights } from "../learned/weights.ts";
import { readText } from "../runs/files.ts";
import { LOWLAND_VERSION } from "../version.ts";

/** Where learned optimizers can be exported to. */
export const exportTargets = ["torch", "optax"] as const;
export type ExportTarget = (typeof exportTargets)[number];

/** The Python templates, which the package holds as they are. */
const TEMPLATES = new URL("../../src/export/templates/", import.meta.url);

/** What an architecture needs of a template. */
interface Rule {
  readonly title: string;
  readonly template: string;
  /** Whether it reads the axes of a tensor. */
  readonly shapes?: boolean;
  /** Whether it has a learning rate and a weight decay. */
  readonly lr?: boolean;
  readonly orthogonal?: boolean;
}

const rules: Readonly<Record<string, Rule>> = {
  lstm: { title: "LSTM", template: "lstm" },
  rnnprop: { title: "RNNprop", template: "rnnprop" },
  mlp: { title: "MLP", template: "mlp" },
  "adafac-mlp": { title: "AdafacMLP", template: "adafac-mlp", shapes: true },
  "celo2-base": { title: "Celo2-base", template: "celo2", shapes: true, lr: true },
  celo2: { title: "Celo2", template: "celo2", shapes: true, lr: true, orthogonal: true },
  celo: { title: "Celo", template: "celo", shapes: true },
};

/** Architectures that can be exported. */
export const exportedArchitectures: readonly string[] = Object.keys(rules);

/** A learned optimizer for another framework: a Python module and the weights beside it. */
export interface PythonExport {
  /** Name of the module and, with its extension, of both files. */
  readonly name: string;
  readonly code: string;
  readonly weights: Uint8Array;
}

/**
 * Writes a learned optimizer as one Python module: a `torch.optim.Optimizer`, or an optax `GradientTransformation`.
 *
 * @param name how to call the module; made a Python name
 * @throws {LowlandError} E_CONFIG for an architecture that is a module of the user's own
 */
export function exportPython(
  { learned, spec, metaParams, metadata }: Weights,
  { target, name }: { readonly target: ExportTarget; readonly name: string },
): PythonExport {
  const rule = Object.hasOwn(rules, learned.name) ? rules[learned.name] : undefined;
  if (rule === undefined) {
    throw new LowlandError(
      "E_CONFIG",
      `${spec} cannot be exported; there are templates for ${exportedArchitectures.join(", ")}`,
    );
  }
  const schedule = learned.settings.schedule === 1;
  const flags = {
    shapes: rule.shapes === true,
    lr: rule.lr === true,
    orthogonal: rule.orthogonal === true,
    schedule,
    plain: rule.lr !== true && !schedule,
  };
  const module = pythonName(name);
  const torch = target === "torch";
  const text = replaceLine(template(target), "rule", template(rule.template));
  const code = fill(choose(include(text), flags), {
    ...learned.settings,
    name: module,
    title: rule.title,
    probe: learned.layout.slots[0]!.name,
    example: schedule
      ? `${torch ? ", " : ""}horizon=1000`
      : flags.lr
        ? `${torch ? ", lr" : "learning_rate"}=${learned.settings.lr}`
        : "",
    stepped: schedule ? (torch ? "loss=loss" : ", value=loss") : "",
    about: about(spec, metadata),
  });
  return {
    name: module,
    code: tidy(code.replaceAll("xp.", torch ? "torch." : "jnp.")),
    weights: encodeWeights(spec, learned.layout, metaParams, metadata),
  };
}

function template(name: string): string {
  return readText(fileURLToPath(new URL(`${name}.py`, TEMPLATES)));
}

/** Puts templates where `# include NAME` stands. */
function include(text: string): string {
  return text.replace(/^# include (\S+)\n/gm, (_, name: string) => template(name));
}

function replaceLine(text: string, line: string, by: string): string {
  return text.replace(`# ${line}\n`, () => by);
}

/** Keeps what stands between `# if FLAG` or `# if no FLAG` and `# end` where the flag says so; blocks nest. */
function choose(text: string, flags: Readonly<Record<string, boolean>>): string {
  const open: boolean[] = [];
  return text
    .split("\n")
    .filter((line) => {
      const [, no, flag] = /^ *# if (no )?(\w+)$/.exec(line) ?? [];
      if (flag !== undefined) {
        open.push(flags[flag] === (no === undefined));
        return false;
      }
      if (/^ *# end$/.test(line)) {
        open.pop();
        return false;
      }
      return open.every(Boolean);
    })
    .join("\n");
}

/** Puts values where `{{NAME}}` stands. */
function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, key: string) => String(values[key]));
}

/** Two blank lines around what stands at the margin, at most one elsewhere. */
function tidy(code: string): string {
  return code
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{4,}/g, "\n\n\n")
    .replace(/\n+(?=(?:def|class) )/g, "\n\n\n")
    .replace(/\n{3,}(?= )/g, "\n\n");
}

/** Where the weights come from, in lines of a docstring. */
function about(spec: string, { config }: Readonly<Record<string, string>>): string {
  const { tasks, regularizer } = JSON.parse(config ?? "{}") as {
    readonly tasks?: readonly string[];
    readonly regularizer?: string;
  };
  const lines = [`Exported by Lowland ${LOWLAND_VERSION}: ${spec}.`];
  if (tasks !== undefined) {
    lines.push(`Meta-trained on ${tasks.join(", ")}, regularizer ${regularizer ?? "none"}.`);
  }
  // nothing that could end the docstring
  return lines.join("\n").replaceAll("\\", "/").replaceAll('"', "'");
}

/** A name that `import` takes. */
export function pythonName(name: string): string {
  const word = name.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[A-Za-z]/.test(word) ? word : `optimizer${word === "" ? "" : `_${word}`}`;
}
