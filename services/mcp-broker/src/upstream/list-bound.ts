import { GatewayError } from '@sallyport/chassis/errors';

/** Most characters of JSON in all pages of one list of a server. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Bounds the pages of one list together: each may be as long as an answer. Throws GatewayError `upstream_invalid`. */
export function listBound(): (page: readonly unknown[]) => void {
  let characters = 0;
  return (page) => {
    characters += JSON.stringify(page).length;
    if (characters > MAX_CHARACTERS) {
      throw new GatewayError('upstream_invalid', `The tool server's list is longer than ${MAX_CHARACTERS} characters.`);
    }
  };
}
