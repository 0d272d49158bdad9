import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { canGenerate, functionOf } from './generate.ts';

const codec = new URL('./codec.ts', import.meta.url).href;
const messages = new URL('../../../../../proto/gen/sallyport/audit/v1/audit_pb.ts', import.meta.url).href;
const SCRIPT = `
  const { codecOf } = await import(${JSON.stringify(codec)});
  const { RecordSchema } = await import(${JSON.stringify(messages)});
  const { encode, decode } = codecOf(RecordSchema);
  console.log(decode(encode({ id: 'a', step: 3 })).step);
`;

describe('functions from text', () => {
  it('see the names that they are given', () => {
    expect(canGenerate()).toBe(true);
    expect(functionOf<(more: number) => number>('test', { one: 1 }, 'return (more) => one + more;')(2)).toBe(3);
  });

  it('are not needed where a process forbids them: messages are written and read all the same [rpc:codec]', () => {
    const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', SCRIPT];
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8', timeout: 10_000 }).trim()).toBe('3');
  });
});
