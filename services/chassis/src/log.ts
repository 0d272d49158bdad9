/** How much is written; each level includes those after it. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Facts beside the message: one JSON line each. */
export type LogFields = Record<string, unknown>;

/** Writes JSON lines. Never hand it bodies, tokens or arguments: redaction is the net, not the plan. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry these fields too. */
  child(fields: LogFields): Logger;
}

/** Who writes, from which level on, and where to (default stdout). */
export interface LoggerOptions {
  readonly service: string;
  readonly level?: LogLevel;
  readonly write?: (line: string) => void;
  /** Fields of the moment, such as the trace id; asked only for lines that are written. */
  readonly context?: () => LogFields | undefined;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const SECRET_KEY =
  /(?:^|[_\-.]|[a-z](?=[A-Z]))(?:authorization|cookie|password|passwd|secret|token|api[-_]?key|private[-_]?key|credential|assertion)s?$/i;
const SECRET_VALUE =
  /\b(bearer|basic)\s+[\w.~+/=-]{8,}|\bsp-[a-z2-7]{8}-[a-z2-7]{40}\b|\b(?:sk|rk|pk|sly|ghp|gho|xox[a-z]|AIza)[-_]?[\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(:\/\/[^\s/:@]*:)[^\s/@]+@|\b((?:password|passwd|secret|token|api_?key)["']?\s*[=:]\s*)["']?[^\s"',;&}]+/gi;
const MAX_DEPTH = 6;

/** Replaces values that look like credentials inside a text. */
export function redactText(text: string): string {
  return text.replace(SECRET_VALUE, (_match, scheme?: string, url?: string, name?: string) =>
    scheme ? `${scheme} [redacted]` : url ? `${url}[redacted]@` : `${name ?? ''}[redacted]`,
  );
}

/** Tells whether a field of this name holds a secret by its name. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/** A copy fit for a log line: secrets redacted, errors unfolded, bigints as text, depth bounded. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  const copy: LogFields = {};
  for (const [key, item] of Object.entries(value)) {
    copy[key] = isSecretKey(key) && item !== null && item !== undefined ? '[redacted]' : redactValue(item, depth + 1);
  }
  return copy;
}

function redactError(error: Error, depth: number): LogFields {
  const fields: LogFields = { name: error.name, message: redactText(error.message) };
  if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) fields.code = error.code;
  if (error.stack !== undefined) fields.stack = redactText(error.stack);
  if (error.cause !== undefined) fields.cause = redactValue(error.cause, depth + 1);
  return fields;
}

/** Makes the process's logger: one JSON object a line with `time`, `level`, `service`, `msg` and the fields. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  return bound(options, write, { service: options.service });
}

function bound(options: LoggerOptions, write: (line: string) => void, base: LogFields): Logger {
  const lowest = RANK[options.level ?? 'info'];
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (RANK[level] < lowest) return;
    const context = options.context?.();
    const line = { time: new Date().toISOString(), level, ...base, msg: redactText(message) };
    const extra = fields === undefined ? undefined : (redactValue(fields) as LogFields);
    write(`${JSON.stringify({ ...line, ...context, ...extra })}\n`);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => bound(options, write, { ...base, ...(redactValue(fields) as LogFields) }),
  };
}
