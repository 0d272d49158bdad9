import type { NextFunction, Request, Response } from 'express';

/** A request that a wire refuses. Each wire renders it in its own error shape. */
export class WireFault extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;

  constructor(status: number, message: string, details: { code?: string; param?: string } = {}) {
    super(message);
    this.name = 'WireFault';
    this.status = status;
    this.code = details.code ?? null;
    this.param = details.param ?? null;
  }
}

/** How a wire writes a fault: the body, and headers beside it. */
export type RenderFault = (fault: WireFault) => { body: unknown; headers?: Record<string, string> };

/** Error middleware for a wire's router: body-parser faults keep their 4xx, everything unknown is a 500 without internals. */
export function faultHandler(render: RenderFault, report: (error: Error) => void) {
  return (error: unknown, _req: Request, res: Response, _next: NextFunction): void => {
    const fault = asFault(error);
    if (fault.status >= 500) report(error instanceof Error ? error : new Error(String(error)));
    if (res.headersSent) {
      res.destroy();
      return;
    }
    const { body, headers } = render(fault);
    res
      .status(fault.status)
      .set(headers ?? {})
      .json(body);
  };
}

function asFault(error: unknown): WireFault {
  if (error instanceof WireFault) return error;
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  if (status === 413) return new WireFault(413, 'The request body is too large.');
  if (status >= 400 && status < 500) return new WireFault(400, 'The request body is not valid JSON.');
  return new WireFault(500, 'The server had an error while processing your request.');
}
