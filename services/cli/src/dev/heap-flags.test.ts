import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { heapFlags } from './heap-flags.ts';
import { repository } from './repository.ts';

const launch = readFileSync(join(repository, 'deploy/image/launch'), 'utf8');
/** What it works out between the name of the program and its start. */
const flags = launch.slice(launch.indexOf('\nheap='), launch.indexOf('\nif [ -f "$main" ]'));

it.each(readdirSync(join(repository, 'services')))('%s runs with the same heap here and in the image', (service) => {
  const script = `word=${service}\n${flags}\necho --max-semi-space-size=$young $heap`;
  const inImage = execFileSync('sh', ['-c', script], { encoding: 'utf8', timeout: 10_000 });
  expect(inImage.trim().split(' ')).toEqual(heapFlags(service));
});

it('is what node is started with there', () => {
  expect(launch).toContain('exec node --max-semi-space-size=$young $heap "$main"');
});
