import type { Cluster } from "../cluster/cluster.ts";
import type { CliContext } from "./context.ts";

/** The cluster of `--cluster`, if it is given; nothing of it is loaded otherwise. */
export async function openClusterOf(
  context: CliContext,
  { cluster, dataDir }: { readonly cluster?: string; readonly dataDir?: string },
): Promise<Cluster | undefined> {
  if (cluster === undefined) return undefined;
  const { openCluster } = await import("../cluster/cluster.ts");
  return openCluster(cluster, {
    say: (line) => void context.stderr.write(`${line}\n`),
    signal: context.signal,
    ...(dataDir !== undefined && { dataDir }),
  });
}
