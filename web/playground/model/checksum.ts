/** FNV-1a over the bytes of a vector, in hexadecimal. */
export function checksum(vector: Float32Array): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
