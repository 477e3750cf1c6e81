// Peers: child processes that answer JSON lines; see peers/protocol.py.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../peers/", import.meta.url));
const environment = fileURLToPath(new URL("../.venv/", import.meta.url));

const SCRIPTS = {
  torch: () => [python(), "torch_peer.py"],
  jax: () => [python(), "jax_peer.py"],
  tfjs: () => [javascript(), "tfjs_peer.mjs"],
  "jax-js": () => [javascript(), "jaxjs_peer.mjs"],
};

export const PEER_NAMES = Object.keys(SCRIPTS);

function run(command, args) {
  console.error(`bench: ${command} ${args.join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${command} failed${error ? `: ${error.message}` : ""}`);
}

/** The interpreter of bench/.venv, which is made and filled at the first call, or LOWLAND_PEER_PYTHON. */
function python() {
  if (process.env.LOWLAND_PEER_PYTHON) return process.env.LOWLAND_PEER_PYTHON;
  const interpreter = join(environment, "bin", "python");
  const complete = join(environment, "complete");
  if (!existsSync(complete)) {
    run("python3", ["-m", "venv", environment]);
    run(interpreter, ["-m", "pip", "install", "--disable-pip-version-check", "-r", "requirements.txt"]);
    run(interpreter, ["-c", `open(${JSON.stringify(complete)}, "w").close()`]);
  }
  return interpreter;
}

/** This Node, with the packages of bench/peers installed. */
function javascript() {
  if (!existsSync(join(folder, "node_modules", ".package-lock.json"))) {
    run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  }
  return process.execPath;
}

/** Starts a peer and asks what it is. */
export async function openPeer(id) {
  const [command, script] = SCRIPTS[id]();
  const child = spawn(command, [script], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
  const complaints = [];
  child.stderr.on("data", (data) => {
    complaints.push(data);
    if (complaints.length > 100) complaints.shift();
  });
  const waiting = [];
  const fail = (error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  child.stdin.on("error", () => {});
  child.on("error", fail);
  child.on("exit", (code) =>
    fail(new Error(`${id} ended with ${code}: ${Buffer.concat(complaints).toString().trim().slice(-500)}`)),
  );
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { resolve, reject } = waiting.shift();
    const { result, error } = JSON.parse(line);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  const ask = (request) =>
    new Promise((resolve, reject) => {
      if (child.exitCode !== null) reject(new Error(`${id} is gone`));
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  const hello = await ask({ op: "hello" });
  return {
    id,
    ...hello,
    load: (inputs) => ask({ op: "load", folder: inputs }),
    async check(figure, variant, args) {
      const outputs = await ask({ op: "check", figure, variant, args });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, text]) => {
          const bytes = new Uint8Array(Buffer.from(text, "base64"));
          return [name, new Float32Array(bytes.buffer)];
        }),
      );
    },
    /** A competitor for `rounds`. */
    competitor: (figure, variant, args) => ({
      units: hello.unitsPerIteration?.[figure]?.[variant] ?? 1,
      time: async (iterations) => (await ask({ op: "time", figure, variant, args, iterations })).seconds,
    }),
    close: () => child.kill(),
  };
}
