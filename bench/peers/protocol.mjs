// JSON lines between the benchmark and a JavaScript peer, as protocol.py has it for Python.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ARRAYS = { "<f4": Float32Array, "<i4": Int32Array, "|u1": Uint8Array };

/** Reads the arrays that the runner wrote. */
function readInputs(folder) {
  const { settings, arrays } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const read = ({ file, dtype }) => {
    const bytes = readFileSync(join(folder, file));
    return new ARRAYS[dtype](new Uint8Array(bytes).buffer);
  };
  return {
    settings,
    arrays: Object.fromEntries(Object.entries(arrays).map(([name, entry]) => [name, read(entry)])),
  };
}

/** The first minibatch: pixels / 255, and labels. */
export function firstBatch({ arrays, settings }) {
  const size = settings.inputSize;
  const rows = arrays.batches.subarray(0, settings.batch);
  const x = new Float32Array(rows.length * size);
  rows.forEach((example, row) => {
    for (let i = 0; i < size; i++) x[row * size + i] = arrays.images[example * size + i] / 255;
  });
  return { x, y: Int32Array.from(rows, (example) => arrays.labels[example]) };
}

/** Answers requests until stdin ends. `make(inputs, figure, variant, args)` gives `{ check, run }`. */
export function serve(hello, make) {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  let inputs;
  const made = new Map();
  const answerTo = async (request) => {
    if (request.op === "hello") return hello;
    if (request.op === "load") {
      inputs = readInputs(request.folder);
      return {};
    }
    const { figure, variant, args } = request;
    const id = JSON.stringify([figure, variant, args]);
    if (!made.has(id)) made.set(id, await make(inputs, figure, variant, args));
    const work = made.get(id);
    if (request.op === "check") {
      return Object.fromEntries(
        Object.entries(await work.check()).map(([name, values]) => [
          name,
          Buffer.from(Float32Array.from(values).buffer).toString("base64"),
        ]),
      );
    }
    const start = performance.now();
    await work.run(request.iterations);
    return { seconds: (performance.now() - start) / 1000 };
  };
  let previous = Promise.resolve();
  createInterface({ input: process.stdin }).on("line", (line) => {
    previous = previous.then(async () => {
      let answer;
      try {
        answer = { result: await answerTo(JSON.parse(line)) };
      } catch (error) {
        console.error(error);
        answer = { error: String(error).split("\n")[0].slice(0, 500) };
      }
      write(`${JSON.stringify(answer)}\n`);
    });
  });
}
