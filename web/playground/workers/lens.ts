import { serveWeb, useKernels } from "../../../src/core.ts";
import { lossRow, sharpnessAt } from "../model/lens.ts";
import { openProblem } from "../model/problem.ts";
import type { LensRequest, LensResult, LensSetup } from "../protocol.ts";

/** Examples that landscapes and sharpness are measured on. */
const EXAMPLES = 256;

/** Looks at points of a problem. */
export function serveLens(): void {
  serveWeb<LensSetup, LensRequest, LensResult>(({ problem }) => {
    useKernels({ memoryMiB: 256 });
    const objective = openProblem(problem).task.fixedObjective({ count: EXAMPLES });
    return (request) =>
      request.kind === "row"
        ? lossRow(objective, request.plane, request.xs, request.y)
        : sharpnessAt(objective, request.params, request.step);
  });
}
