// A process that computes one gradient: what a user waits for at first. Argument: dataset.
import { loadTask, openArena, random } from "./lowland.mjs";

const task = await loadTask(`${process.argv[2]}/mlp`);
const arena = openArena();
const params = arena.float32(task.layout.size);
task.init(random.key(0), params);
task.objective("train").lossAndGradient(params, random.key(1), arena.float32(task.layout.size));
