import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ownContracts, ownSources, root, trackedFiles } from './tree.ts';

const HARD_LINES = 600;
const FORBIDDEN = /(^|[/.-])(util|utils|helper|helpers|common|misc|manager|managers)(\.|\/|-|$)/i;
const TOP_LEVEL = [
  'LICENSE',
  'Makefile',
  'README.md',
  'charts',
  'deploy',
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'proto',
  'services',
  'test',
];

const sources = ownSources();
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('the tree', () => {
  it('[house:saw-files] is seen by these checks', () => {
    expect(sources.length).toBeGreaterThan(250);
  });

  it('[house:top-level] has exactly the agreed top level', () => {
    const top = new Set(
      trackedFiles()
        .map((file) => file.split('/')[0] as string)
        .filter((name) => !name.startsWith('.')),
    );
    expect([...top].sort()).toEqual(TOP_LEVEL);
  });

  it(`[house:file-size] has no file of ours over ${HARD_LINES} lines`, () => {
    const long = [...sources, ...ownContracts()]
      .map((file) => [file, read(file).split('\n').length] as const)
      .filter(([, lines]) => lines > HARD_LINES);
    expect(long).toEqual([]);
  });

  it('[house:names] has no file named for nothing', () => {
    expect(
      trackedFiles().filter((file) => /^(services|test|proto|deploy)\//.test(file) && FORBIDDEN.test(file)),
    ).toEqual([]);
  });

  it('[house:no-environment] reads the environment in config files only', () => {
    const reading = sources.filter(
      (file) =>
        file.startsWith('services/') &&
        !/(^|\/)config\.ts$/.test(file) &&
        !file.endsWith('.test.ts') &&
        !file.startsWith('services/cli/'),
    );
    expect(reading.filter((file) => /\bprocess\.env\b/.test(read(file)))).toEqual([]);
  });

  it('[house:no-module-mocks] mocks no module', () => {
    const mock = ['jest.', 'mock('].join('');
    const unstable = ['unstable_', 'mockModule'].join('');
    expect(sources.filter((file) => read(file).includes(mock) || read(file).includes(unstable))).toEqual([]);
  });

  it('[house:five-files] gives every deployable a main and a config', () => {
    const libraries = new Set(['chassis', 'turn', 'custom-resources', 'peers']);
    const folders = readdirSync(join(root, 'services'), { withFileTypes: true })
      .filter((one) => one.isDirectory())
      .map((one) => one.name);
    for (const name of folders.filter((one) => !libraries.has(one))) {
      expect(sources).toContain(`services/${name}/src/main.ts`);
      if (name !== 'cli') expect(sources).toContain(`services/${name}/src/config.ts`);
    }
    for (const name of libraries) expect(sources).not.toContain(`services/${name}/src/main.ts`);
  });

  it('[house:stages] has the stages of a turn as files of their names', () => {
    const stages = [
      'admit',
      'label',
      'quarantine',
      'decorate',
      'guard-in',
      'tools',
      'cache-lookup',
      'route',
      'reserve',
      'call',
      'guard-during',
      'decide',
      'execute',
      'release',
      'guard-out',
      'settle',
      'record',
    ];
    for (const stage of stages) expect(sources).toContain(`services/model-proxy/src/turn/${stage}.ts`);
  });

  it('[house:no-hosts] names no registry host and no machine path', () => {
    const hosts = [
      ['registry', 'npmjs'],
      ['proxy', 'golang'],
      ['pypi', 'org'],
    ].map((parts) => parts.join('.'));
    const paths = ['work', 'farm'].map((one) => `"/${one}/`);
    const text = trackedFiles().filter(
      (file) =>
        /\.(ts|cjs|mjs|js|json|ya?ml|md|sh|proto|sql|tpl)$|Dockerfile|Makefile|^\.ci\//.test(file) &&
        file !== 'pnpm-lock.yaml' &&
        file !== 'test/architecture/files.test.ts',
    );
    const found = text.filter((file) => [...hosts, ...paths].some((one) => read(file).includes(one)));
    expect(found).toEqual([]);
  });
});
