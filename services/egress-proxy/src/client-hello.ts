/** What the first bytes of a TLS connection say. */
export type ClientHello =
  /** More bytes are needed. */
  | { readonly is: 'partial' }
  /** It is no TLS, or one that hides or garbles where it goes. */
  | { readonly is: 'refused'; readonly why: 'NotTls' | 'NoServerName' | 'EncryptedHello' }
  | { readonly is: 'named'; readonly name: string };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ENCRYPTED_HELLO = 0xfe0d;
/** A ClientHello with post-quantum keys is some 2 KiB. */
const MAX_HELLO = 16 * 1024;
/** Each is looked at again whenever a byte comes: thousands of them would take seconds. */
const MAX_RECORDS = 32;
const NOT_TLS: ClientHello = { is: 'refused', why: 'NotTls' };

/** Reads the server name (RFC 6066 §3) out of a ClientHello (RFC 8446 §4.1.2), which may come in several records. */
export function readClientHello(bytes: Buffer): ClientHello {
  const parts: Buffer[] = [];
  let size = 0;
  let wanted = 4;
  for (let at = 0; size < wanted; ) {
    if (parts.length === MAX_RECORDS || (bytes.length > at && bytes[at] !== HANDSHAKE)) return NOT_TLS;
    if (bytes.length < at + 5) return { is: 'partial' };
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at + 1] !== 3 || length === 0 || length > 16_384) return NOT_TLS;
    if (bytes.length > at + 5 && parts.length === 0 && bytes[at + 5] !== CLIENT_HELLO) return NOT_TLS;
    if (bytes.length < at + 5 + length) return { is: 'partial' };
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    size += length;
    at += 5 + length;
    if (size >= 4) {
      const head = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      wanted = 4 + head.readUIntBE(1, 3);
      if (wanted > MAX_HELLO) return NOT_TLS;
    }
  }
  try {
    return nameOf(Buffer.concat(parts).subarray(4, wanted));
  } catch {
    return NOT_TLS;
  }
}

function nameOf(hello: Buffer): ClientHello {
  let at = 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at === hello.length) return { is: 'refused', why: 'NoServerName' };
  const end = at + 2 + hello.readUInt16BE(at);
  if (end !== hello.length) return NOT_TLS;
  at += 2;
  let name: string | undefined;
  while (at < end) {
    const type = hello.readUInt16BE(at);
    const body = hello.subarray(at + 4, at + 4 + hello.readUInt16BE(at + 2));
    at += 4 + body.length;
    // What stands in it may lead elsewhere than the name that is shown.
    if (type === ENCRYPTED_HELLO) return { is: 'refused', why: 'EncryptedHello' };
    if (type !== SERVER_NAME) continue;
    // One entry of type host_name, and one extension of it: two readers might take another one.
    const length = body.readUInt16BE(3);
    if (name !== undefined || body.readUInt16BE(0) !== body.length - 2 || body[2] !== 0 || length !== body.length - 5) {
      return NOT_TLS;
    }
    name = body.toString('latin1', 5);
  }
  return name === undefined || name === '' ? { is: 'refused', why: 'NoServerName' } : { is: 'named', name };
}
