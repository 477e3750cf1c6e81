import { join } from "node:path";
import { openDataset } from "../data/cache.ts";
import type { StoreOptions } from "../data/datasets.ts";
import { splitIndices } from "../data/splits.ts";
import { readTextIfAny } from "../runs/files.ts";
import { datasetsOf } from "../tasks/load.ts";
import type { DatasetRecord } from "./results.ts";

/** File beside a dataset's own in which its keeper says what it is: `A copy re-encoded as JPEG, quality 75.` */
export const NOTE_FILE = "NOTE.txt";

/** Where the data of the tasks come from, and what is known against them. */
export async function datasetRecords(
  tasks: readonly string[],
  options: StoreOptions = {},
): Promise<DatasetRecord[]> {
  const records: DatasetRecord[] = [];
  for (const name of datasetsOf(tasks)) {
    const loaded = await openDataset(name, options);
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
