import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import type { Redis } from "ioredis";
import { EXPIRY } from "./keys.ts";

/** Plain data with typed arrays as bytes: what threads send one another, written down. */
export function pack(value: unknown): Buffer {
  return serialize(value);
}

/** The data back. Vectors are views of one memory, which nothing else uses. */
export function unpack<T>(bytes: Uint8Array): T {
  return deserialize(new Uint8Array(bytes)) as T;
}

/** SHA-256, in hexadecimal. */
export function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Stores bytes under a key, for a while. */
export async function put(redis: Redis, key: string, bytes: Uint8Array): Promise<void> {
  await redis.set(key, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), "EX", EXPIRY.tensors);
}

/** The bytes under a key; undefined if they are gone, or not those of the hash. */
export async function get(redis: Redis, key: string, hash: string): Promise<Uint8Array | undefined> {
  const bytes = await redis.getBuffer(key);
  return bytes !== null && hashOf(bytes) === hash ? bytes : undefined;
}
