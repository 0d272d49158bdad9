import type { Findings } from '../findings.ts';
import type { Settings } from '../settings.ts';
import type { Environment } from './environment.ts';

const LONGEST_SECONDS = 3_600;

/** How long a provider is waited for: the longest of what its deployments say, for LiteLLM has it at each of them. */
export class Waits {
  readonly #seconds: number[] = [];
  readonly #otherwise: number;

  constructor(otherwise: number) {
    this.#otherwise = otherwise;
  }

  take(params: Settings, provider: string, environment: Environment, findings: Findings): void {
    const whole = secondsOf(params, 'timeout', environment);
    const stream = secondsOf(params, 'stream_timeout', environment);
    const said = whole ?? this.#otherwise;
    const before = this.longest;
    this.#seconds.push(said);
    if (before !== undefined && before !== said) {
      const why = `one ModelProvider has one timeout: ${Math.max(before, said)} s for all of ${provider}`;
      findings.add('changed', params.has('timeout') ? params.at('timeout') : params.path, why);
    }
    if (stream !== undefined && stream !== said) {
      findings.add('not-carried', params.at('stream_timeout'), 'streams are waited for as long as other answers are');
    }
    if (said > LONGEST_SECONDS) findings.add('changed', params.at('timeout'), `lowered to ${LONGEST_SECONDS} s`);
  }

  get longest(): number | undefined {
    return this.#seconds.length === 0 ? undefined : Math.max(...this.#seconds);
  }

  /** `spec.timeouts`. */
  get timeouts(): Readonly<Record<string, number>> {
    const seconds = Math.min(LONGEST_SECONDS, Math.max(1, Math.ceil(this.longest ?? this.#otherwise)));
    return {
      connectSeconds: Math.min(5, seconds),
      firstByteSeconds: seconds,
      idleSeconds: seconds,
      totalSeconds: Math.max(seconds, 600),
    };
  }
}

function secondsOf(params: Settings, name: string, environment: Environment): number | undefined {
  const text = environment.plain(params, name);
  const seconds = Number(text);
  return text === undefined || !(seconds > 0) ? undefined : seconds;
}
