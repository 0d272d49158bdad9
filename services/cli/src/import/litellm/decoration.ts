import type { Findings } from '../findings.ts';
import type { Deployment } from './deployment.ts';

const NUMBERS = {
  temperature: ['temperature', (value: number) => decimal(value, 2)],
  top_p: ['topP', (value: number) => decimal(value, 1)],
  max_tokens: ['maxTokens', (value: number) => (value >= 1 ? Math.floor(value) : undefined)],
  seed: ['seed', (value: number) => Math.floor(value)],
} as const;

/** `decoration.defaults` of a Model: parameters that all its deployments set alike; what only some set is reported. */
export function defaultsOf(
  deployments: readonly Deployment[],
  findings: Findings,
): Readonly<Record<string, unknown>> | undefined {
  const defaults: Record<string, unknown> = {};
  for (const [name, [field, read]] of Object.entries(NUMBERS)) {
    const said = deployments.map(({ params }) => params.number(name));
    const first = said[0];
    const value = first === undefined ? undefined : read(first);
    if (value !== undefined && said.every((one) => one === first)) defaults[field] = value;
    else {
      for (const [index, one] of said.entries()) {
        if (one === undefined) continue;
        const path = deployments[index]?.params.at(name) ?? name;
        findings.add('not-carried', path, 'a default parameter is one for all targets of a Model, within its bounds');
      }
    }
  }
  return Object.keys(defaults).length === 0 ? undefined : defaults;
}

function decimal(value: number, most: number): string | undefined {
  return value > most ? undefined : String(Number(value.toFixed(4)));
}
