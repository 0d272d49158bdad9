import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { run } from './import.ts';

describe('sallyport import litellm', () => {
  let folder: string;
  let said: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-import-'));
    said = '';
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
    jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  const config = () => {
    const file = join(folder, 'config.yaml');
    writeFileSync(
      file,
      'model_list: [{model_name: m, litellm_params: {model: openai/gpt-5, api_key: sk-inline}}]\nmade_up: 1\n',
    );
    return file;
  };

  it('[import:secrets] writes a file a kind, and that of Secrets for its owner alone', async () => {
    const out = join(folder, 'out');
    expect(await run(['litellm', config(), '--out', out])).toBe(0);
    writeFileSync(join(out, 'limits.yaml'), 'left by an earlier import');
    expect(await run(['litellm', config(), '--out', out])).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['access.yaml', 'models.yaml', 'providers.yaml', 'secrets.yaml']);
    expect(statSync(join(out, 'secrets.yaml')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(out, 'secrets.yaml'), 'utf8')).toContain('sk-inline');
    expect(said).not.toContain('sk-inline');
  });

  it('[import:report] tells on stderr what was not carried over, for people or as JSON', async () => {
    await run(['litellm', config(), '--out', join(folder, 'out')]);
    expect(said).toContain('not carried over (1)\n  made_up: ');
    said = '';
    await run(['litellm', config(), '--out', join(folder, 'out'), '--report', 'json']);
    expect(JSON.parse(said)).toMatchObject({
      resources: { Secret: 1, ModelProvider: 1, Model: 1, AccessPolicy: 1 },
      findings: [{ path: 'model_list[0].litellm_params.api_key', kind: 'secret' }, { path: 'made_up' }],
    });
  });

  it('[import:report] refuses what is no config in one line', async () => {
    const file = join(folder, 'broken.yaml');
    writeFileSync(file, 'a: [1\n');
    await expect(run(['litellm', file])).rejects.toThrow(/cannot be read/);
    await expect(run(['litellm', join(folder, 'none.yaml')])).rejects.toThrow(/is not there/);
    await expect(run(['portkey', file])).rejects.toThrow(/^import: sallyport import litellm/);
  });
});
