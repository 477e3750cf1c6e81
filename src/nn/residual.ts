import { LowlandError } from "../errors.ts";
import type { Vector } from "../kernels/types.ts";
import { axpy } from "../kernels/vector.ts";
import { type Chain, chainOf, openChain, type Views, viewsByLayer } from "./chain.ts";
import { type Layer, refuseOverwriting, type Shape, sizeOf } from "./layers.ts";

/**
 * A residual connection: y = body(x) + x, or y = body(x) + shortcut(x) where shapes change.
 *
 * @throws {LowlandError} E_CONFIG if either begins or ends in an activation; E_SHAPE, when it is placed, if the two outputs
 * differ
 * @example
 * sequential([784], [dense(64), relu(), residual([dense(64), relu(), dense(64)]), relu(), dense(10)], { kind: "he" })
 * @see He et al., "Deep Residual Learning for Image Recognition", 2016
 */
export function residual(body: readonly Layer[], shortcut: readonly Layer[] = []): Layer {
  const branches = [body, shortcut].filter((branch) => branch.length > 0);
  for (const branch of branches) refuseOverwriting(branch, "what is added to the other branch");
  const chainsOf = (input: Shape): Chain[] => branches.map((layers) => chainOf(input, layers));
  const sum = (input: Shape, of: (chain: Chain) => number): number =>
    chainsOf(input).reduce((total, chain) => total + of(chain), 0);
  return {
    name: "residual",
    inPlace: false,
    output(input) {
      const outputs = chainsOf(input).map(({ shapes }) => shapes.at(-1)!);
      const [own, other = input] = outputs;
      if (own === undefined || own.join() !== other.join()) {
        throw new LowlandError(
          "E_SHAPE",
          `residual: the body gives [${own?.join(", ")}], what it is added to has [${other.join(", ")}]; give a shortcut of that shape`,
        );
      }
      return own;
    },
    slots(input) {
      const named = ["", "shortcut."];
      return chainsOf(input).flatMap(({ slots }, i) =>
        slots.flat().map((slot) => ({ ...slot, name: `${named[i]}${slot.name}` })),
      );
    },
    statisticsSize: (input) => sum(input, (chain) => chain.statisticsSize),
    activationSize: (input) => sum(input, (chain) => chain.activationSize),
    open({ ops, batch: most, input, output }) {
      const chains = chainsOf(input);
      const opened = chains.map((chain) => openChain(chain, ops, most));
      const [main, other] = opened as [(typeof opened)[0], (typeof opened)[0] | undefined];
      const [inputs, outputs] = [sizeOf(input), sizeOf(output)];
      const otherY = other && ops.allocate(most * outputs);
      const otherDx = other && ops.allocate(most * inputs);
      const add = (from: Vector, to: Vector, count: number): void =>
        axpy(1, from.subarray(0, count), to.subarray(0, count));
      /** The views of both branches; lists of views are kept by the caller, so this finds them again. */
      const known = new WeakMap<readonly Vector[], readonly [Views, Views]>();
      const branchesOf = (views: readonly Vector[]): readonly [Views, Views] => {
        let found = known.get(views);
        if (found === undefined) {
          const first = chains[0]!.slots.flat().length;
          const rest = chains[1] === undefined ? [] : viewsByLayer(chains[1], views.slice(first));
          found = [viewsByLayer(chains[0]!, views.slice(0, first)), rest];
          known.set(views, found);
        }
        return found;
      };
      return {
        statistics: opened.flatMap(({ statistics }) => statistics),
        forward(x, y, batch, params, frozen) {
          const [own, others] = branchesOf(params);
          main.forward(x, y, batch, own, frozen);
          if (other === undefined) return add(x, y, batch * outputs);
          other.forward(x, otherY!, batch, others, frozen);
          add(otherY!, y, batch * outputs);
        },
        backward(x, y, dy, dx, batch, params, gradients, accumulate) {
          const [own, others] = branchesOf(params);
          const [into, otherInto] = branchesOf(gradients);
          main.backward(x, y, dy, dx, batch, own, into, accumulate);
          const behind = dx && (other === undefined ? dy : otherDx!);
          other?.backward(x, otherY!, dy, behind, batch, others, otherInto, accumulate);
          if (dx !== undefined) add(behind!, dx, batch * inputs);
        },
        openTangents() {
          const passes = main.openTangents();
          const otherPasses = other?.openTangents();
          const otherYDot = other && ops.allocate(most * outputs);
          const otherDxDot = other && ops.allocate(most * inputs);
          return {
            forward(x, xDot, yDot, batch, params, directions) {
              const [own, others] = branchesOf(params);
              const [along, otherAlong] = branchesOf(directions);
              passes.forward(x, xDot, yDot, batch, own, along);
              otherPasses?.forward(x, xDot, otherYDot!, batch, others, otherAlong);
              const added = otherPasses === undefined ? xDot : otherYDot;
              if (added !== undefined) add(added, yDot, batch * outputs);
            },
            backward({ x, xDot, y, yDot }, dy, dyDot, into, batch, params, directions, products, accumulate) {
              const [own, others] = branchesOf(params);
              const [along, otherAlong] = branchesOf(directions);
              const [out, otherOut] = branchesOf(products);
              const at = { x, xDot, y, yDot };
              passes.backward(at, dy, dyDot, into, batch, own, along, out, accumulate);
              const otherAt = { x, xDot, y: otherY!, yDot: otherYDot! };
              const otherInto = into && { dx: otherDx!, dxDot: otherDxDot! };
              otherPasses?.backward(
                otherAt,
                dy,
                dyDot,
                otherInto,
                batch,
                others,
                otherAlong,
                otherOut,
                accumulate,
              );
              if (into === undefined) return;
              add(otherPasses === undefined ? dy : otherDx!, into.dx, batch * inputs);
              add(otherPasses === undefined ? dyDot : otherDxDot!, into.dxDot, batch * inputs);
            },
          };
        },
      };
    },
  };
}
