import type { DescMethod, DescService, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { codecOf } from './codec/codec.ts';
import { EncodedList } from './encoded.ts';

/** A message as a caller may write it: a full message, or any of its fields. */
export type Init<M extends DescMethod['input']> = MessageInitShape<M>;

/** A message as a receiver gets it. */
export type Shape<M extends DescMethod['input']> = MessageShape<M>;

/** What the wire needs to know of one method. */
export interface MethodWire {
  /** `pkg.Service/Method`, as in logs, metrics and allow-lists. */
  readonly name: string;
  /** `/pkg.Service/Method`, as in HTTP/2. */
  readonly path: string;
  readonly kind: DescMethod['methodKind'];
  readonly localName: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** May be sent twice: NO_SIDE_EFFECTS (1) or IDEMPOTENT (2). */
  readonly idempotent: boolean;
  readonly requestSerialize: (message: object) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Message;
  readonly responseSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Message;
}

/** The methods of a service as grpc-js wants them. */
export function methodsOf(service: DescService): MethodWire[] {
  return service.methods.map((method) => {
    const name = `${service.typeName}/${method.name}`;
    const kind = method.methodKind;
    const request = codecOf(method.input);
    const response = codecOf(method.output);
    return {
      name,
      path: `/${name}`,
      kind,
      localName: method.localName,
      requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
      responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
      idempotent: method.idempotency === 1 || method.idempotency === 2,
      requestSerialize: (message) => (message instanceof EncodedList ? message.bytes() : request.encode(message)),
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
    };
  });
}
