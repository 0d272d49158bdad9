import { isBad, type Outcome, outcomesOf } from './outcomes.ts';

const WITHIN_MS = 240_000;

/** Everything that a revision asks of a server, against an endpoint: what is scored and what is not. */
export function asAsked(url: string, revision: string): Promise<Outcome[]> {
  return outcomesOf(['server', '--url', url, '--requirements', revision], { withinMs: WITHIN_MS });
}

/** One scenario of a server's. */
export function asAskedOnce(url: string, revision: string, scenario: string): Promise<Outcome[]> {
  const what = ['--scenario', scenario, '--spec-version', revision];
  return outcomesOf(['server', '--url', url, ...what], { withinMs: WITHIN_MS });
}

/**
 * An outcome behind the gate without the checks that fail directly too: those are no work of the gate's. The same id may stand
 * for several checks, which then are told apart by their order.
 */
export function beyond(direct: Outcome | undefined, gated: Outcome): Outcome {
  const failing = new Set(
    (direct?.checks ?? []).map(numbered()).flatMap(({ key, check }) => (isBad(check) ? key : [])),
  );
  return {
    name: gated.name,
    checks: gated.checks.map(numbered()).flatMap(({ key, check }) => (isBad(check) && failing.has(key) ? [] : [check])),
  };
}

function numbered() {
  const counts = new Map<string, number>();
  return (check: Outcome['checks'][number]) => {
    const count = counts.get(check.id) ?? 0;
    counts.set(check.id, count + 1);
    return { key: `${check.id} ${count}`, check };
  };
}
