import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt';

type Text = typeof StringValueSchema;

/** A service with a method of each kind, described at run time so that no test message stands in the real contracts. */
export const Echo = describeEcho();

function describeEcho() {
  const type = '.google.protobuf.StringValue';
  const idempotencyLevel = MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  const file = create(FileDescriptorProtoSchema, {
    name: 'test/v1/echo.proto',
    package: 'test.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      {
        name: 'Echo',
        method: [
          { name: 'Say', inputType: type, outputType: type },
          { name: 'Read', inputType: type, outputType: type, options: { idempotencyLevel } },
          { name: 'Count', inputType: type, outputType: type, serverStreaming: true },
          { name: 'Join', inputType: type, outputType: type, clientStreaming: true },
          { name: 'Chat', inputType: type, outputType: type, clientStreaming: true, serverStreaming: true },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, (name) =>
    name === 'google/protobuf/wrappers.proto' ? file_google_protobuf_wrappers.proto : undefined,
  );
  return registry.getService('test.v1.Echo') as unknown as GenService<{
    say: { methodKind: 'unary'; input: Text; output: Text };
    read: { methodKind: 'unary'; input: Text; output: Text };
    count: { methodKind: 'server_streaming'; input: Text; output: Text };
    join: { methodKind: 'client_streaming'; input: Text; output: Text };
    chat: { methodKind: 'bidi_streaming'; input: Text; output: Text };
  }>;
}
