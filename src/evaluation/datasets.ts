import { join } from "node:path";
import { DATASET_NAMES, loadDataset, type StoreOptions } from "../data/datasets.ts";
import { splitIndices } from "../data/splits.ts";
import { readTextIfAny } from "../runs/files.ts";
import { shareDataset, sharedDatasets } from "../tasks/registry.ts";
import type { DatasetRecord } from "./results.ts";

/** File beside a dataset's own in which its keeper says what it is: `A copy re-encoded as JPEG, quality 75.` */
export const NOTE_FILE = "NOTE.txt";

/** Where the data of the tasks come from, and what is known against them. */
export async function datasetRecords(
  tasks: readonly string[],
  options: StoreOptions = {},
): Promise<DatasetRecord[]> {
  const names = new Set(tasks.map((task) => task.split("/")[0]!));
  const records: DatasetRecord[] = [];
  for (const name of DATASET_NAMES.filter((known) => names.has(known))) {
    const loaded = sharedDatasets().get(name) ?? (await loadDataset(name, options));
    shareDataset(name, loaded);
    const { kind, path, checksums } = loaded.source;
    const note = path === undefined ? undefined : readTextIfAny(join(path, NOTE_FILE))?.trim();
    const trainingExamples = splitIndices(loaded.train.count).train.length;
    records.push({
      name,
      kind,
      checksums,
      trainingExamples,
      ...(note && { note: note.replace(/\s+/g, " ") }),
    });
  }
  return records;
}
