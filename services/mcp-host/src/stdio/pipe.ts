/** A running process by its standard input and output, wherever it runs. */
export interface Pipe {
  /** Writes; resolves once more may be written. Rejects where the process has ended. */
  write(data: Buffer): Promise<void>;
  /** Ends it, by force where it does not end by itself. Safe to call twice. */
  end(): void;
}

/** Whom a process tells what it writes, and that it has ended. */
export interface PipeListener {
  readonly onData: (data: Buffer) => void;
  /** Called once, with why. */
  readonly onEnd: (reason: string) => void;
}

/** Starts a process, or takes hold of one that was started. */
export type OpenPipe = (listener: PipeListener, signal: AbortSignal) => Promise<Pipe>;
