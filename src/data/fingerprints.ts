import { createHash } from "node:crypto";
import type { LoadedDataset } from "./dataset.ts";

/** What tells the bytes of datasets or files from others, by their name: a SHA-256, or `official`. */
export type Fingerprints = Readonly<Record<string, string>>;

/** Those taken so far: hashing CIFAR-10 takes a good part of a second, and its bytes never change. */
const taken = new WeakMap<LoadedDataset, string>();

/** What tells one dataset's bytes from another's: `official`, or else the SHA-256 of its images and labels. */
export function fingerprintOf(dataset: LoadedDataset): string {
  if (dataset.source.checksums === "official") return "official";
  let fingerprint = taken.get(dataset);
  if (fingerprint === undefined) {
    const hash = createHash("sha256");
    for (const { images, labels } of [dataset.train, dataset.test]) hash.update(images).update(labels);
    fingerprint = hash.digest("hex");
    taken.set(dataset, fingerprint);
  }
  return fingerprint;
}

/** The first name that both know, with different fingerprints; undefined if there is none. */
export function changedIn(before: Fingerprints = {}, now: Fingerprints = {}): string | undefined {
  return Object.keys(now).find((name) => before[name] !== undefined && before[name] !== now[name]);
}
