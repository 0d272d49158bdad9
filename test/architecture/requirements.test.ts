import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { areas, requirements } from '../requirements.ts';
import { root, trackedFiles } from './tree.ts';

const CITED = /\[([a-z][a-z0-9-]*:[a-z0-9][a-z0-9-]*)\]/g;

const cited = new Map<string, string[]>();
for (const file of trackedFiles().filter((one) => one.endsWith('.test.ts'))) {
  for (const [, id] of readFileSync(join(root, file), 'utf8').matchAll(CITED)) {
    cited.set(id as string, [...(cited.get(id as string) ?? []), file]);
  }
}

describe('requirements', () => {
  it('[house:requirements] are each cited by a test', () => {
    expect(requirements.filter(({ id }) => !cited.has(id)).map(({ id }) => id)).toEqual([]);
  });

  it('[house:requirements] are all that tests cite', () => {
    const known = new Set(requirements.map(({ id }) => id));
    expect([...cited].filter(([id]) => !known.has(id))).toEqual([]);
  });

  it('[house:requirements] stand in the file of their area, and each file in the list', () => {
    const files = readdirSync(join(root, 'test/requirements')).filter((file) => file !== 'requirement.ts');
    expect(files.sort()).toEqual(
      Object.keys(areas)
        .map((area) => `${area}.ts`)
        .sort(),
    );
    for (const [area, ids] of Object.entries(areas))
      expect(ids.filter(({ id }) => !id.startsWith(`${area}:`))).toEqual([]);
  });

  it('[house:requirements] have one id each, a sentence and a source', () => {
    expect(new Set(requirements.map(({ id }) => id)).size).toBe(requirements.length);
    for (const { behaviour, source } of requirements) {
      expect(behaviour).toMatch(/^[A-Z`/].*\.$/);
      expect(source).not.toBe('');
    }
  });
});
