import {
  type AliasNotFoundError,
  type ApplicationText,
  ArgumentScannerError,
  formatMessageForArgumentScannerError,
  text_en,
} from "@stricli/core";
import { withoutSecrets } from "../cluster/address.ts";
import { exitCodeOf, LowlandError } from "../errors.ts";
import { suggest } from "../spec.ts";
import { Interrupted } from "./signals.ts";

/** One line for anything thrown. What is not a LowlandError is a bug; its stack shows with `LOWLAND_DEBUG=1`. */
export function formatError(error: unknown): string {
  if (error instanceof LowlandError) return errorLine(error.message, error.code);
  if (error instanceof ArgumentScannerError) return errorLine(usageMessage(error), "E_USAGE");
  if (error instanceof Interrupted) return `lowland: ${error.message}`;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const line = `lowland: this is a bug in lowland: ${oneLine(text)}; report it with the output of LOWLAND_DEBUG=1`;
  return process.env.LOWLAND_DEBUG === "1" && error instanceof Error ? `${line}\n${error.stack}` : line;
}

/** Exit code for anything thrown: 2 usage or config, 3 diverged, 130 or 143 by signal, 1 any other failure. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof Interrupted) return error.exitCode;
  return error instanceof LowlandError ? exitCodeOf(error.code) : 1;
}

/** The parser's own messages, in the form of all others. */
export const text: ApplicationText = {
  ...text_en,
  exceptionWhileParsingArguments: formatError,
  exceptionWhileLoadingCommandFunction: formatError,
  exceptionWhileLoadingCommandContext: formatError,
  exceptionWhileRunningCommand: formatError,
  commandErrorResult: formatError,
  exceptionWhileRunningIntegrationHook: ({ exception }) => formatError(exception),
  exceptionWhileRunningIntegrationFlag: ({ exception }) => formatError(exception),
  noCommandRegisteredForInput: ({ input, corrections }) => {
    const flag = input.startsWith("-");
    const guess = flag ? suggest(input, ["--help", "--version"]) : corrections[0]?.replaceAll("`", "");
    const unknown = `unknown ${flag ? "flag" : "command"} ${flag ? input : JSON.stringify(input)}`;
    return errorLine(`${unknown}; ${hint(guess)}see lowland --help`, "E_USAGE");
  },
};

function usageMessage(error: ArgumentScannerError): string {
  const see = "see --help of the command";
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) =>
      `unknown flag --${input}; ${hint(corrections[0] && `--${kebab(corrections[0])}`)}${see}`,
    AliasNotFoundError: ({ input }: AliasNotFoundError) => `unknown flag -${input}; ${see}`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: name, exception }) => {
      const reason = exception instanceof Error ? exception.message : String(exception);
      return `--${name} ${reason}`;
    },
    EnumValidationError: ({ externalFlagName, input, values }) =>
      `--${externalFlagName} must be one of ${values.join(", ")}, not ${JSON.stringify(input)}; ${hint(suggest(input, values)) || "correct it"}`.trimEnd(),
    UnsatisfiedFlagError: ({ externalFlagName }) =>
      `--${externalFlagName} is missing or has no value; give it one`,
    UnexpectedFlagError: ({ externalFlagName, input }) =>
      `--${externalFlagName} is given twice, the second time as ${JSON.stringify(input)}; keep one`,
    UnexpectedPositionalError: ({ input }) => `unexpected argument ${JSON.stringify(input)}; ${see}`,
    UnsatisfiedPositionalError: ({ placeholder }) => `argument ${placeholder} is missing; ${see}`,
  });
}

/** Flags are typed in kebab case; the parser suggests the names of the code. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function hint(guess: string | undefined): string {
  return guess ? `did you mean ${guess}? ` : "";
}

function errorLine(message: string, code: string): string {
  return `lowland: ${oneLine(message)} [${code}]`;
}

function oneLine(message: string): string {
  return withoutSecrets(message.replace(/\s*[\r\n]+\s*/g, " "));
}
