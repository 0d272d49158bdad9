import type { EventEmitter } from 'node:events';
import pg from 'pg';
import type { Row, Statement } from './postgres.ts';

/** What is used of a connection of pg: the messages of the extended protocol, and what it has parsed by name. */
interface Connection {
  readonly stream: { readonly writable: boolean; cork(): void; uncork(): void; write(bytes: Buffer): void };
  readonly parsedStatements: Record<string, string>;
  parse(message: { readonly text: string; readonly name: string }): void;
  bind(message: { readonly statement: string; readonly values: readonly BoundValue[] }): void;
  describe(message: { readonly type: 'P'; readonly name: string }): void;
  execute(message: Record<string, never>): void;
  sync(): void;
}

type BoundValue = string | Buffer | null;

interface Column {
  readonly name: string;
  readonly read: (text: string) => unknown;
}

interface Description {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

type Done = (error: Error | null, rows?: Row[][]) => void;

/** pg lets only queries of its own class share a connection that is pipelined; its types say nothing of their handlers. */
const Query = pg.Query as unknown as new (config: { readonly text: string }) => EventEmitter;

/** The columns of prepared statements, by connection and name: what was told once is not asked for again. */
const described = new WeakMap<Connection, Map<string, readonly Column[]>>();

const TENANT: Statement = {
  sql: `select set_config('sallyport.tenant', $1, true)`,
  values: [],
  options: { prepared: 'bind tenant' },
};

/** What was sent for statements that are the same each time. */
const sentBefore = new WeakMap<readonly Statement[], { readonly tenant: string; readonly bytes: Buffer }>();

/**
 * Statements of one tenant in one transaction, one write and one round trip. What is executed up to one Sync is a
 * transaction without BEGIN and COMMIT (PostgreSQL manual, "Pipelining"): as queries of their own, which is what pg makes
 * of them, the tenant, each statement and the commit cost both sides several times as much.
 */
export class TenantPipeline extends Query {
  /** Called once, with the rows of each statement; pg puts its own around it for the time limit. */
  callback: Done;
  readonly #tenant: string;
  readonly #given: readonly Statement[];
  readonly #statements: readonly Statement[];
  readonly #rows: Row[][] = [];
  #columns: readonly Column[] = [];
  #at = 0;
  #connection: Connection | undefined;
  #fault: Error | undefined;

  constructor(tenant: string, statements: readonly Statement[], done: Done) {
    super({ text: '' });
    this.#tenant = tenant;
    this.#given = statements;
    this.#statements = [{ ...TENANT, values: [tenant] }, ...statements];
    this.callback = done;
  }

  /** pg sends the query by this; what it answers is an error before anything was sent. */
  submit(connection: Connection): Error | null {
    this.#connection = connection;
    const { parsedStatements: parsed } = connection;
    if (Object.isFrozen(this.#given) && this.#statements.every(isKnownTo(connection))) {
      if (connection.stream.writable) connection.stream.write(this.#bytes(connection));
      return null;
    }
    const named = new Map<string, string>();
    for (const { sql, options: { prepared = '' } = {} } of this.#statements) {
      if (prepared === '') continue;
      const before = parsed[prepared] ?? named.get(prepared) ?? sql;
      if (before !== sql) return new Error(`Two statements are prepared as "${prepared}".`);
      named.set(prepared, sql);
    }
    // Uncorked, each message would be a write of its own.
    connection.stream.cork();
    try {
      for (const { sql, values, options: { prepared: name = '' } = {} } of this.#statements) {
        // Once, also where it stands here twice.
        const isNew = name === '' || (parsed[name] === undefined && named.delete(name));
        if (isNew) connection.parse({ text: sql, name });
        connection.bind({ statement: name, values: values.map(bound) });
        if (this.#columnsOf(name) === undefined) connection.describe({ type: 'P', name: '' });
        connection.execute({});
      }
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
    return null;
  }

  handleRowDescription({ fields }: Description): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      read: pg.types.getTypeParser(dataTypeID, 'text') as Column['read'],
    }));
    this.#keepColumns();
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const columns = this.#columnsOf(this.#name()) ?? this.#columns;
    try {
      const row: Row = {};
      for (let index = 0; index < columns.length; index++) {
        const { name, read } = columns[index] as Column;
        const text = fields[index] ?? null;
        row[name] = text === null ? null : read(text);
      }
      this.#current().push(row);
    } catch (error) {
      this.#fault ??= error as Error;
    }
  }

  handleCommandComplete(): void {
    this.#current();
    // One that gives no rows is not described at all.
    if (this.#columnsOf(this.#name()) === undefined) this.#keepColumns();
    this.#columns = [];
    this.#at++;
  }

  handleEmptyQuery(): void {
    this.handleCommandComplete();
  }

  /** The server, or the end of the connection, broke it off: none of it took effect. */
  handleError(error: Error): void {
    this.callback(this.#fault ?? error);
  }

  /** All of it is committed. */
  handleReadyForQuery(connection: Connection): void {
    if (this.#fault !== undefined) {
      this.callback(this.#fault);
      return;
    }
    for (const { sql, options } of this.#statements) {
      if (options?.prepared !== undefined) connection.parsedStatements[options.prepared] = sql;
    }
    this.callback(null, this.#rows.slice(1));
  }

  /** Made once: what looks for something new several times a second writes it at each look. */
  #bytes(connection: Connection): Buffer {
    const before = sentBefore.get(this.#given);
    if (before?.tenant === this.#tenant) return before.bytes;
    const parts: Buffer[] = [];
    const stream = { writable: true, write: (part: Buffer) => parts.push(part) };
    const recorder: Connection = Object.create(connection, { stream: { value: stream } });
    for (const { values, options } of this.#statements) {
      recorder.bind({ statement: options?.prepared ?? '', values: values.map(bound) });
      recorder.execute({});
    }
    recorder.sync();
    const bytes = Buffer.concat(parts);
    sentBefore.set(this.#given, { tenant: this.#tenant, bytes });
    return bytes;
  }

  #name(): string {
    return this.#statements[this.#at]?.options?.prepared ?? '';
  }

  #current(): Row[] {
    const rows = this.#rows[this.#at] ?? [];
    this.#rows[this.#at] = rows;
    return rows;
  }

  #columnsOf(name: string): readonly Column[] | undefined {
    if (name === '' || this.#connection === undefined) return undefined;
    return described.get(this.#connection)?.get(name);
  }

  #keepColumns(): void {
    const name = this.#name();
    if (name === '' || this.#connection === undefined) return;
    const known = described.get(this.#connection) ?? new Map<string, readonly Column[]>();
    described.set(this.#connection, known.set(name, this.#columns));
  }
}

/** Tells whether a statement is parsed there, and what it answers described. */
function isKnownTo(connection: Connection): (statement: Statement) => boolean {
  const columns = described.get(connection);
  return ({ sql, options: { prepared = '' } = {} }) =>
    columns?.has(prepared) === true && connection.parsedStatements[prepared] === sql;
}

/** A parameter as pg writes it: bytes as they are, all else as text. */
function bound(value: unknown): BoundValue {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' || Buffer.isBuffer(value) ? value : String(value);
}
