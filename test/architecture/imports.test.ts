import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { root } from './tree.ts';

const rules = createRequire(import.meta.url)('./import-rules.cjs') as { forbidden: object[]; options: object };

async function cruised(paths: string[]): Promise<ICruiseResult> {
  const answer = await cruise(paths, {
    ...rules.options,
    baseDir: root,
    ruleSet: { forbidden: rules.forbidden },
    validate: true,
  } as never);
  return answer.output as ICruiseResult;
}

describe('import directions', () => {
  it('[house:imports] hold in every module, and the lint saw the modules', async () => {
    const result = await cruised(['services', 'proto/gen']);
    const own = result.modules.filter((module) => /^services\/.*\.ts$/.test(module.source));
    expect(own.length).toBeGreaterThan(150);
    const violations = result.summary.violations.map((one) => `${one.rule.name}: ${one.from} → ${one.to}`);
    expect(violations).toEqual([]);
  }, 120_000);
});
