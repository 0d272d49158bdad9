import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** All files that are, or would be, checked in, relative to the root. */
export function trackedFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  return list.split('\0').filter((file) => file !== '');
}

/** Our own TypeScript: no generated code, no fixtures. */
export function ownSources(): string[] {
  return trackedFiles().filter((file) => /^(services|test)\/.*\.ts$/.test(file) && !file.includes('/fixtures/'));
}

/** Our own contracts between services. */
export function ownContracts(): string[] {
  return trackedFiles().filter((file) => /^proto\/sallyport\/.*\.proto$/.test(file));
}
