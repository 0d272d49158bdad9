import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { callScope } from './call-scope.ts';
import { type Caller, callerOfCall } from './caller.ts';
import { currentOpenCall, openCalls } from './open-calls.ts';

const params = { message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };

describe('calls whose server waits for a user', () => {
  it('[mcp:asks-bounded] of one tenant leave room for those of others, and what is answered is room again', async () => {
    const calls = openCalls();
    const caller = (): Caller => ({ elicitation: { form: true, url: false } });
    const asked = async (tenant: string, id: string): Promise<{ asks: boolean; of: Caller }> => {
      const principal = create(PrincipalSchema, { tenant, id, user: id });
      const of = caller();
      const scope = { principal, signal: new AbortController().signal, credential: '' };
      const run = async () => {
        const answer = await currentOpenCall()?.ask(params);
        return { content: [{ type: 'text', text: String(answer?.action) }], isError: false };
      };
      const answer = await callScope.run(scope, () =>
        callerOfCall.run(of, () => calls.begin(`${tenant} ${id}`, 'h.example', run)),
      );
      return { asks: answer.asks === true, of };
    };
    try {
      let hostile = 0;
      for (let at = 0; at < 600; at++) if ((await asked('hostile', `p${at % 100}`)).asks) hostile++;
      expect(hostile).toBe(128);
      const first = await asked('acme', 'alice');
      expect(first.asks).toBe(true);
      for (let more = 0; more < 15; more++) await asked('acme', 'alice');
      expect((await asked('acme', 'alice')).asks).toBe(false);
      const back = {
        ...caller(),
        sends: { state: first.of.asked?.state, responses: { question: { action: 'decline' } } },
      };
      const principal = create(PrincipalSchema, { tenant: 'acme', id: 'alice', user: 'alice' });
      const scope = { principal, signal: new AbortController().signal, credential: '' };
      const done = await callScope.run(scope, () => callerOfCall.run(back, () => calls.resume('acme alice')));
      expect(done?.content).toMatchObject([{ text: 'decline' }]);
      expect((await asked('acme', 'alice')).asks).toBe(true);
    } finally {
      calls.stop();
    }
  });
});
