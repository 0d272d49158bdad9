import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** A failure that is told in one line, without a stack. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** Reads the arguments of a command; a mistake in them is a CommandError. */
export function readArguments<O extends ParseArgsOptionsConfig>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

/** Where the suite is: for commands that ask one. */
export const connectionOptions = {
  endpoint: { type: 'string' },
  key: { type: 'string' },
  data: { type: 'string', default: '.sallyport' },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;
