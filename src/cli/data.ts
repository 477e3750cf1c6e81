import { buildCommand, buildRouteMap, type RouteMap } from "@stricli/core";
import type { DatasetReport, DownloadProgress } from "../data/datasets.ts";
import { LowlandError } from "../errors.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { dataDirFlag, jsonFlag } from "./flags.ts";
import { formatBytes, Progress } from "./progress.ts";
import { formatTable } from "./table.ts";

interface DataFlags {
  readonly json: boolean;
  readonly dataDir?: string;
}

const flags = { json: jsonFlag, dataDir: dataDirFlag } as const;

const name = {
  kind: "tuple",
  parameters: [{ parse: String, optional: true, brief: "Dataset; all when left out", placeholder: "name" }],
} as const;

function printReports(context: CliContext, reports: readonly DatasetReport[], json: boolean): void {
  if (json) {
    printJson(context, { datasets: reports });
    return;
  }
  const rows = reports.map((report) => [
    report.name,
    `${report.height}×${report.width}×${report.channels}`,
    report.classes,
    statusOf(report),
    report.path ?? (report.kind === "synthetic" ? "drawn by lowland" : "—"),
  ]);
  print(context, formatTable(["dataset", "size", "classes", "status", "where"], rows));
}

function statusOf({ available, files, problem, kind }: DatasetReport): string {
  if (problem !== undefined) return "damaged";
  if (!available) return "missing";
  if (kind === "synthetic") return "ready";
  const checked = files.filter(({ md5 }) => md5 !== undefined);
  if (checked.length === 0) return "found";
  return checked.every(({ official }) => official) ? "verified" : "not official";
}

const list = buildCommand({
  docs: { brief: "List datasets and where their files are" },
  parameters: { flags },
  async func(this: CliContext, { json, dataDir }: DataFlags): Promise<void> {
    const { listDatasets } = await import("../data/datasets.ts");
    printReports(this, listDatasets({ dataDir }), json);
  },
});

const fetch = buildCommand({
  docs: { brief: "Download datasets that are nowhere, then verify them" },
  parameters: { flags, positional: name },
  async func(this: CliContext, { json, dataDir }: DataFlags, only?: string): Promise<void> {
    const { DATASET_NAMES, fetchDataset } = await import("../data/datasets.ts");
    const reports: DatasetReport[] = [];
    for (const dataset of only === undefined ? DATASET_NAMES : [only]) {
      const download = downloadProgress(this);
      try {
        reports.push(await fetchDataset(dataset, { dataDir, onProgress: download.update }));
      } finally {
        download.close();
      }
    }
    printReports(this, reports, json);
    refuseDamaged(reports);
  },
});

const verify = buildCommand({
  docs: { brief: "Read datasets whole and compare their checksums with the published ones" },
  parameters: { flags, positional: name },
  async func(this: CliContext, { json, dataDir }: DataFlags, only?: string): Promise<void> {
    const { DATASET_NAMES, verifyDataset } = await import("../data/datasets.ts");
    const reports = (only === undefined ? DATASET_NAMES : [only]).map((dataset) =>
      verifyDataset(dataset, { dataDir }),
    );
    printReports(this, reports, json);
    refuseDamaged(reports);
    const missing = only === undefined ? undefined : reports.find(({ available }) => !available);
    if (missing) {
      const places = missing.lookedInto?.join(", ") ?? "any place";
      throw new LowlandError(
        "E_DATA",
        `no files of ${missing.name} in ${places}; run lowland data fetch ${missing.name}, or set --data-dir`,
      );
    }
  },
});

/** Throws E_DATA for the first dataset whose files are damaged or not the published ones. */
function refuseDamaged(reports: readonly DatasetReport[]): void {
  for (const { name, problem, files } of reports) {
    if (problem !== undefined) throw new LowlandError("E_DATA", problem);
    const foreign = files.find(({ official }) => official === false);
    if (foreign) {
      throw new LowlandError(
        "E_DATA",
        `${foreign.path} does not have the published checksum of ${name}; remove it and run lowland data fetch ${name}`,
      );
    }
  }
}

/** A progress line for each file that is downloaded, one after the other. */
function downloadProgress(context: CliContext): {
  update: (progress: DownloadProgress) => void;
  close: () => void;
} {
  let current: string | undefined;
  let line: Progress | undefined;
  return {
    update: ({ file, receivedBytes, totalBytes }) => {
      if (file !== current) {
        line?.close();
        current = file;
        line = new Progress(file, {
          unit: "received",
          stream: context.stderr,
          format: formatBytes,
          ...(totalBytes !== undefined && { total: totalBytes }),
        });
      }
      line?.update(receivedBytes);
    },
    close: () => line?.close(),
  };
}

export const data: RouteMap<CliContext> = buildRouteMap({
  routes: { list, fetch, verify },
  docs: { brief: "Datasets: where they are, downloads, checksums" },
});
