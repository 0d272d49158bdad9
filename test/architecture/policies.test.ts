import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readResources } from '@sallyport/cli/policy/files';
import { beside, failureText, runAll } from '@sallyport/cli/policy/test-command';
import { root } from './tree.ts';

const MOST_RULES = 3;

describe('shipped policies', () => {
  it('[house:policies] decide their cases, which show each rule from both sides', async () => {
    const runs = await runAll([join(root, 'deploy/policies')]);
    expect(runs.length).toBe(9);
    const outcomes = runs.flatMap((run) => run.outcomes);
    expect(outcomes.filter(({ differences }) => differences.length > 0).map(failureText)).toEqual([]);
    expect(runs.flatMap((run) => run.untested)).toEqual([]);
  }, 60_000);

  it('[house:policies] have a case for every tool that they name, and at most three rules on its calls', async () => {
    const runs = await runAll([join(root, 'deploy/policies')]);
    for (const { outcomes } of runs) {
      const { path, text } = { path: outcomes[0]?.file.path ?? '', text: '' };
      const asked = new Set(outcomes.map((one) => one.case.tool));
      for (const policy of readResources(beside({ path, text }))) {
        if (policy.kind !== 'ToolPolicy') continue;
        expect(policy.spec.calls.length).toBeLessThanOrEqual(MOST_RULES);
        const missing = policy.spec.tools.filter(({ tool }) => !tool.includes('*') && !asked.has(tool));
        expect([path, missing]).toEqual([path, []]);
      }
    }
  }, 60_000);
});
