import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../architecture/tree.ts';

/** The blocks of the README that are marked as of a language, from top to bottom, without their fences. */
export function readmeBlocks(language: 'sh' | 'ts' | 'yaml'): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map(([, , text = '']) => text);
}
