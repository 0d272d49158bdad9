const NANO_PER_USD = 1_000_000_000;

/** An amount in both forms of the API; both null when a price was unknown. */
export interface Cost {
  /** Exact decimal US dollars, for example `0.00001275`. */
  readonly costUsd: string | null;
  /** The same in billionths of a dollar. */
  readonly costNanoUsd: number | null;
}

/** Shows an amount of nano-USD; a negative one means unknown. */
export function costOf(nanoUsd: number): Cost {
  if (!(nanoUsd >= 0)) return { costUsd: null, costNanoUsd: null };
  const nano = Math.round(nanoUsd);
  const fraction = String(nano % NANO_PER_USD)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const whole = Math.floor(nano / NANO_PER_USD);
  return { costUsd: fraction === '' ? String(whole) : `${whole}.${fraction}`, costNanoUsd: nano };
}
