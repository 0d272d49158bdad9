import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Fault,
  isOurs,
  parseResource,
  parseYaml,
  type Resource,
  toolPolicyFaults,
} from '@sallyport/custom-resources';
import { CommandError } from '../arguments.ts';
import type { SourceFile } from '../lint.ts';
import { readable } from './readable.ts';

/** The YAML and JSON files at a path: itself, or all below a folder, in order. Throws CommandError where nothing is. */
export function filesAt(path: string): SourceFile[] {
  if (!existsSync(path)) throw new CommandError(`${path} is not there`);
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.split('/').some((part) => part.startsWith('.')))
    .sort()
    .map((name) => ({ path: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
}

/** Our resources in files; documents of other groups are left out. Throws CommandError that names what is wrong. */
export function readResources(files: readonly SourceFile[]): Resource[] {
  const found: Resource[] = [];
  const wrong: string[] = [];
  for (const { path, text } of files) {
    for (const { line, value, faults } of parseYaml(readable(text))) {
      wrong.push(...faults.map((fault) => `${path}:${line}: ${fault.message}`));
      if (!isOurs(value)) continue;
      const parsed = parseResource(value);
      const told = parsed.ok ? faultsOf(parsed.value) : parsed.faults;
      if (parsed.ok) found.push(parsed.value);
      wrong.push(...told.map((fault) => `${path}:${line}: ${fault.path}: ${fault.message}`));
    }
  }
  if (wrong.length > 0) throw new CommandError(wrong.join('\n'), 1);
  return found;
}

// A cluster would not accept it, so there is nothing to be tried.
function faultsOf(resource: Resource): readonly Fault[] {
  return resource.kind === 'ToolPolicy' ? toolPolicyFaults(resource.spec) : [];
}
