function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known name that a mistyped one most likely means; none when nothing is near (more than a third of it differs). */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  let best: { candidate: string; cost: number } | undefined;
  for (const candidate of known) {
    const abbreviated = name.length >= 3 && candidate.toLowerCase().startsWith(name.toLowerCase());
    const cost = abbreviated ? 1 : distance(name.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || cost < best.cost) best = { candidate, cost };
  }
  return best !== undefined && best.cost <= Math.max(2, Math.floor(name.length / 3)) && best.cost < name.length
    ? best.candidate
    : undefined;
}
