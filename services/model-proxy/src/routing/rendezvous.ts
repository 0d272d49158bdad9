/**
 * Rendezvous hashing: each key ranks all targets by itself, so that replicas agree without a word, and a target that goes
 * moves only its own keys. The score of a target of some weight; the highest wins. Weights give shares of keys.
 */
export function rendezvousScore(key: string, target: string, weight: number): number {
  if (weight <= 0) return Number.NEGATIVE_INFINITY;
  // Within (0, 1), so that the logarithm is finite and negative.
  const uniform = (hash32(`${key}\n${target}`) + 0.5) / 4_294_967_296;
  return -weight / Math.log(uniform);
}

/** FNV-1a over UTF-16 units with the finish of murmur3, which spreads keys that differ at their ends. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
