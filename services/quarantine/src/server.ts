import { remainingMs } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { CompletionService } from '@sallyport/proto/models/v1/models_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import type { Extract } from './extract.ts';
import type { ExtractionStore, Reader } from './extraction-store.ts';
import { readQuestion } from './question.ts';
import { readShowing } from './result-field.ts';

/** Who may call what, by the service's name in its certificate. */
export const CALLERS = { 'sallyport.quarantine.v1.QuarantineService': ['model-proxy', 'mcp-broker'] } as const;

const MAX_HANDLES = 1000;
// Left of a caller's time when a model is given up, so that what needs no model can still be shown.
const SHOWING_MS = 500;

/** QuarantineService over extraction and the store of handles. */
export function quarantineService(options: {
  readonly extract: Extract;
  readonly store: ExtractionStore;
  readonly completions: Client<typeof CompletionService>;
  readonly modelTimeoutMs: number;
}): ServiceImpl<typeof QuarantineService> {
  const { extract, store, completions } = options;
  return {
    async extract(request, context) {
      const reader = readerOf(request.principal, request.trajectory);
      const { principal, trajectory, turn, step, tool, content, structuredJson } = request;
      const { outputSchemaJson, argumentsJson, policyRevision } = request;
      const question = request.question === undefined ? undefined : readQuestion(request.question);
      const showing = readShowing(request.presentation);
      if (question === undefined && !showing.structured) {
        throw new GatewayError('invalid_request', 'Nothing is asked and nothing is to be shown.');
      }
      const reading = { reader, tool, question, showing, content, structuredJson };
      const extracted = await extract({ ...reading, outputSchemaJson, argumentsJson, policyRevision }, (ask) =>
        completions.complete(
          { principal: principal as Principal, trajectory, turn, step, ...ask },
          {
            timeoutMs: Math.max(1, Math.min(options.modelTimeoutMs, remainingMs(context.deadlineMs) - SHOWING_MS)),
            signal: context.signal,
            depth: context.depth + 1,
          },
        ),
      );
      const { handles, trusted, ...facts } = extracted;
      return {
        ...facts,
        handles: handles.map((one) => one.id),
        trusted: trusted.map(({ path, value }) => ({ path, valueJson: JSON.stringify(value) })),
      };
    },
    async resolveHandles(request) {
      const reader = readerOf(request.principal, request.trajectory);
      if (request.handles.length > MAX_HANDLES) throw new GatewayError('invalid_request', 'Too many handles at once.');
      const records = request.handles.length === 0 ? [] : await store.resolve(reader, request.handles);
      const values = records.map(({ id, value, from, path }) => ({
        handle: id,
        valueJson: JSON.stringify(value),
        from,
        path,
      }));
      return { values };
    },
  };
}

function readerOf(principal: Principal | undefined, trajectory: string): Reader {
  if (principal === undefined || principal.tenant === '' || principal.id === '' || trajectory === '') {
    throw new GatewayError('invalid_request', 'The request names no principal or no trajectory.');
  }
  return { tenant: principal.tenant, trajectory, principalId: principal.id, user: principal.user };
}
