import type { DatasetRecord, Results } from "../evaluation/results.ts";
import { count } from "./format.ts";

/** What a note says first, up to its first mark: `JPEG copy`. No comma: lists of tasks are joined by them. */
export function shortNote({ note }: DatasetRecord): string | undefined {
  const first = note?.split(/[,:;.(]/)[0]?.trim();
  return first ? first : undefined;
}

/**
 * The same results with every task of a dataset that has a note called so: `cifar-10/cnn (JPEG copy)`. Whoever reads a
 * single row then knows.
 */
export function withDataLabels(results: Results): Results {
  const notes = new Map(
    (results.datasets ?? []).flatMap((dataset) => {
      const note = shortNote(dataset);
      return note === undefined ? [] : [[dataset.name, note] as const];
    }),
  );
  if (notes.size === 0) return results;
  const one = (task: string): string => {
    const note = notes.get(task.split("/")[0]!);
    return note === undefined ? task : `${task} (${note})`;
  };
  const all = (tasks: string): string => tasks.split(", ").map(one).join(", ");
  const relabelled = <R extends { readonly task: string }>(records: readonly R[]): R[] =>
    records.map((record) => ({ ...record, task: all(record.task) }));
  const sourced = <R extends { readonly task: string; readonly source?: string }>(
    records: readonly R[],
  ): R[] =>
    relabelled(records).map((record) =>
      record.source === undefined ? record : { ...record, source: all(record.source) },
    );
  return {
    ...results,
    metaTraining: relabelled(results.metaTraining),
    evaluations: relabelled(results.evaluations),
    sharpness: relabelled(results.sharpness),
    ...(results.sharpnessAtLoss && { sharpnessAtLoss: relabelled(results.sharpnessAtLoss) }),
    comparisons: sourced(results.comparisons),
    ...(results.search && { search: relabelled(results.search) }),
    ...(results.tuning && { tuning: relabelled(results.tuning) }),
    ...(results.transfer && { transfer: sourced(results.transfer) }),
  };
}

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
