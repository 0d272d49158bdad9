import { asGatewayError } from '@sallyport/chassis/errors';

/** Code of the error that stands for a stream which ended without an answer; outside of what JSON-RPC and MCP reserve. */
export const BROKEN_STREAM = -31_999;

/**
 * An SSE answer that always ends with an answer. The MCP client would wait out its whole timeout for a stream that broke
 * off; so an error for the request's id is put at the end. After a complete answer it is for an id that nobody waits for.
 * A stream with event ids may be resumed by the client and is left alone.
 */
export async function* endedStream(body: AsyncIterable<Buffer>, id: string | number): AsyncGenerator<Buffer> {
  let tail = '\n';
  let resumable = false;
  let fault: unknown;
  try {
    for await (const chunk of body) {
      if (!resumable) {
        const text = tail + chunk.toString('latin1');
        resumable = /[\r\n]id:/.test(text);
        tail = text.slice(-4);
      }
      yield chunk;
    }
  } catch (error) {
    fault = error;
  }
  if (resumable) {
    if (fault !== undefined) throw fault;
    return;
  }
  const reason = fault === undefined ? undefined : asGatewayError(fault);
  const error = {
    code: BROKEN_STREAM,
    message: reason?.message ?? 'The tool server ended its answer early.',
    data: { code: reason?.code ?? 'upstream_error' },
  };
  yield Buffer.from(`\n\nevent: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, error })}\n\n`);
}
