import type { APIError } from 'openai';
import type { Response, Tool } from 'openai/resources/responses/responses';

/** A function of the client. */
export const note: Tool = {
  type: 'function',
  name: 'note',
  parameters: { type: 'object', properties: { n: { type: 'number' } } },
  strict: false,
};

/** The tool server `desk` as a tool of type mcp. */
export const server = (rest: object = {}): Tool => ({ type: 'mcp', server_label: 'desk', ...rest }) as Tool;

/** Types of the items of a response, in order. */
export const typesOf = ({ output }: Response) => output.map(({ type }) => type);

/** Status, code and parameter of a refusal; undefined where the request was answered. */
export const refusal = (request: Promise<unknown>) =>
  request.then(
    () => undefined,
    (error: APIError) => [error.status, error.code, error.param],
  );
