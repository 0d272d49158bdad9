import { GatewayError } from '@sallyport/chassis/errors';

/** Most characters of JSON in all pages of one list of a server. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Bounds the pages of one list together: each may be as long as an answer. Throws GatewayError `upstream_invalid`. */
export function listBound(): (page: readonly unknown[]) => void {
  let characters = 0;
  return (page) => {
    characters += lengthOf(page);
    if (characters > MAX_CHARACTERS) {
      throw new GatewayError('upstream_invalid', `The tool server's list is longer than ${MAX_CHARACTERS} characters.`);
    }
  };
}

// A list may come that can be read and is too deep to be written.
function lengthOf(page: readonly unknown[]): number {
  try {
    return JSON.stringify(page).length;
  } catch (error) {
    throw new GatewayError('upstream_invalid', "The tool server's list nests too deep.", { cause: error });
  }
}
