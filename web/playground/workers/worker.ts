import { serveLens } from "./lens.ts";
import { serveMeta } from "./meta.ts";
import type { Role } from "./start.ts";
import { serveTrainer } from "./trainer.ts";

const roles: Readonly<Record<Role, () => void>> = { trainer: serveTrainer, lens: serveLens, meta: serveMeta };

roles[(globalThis as unknown as { readonly name: Role }).name]();
