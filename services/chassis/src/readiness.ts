import { within } from './deadline.ts';

/** True, or one sentence why not. */
export type ReadinessCheck = () => true | string | Promise<true | string>;

/** Whether this process should get requests, and why not. */
export interface Readiness {
  /** Only for what makes every request fail; a peer that is away is no reason. */
  add(name: string, check: ReadinessCheck): void;
  /** Reasons by check name; empty when ready. A check that takes more than 1 s counts as failed. */
  failures(): Promise<Record<string, string>>;
  /** A reason that stands whatever the checks say (`starting`, `draining`); undefined lifts it. */
  hold(reason: string | undefined): void;
}

const CHECK_MS = 1000;

/** Makes the readiness of one process. */
export function createReadiness(): Readiness {
  const checks = new Map<string, ReadinessCheck>();
  let held: string | undefined;
  return {
    add: (name, check) => void checks.set(name, check),
    hold(reason) {
      held = reason;
    },
    async failures() {
      const failures: Record<string, string> = {};
      if (held !== undefined) failures.process = held;
      await Promise.all(
        Array.from(checks, async ([name, check]) => {
          try {
            const answer = await within(Promise.resolve(check()), CHECK_MS, name);
            if (answer !== true) failures[name] = answer;
          } catch (error) {
            failures[name] = error instanceof Error ? error.message : 'failed';
          }
        }),
      );
      return failures;
    },
  };
}
