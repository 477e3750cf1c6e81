// npm run bench [-- --peers] [--only 1,2] [--repeats N] [--turn SECONDS] [--smoke] [--out FILE]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeInputs, openData, writeInputs } from "./lib/inputs.mjs";
import { kernels } from "./lib/lowland.mjs";
import { commit, machine, versions } from "./lib/machine.mjs";
import { openPeer, PEER_NAMES } from "./lib/peers.mjs";
import { printFigure } from "./lib/print.mjs";

const FIGURES = {
  1: "gradients",
  2: "lstm-step",
  3: "meta-training",
  4: "training-step",
  5: "sharpness",
  6: "start-up",
  7: "kernels",
  8: "linear",
  9: "backends",
  10: "tensor-step",
};

const { values } = parseArgs({
  options: {
    peers: { type: "boolean", default: false },
    peer: { type: "string" },
    only: { type: "string" },
    repeats: { type: "string", default: "7" },
    turn: { type: "string", default: "0.4" },
    "outer-steps": { type: "string", default: "100" },
    smoke: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  console.log(`usage: npm run bench -- [options]

  --peers            PyTorch, JAX, TensorFlow.js and jax-js on the same work, in turns
  --peer a,b         only these of ${PEER_NAMES.join(", ")}
  --only 1,2         only these figures:
                     ${Object.entries(FIGURES)
                       .map(([id, name]) => `${id} ${name}`)
                       .join(", ")}
  --repeats N        turns of every competitor (7)
  --turn SECONDS     length of a turn (0.4)
  --outer-steps N    length of the meta-training whose memory is watched (100)
  --smoke            one short turn of everything, nothing stored
  --out FILE         where to store the result (bench/results/<date>.json)

  LOWLAND_PEER_PYTHON  a Python that has bench/peers/requirements.txt, instead of bench/.venv`);
  process.exit(0);
}

const chosen = values.only?.split(",") ?? Object.keys(FIGURES);
for (const id of chosen) {
  if (!(id in FIGURES)) {
    console.error(`bench: no figure "${id}"; there are ${Object.keys(FIGURES).join(", ")}`);
    process.exit(2);
  }
}
const wanted = values.peer?.split(",") ?? (values.peers ? PEER_NAMES : []);
for (const id of wanted) {
  if (!PEER_NAMES.includes(id)) {
    console.error(`bench: no peer "${id}"; there are ${PEER_NAMES.join(", ")}`);
    process.exit(2);
  }
}

const { smoke } = values;
const log = (message) => process.stderr.write(`bench: ${message}\n`);
const { threads } = kernels();
const started = new Date();
const before = machine();
const data = await openData();
const inputs = await makeInputs(data, { sizes: smoke ? [100_000] : [1_000_000] });

const peers = [];
const absent = [];
let shared;
try {
  for (const id of wanted) {
    try {
      log(`starting ${id}`);
      shared ??= writeInputs(inputs);
      const peer = await openPeer(id);
      await peer.load(shared.folder);
      peers.push(peer);
    } catch (error) {
      absent.push({ id, problem: error.message });
      log(`${id} takes no part: ${error.message}`);
    }
  }
  const context = {
    dataset: data.dataset,
    inputs,
    peers,
    log,
    smoke,
    repeats: smoke ? 1 : Number(values.repeats),
    turn: smoke ? 0.01 : Number(values.turn),
    outerSteps: smoke ? 2 : Number(values["outer-steps"]),
  };

  const result = {
    schemaVersion: 1,
    date: started.toISOString(),
    commit: commit(),
    command: ["npm run bench --", ...process.argv.slice(2)].join(" "),
    machine: before,
    versions: { ...versions(), ...Object.assign({}, ...peers.map((peer) => peer.versions)) },
    kernelVariant: kernels().variant,
    kernels: { backend: kernels().backend, level: kernels().level, threads },
    dataset: data.dataset,
    repeats: context.repeats,
    turnSeconds: context.turn,
    figures: {},
    ...(absent.length > 0 && { absent }),
  };
  for (const id of chosen) {
    const { title, measure } = await import(`./figures/${FIGURES[id]}.mjs`);
    const figure = { title, ...(await measure({ ...context, figures: result.figures })) };
    result.figures[FIGURES[id]] = figure;
    printFigure(figure);
  }
  result.loadAfter = machine().load;
  console.log(
    `\n${before.cpu}, ${before.cores} cores, load ${before.load[0]} before and ${result.loadAfter[0]} after;`,
  );
  console.log(
    `Node ${result.versions.node}, kernels ${result.kernels.backend} ${result.kernels.level} (${result.kernelVariant}), commit ${result.commit}, ${data.dataset}`,
  );

  if (!smoke || values.out !== undefined) {
    const name = `${started.toISOString().slice(0, 19).replace(/[T:]/g, "-")}.json`;
    const path = resolve(values.out ?? fileURLToPath(new URL(`results/${name}`, import.meta.url)));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(
      path,
      `${JSON.stringify(result, (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value), 2)}\n`,
    );
    log(`stored ${path}`);
  }
} finally {
  for (const peer of peers) peer.close();
  shared?.remove();
}
process.exit();
