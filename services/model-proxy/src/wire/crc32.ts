/** Remainders of all bytes by the polynomial of CRC-32 (ISO-HDLC), reflected. */
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xed_b8_83_20 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** The CRC-32 of bytes from one position to before another, as zlib and Amazon's event stream have it. */
export function crc32(bytes: Uint8Array, from = 0, end = bytes.length): number {
  let sum = 0xff_ff_ff_ff;
  for (let at = from; at < end; at++) sum = (table[(sum ^ (bytes[at] as number)) & 0xff] as number) ^ (sum >>> 8);
  return (sum ^ 0xff_ff_ff_ff) >>> 0;
}
