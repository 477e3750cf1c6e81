import { type Dataset, kernels, useKernels } from "../../../src/core.ts";
import { isToy } from "../model/data.ts";
import { openSession, type Session } from "../model/session.ts";
import { type Advanced, answer, type Points, type TrainerCalls } from "../protocol.ts";

let session: Session | undefined;

/** The open session. */
function current(): Session {
  if (session === undefined) throw new Error("no session is open");
  return session;
}

function advanced(surfaces: boolean): Advanced {
  return { step: current().step, runs: current().view({ surfaces }) };
}

/** Holds the session, and does what the page asks. */
export function serveTrainer(): void {
  useKernels({ memoryMiB: 256 });
  answer<TrainerCalls>({
    open({ session: state, files, surfaces }) {
      session?.close();
      session = undefined;
      session = openSession(state, files);
      const { data, task } = session.problem;
      const points = data !== undefined && isToy(state.data) ? pointsOf(data) : undefined;
      return {
        ...advanced(surfaces),
        size: task.layout.size,
        bits: kernels().variant,
        ...(points && { points }),
      };
    },
    advance({ steps, budgetMs, surfaces }) {
      const started = performance.now();
      current().advance(steps, () => performance.now() - started > budgetMs);
      return advanced(surfaces);
    },
    probe: ({ run, coordinate }) => current().probe(run, coordinate),
    predict: ({ input }) => current().predict(input),
  });
}

function pointsOf({ train, test }: { train: Dataset; test: Dataset }): Points {
  const points = ({ images, labels, count }: Dataset): Points["train"] =>
    Array.from({ length: count }, (_, i) => [images[2 * i]! / 255, images[2 * i + 1]! / 255, labels[i]!]);
  return { train: points(train), test: points(test) };
}
