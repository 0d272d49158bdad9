const BACKSLASH = 0x5c;

interface Frame {
  /** Keys of the object so far; undefined for an array. */
  readonly keys: Set<string> | undefined;
  /** Key or index of the value that is being read. */
  at: string | number;
}

/** JSON pointer (RFC 6901) of the first key that stands twice in one object of a valid JSON text. */
export function findDuplicateKey(text: string): string | undefined {
  const frames: Frame[] = [];
  for (let i = 0; i < text.length; i++) {
    const frame = frames.at(-1);
    switch (text[i]) {
      case '{':
        frames.push({ keys: new Set(), at: '' });
        break;
      case '[':
        frames.push({ keys: undefined, at: 0 });
        break;
      case '}':
      case ']':
        frames.pop();
        break;
      case ',':
        if (typeof frame?.at === 'number') frame.at++;
        break;
      case '"': {
        const end = endOfString(text, i);
        if (frame?.keys !== undefined && isKey(text, end)) {
          // Escapes are resolved: "a" and "\u0061" are the same key.
          const key = JSON.parse(text.slice(i, end + 1)) as string;
          frame.at = key;
          if (frame.keys.has(key)) return frames.map(({ at }) => `/${escaped(String(at))}`).join('');
          frame.keys.add(key);
        }
        i = end;
      }
    }
  }
  return undefined;
}

/** Index of the quote that ends the string which begins at `start`. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = end - 1;
    while (text.charCodeAt(slashes) === BACKSLASH) slashes--;
    if (((end - slashes) & 1) === 1) return end;
  }
}

function isKey(text: string, end: number): boolean {
  let next = end + 1;
  while (/\s/.test(text[next] ?? '')) next++;
  return text[next] === ':';
}

function escaped(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
