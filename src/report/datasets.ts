import type { Results } from "../evaluation/results.ts";
import { count } from "./format.ts";

/**
 * What has to be said of the data: those with a note, those whose bytes are not known to be the official ones, and those
 * with fewer training examples than sharpness was to be measured on.
 */
export function dataNotes({ datasets = [], settings }: Results): string[] {
  const wanted = examplesIn(settings);
  return datasets.flatMap(({ name, checksums, note, trainingExamples = wanted }) => {
    const facts = [
      ...(note === undefined ? [] : [note.replace(/[^.]$/, "$&.")]),
      ...(checksums === "official" ? [] : ["Its bytes were not verified against an official checksum."]),
      ...(trainingExamples < wanted
        ? [
            `It has ${count(trainingExamples)} training examples: sharpness is measured on all of them, not on ${count(wanted)}.`,
          ]
        : []),
    ];
    return facts.length === 0 ? [] : [`${name}: ${facts.join(" ")}`];
  });
}

/** The number of examples that sharpness was to be measured on; 0 where it was not. */
function examplesIn({ examples, sharpness }: Results["settings"]): number {
  const nested = typeof sharpness === "object" && sharpness !== null && "examples" in sharpness;
  return Number(examples ?? (nested ? sharpness.examples : 0));
}
