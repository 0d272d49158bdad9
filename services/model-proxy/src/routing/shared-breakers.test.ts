import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { quiet } from '@sallyport/peers/testing';
import type { Target } from '../catalog.ts';
import { routingOf } from './compiled.ts';
import { enter } from './passage.ts';
import { shareBreakers } from './shared-breakers.ts';
import { RoutingState } from './state.ts';
import { Clock, routedModel } from './testing.ts';

const BREAKER = { failurePercent: 50, minimumCalls: 2, windowSeconds: 10, openSeconds: 5, probes: 1 };
const model = routedModel({ a: {}, b: {} }, { breaker: BREAKER });
const target = model.targets[0] as Target;
const step = { target, model, routing: routingOf(model), why: '', capacity: undefined };
const signal = { aborted: false, addEventListener() {}, removeEventListener() {} } as never;

/** Replicas over one Redis; what was published stands in `said`. */
function replicas(count: number) {
  const hub = new EventEmitter();
  const said: string[] = [];
  const clock = new Clock();
  const away = { is: false };
  const states = Array.from({ length: count }, () => {
    const routing = new RoutingState({ now: clock.now });
    const listener = Object.assign(new EventEmitter(), {
      subscribe: async (channel: string) => void hub.on(channel, (text) => listener.emit('message', channel, text)),
    });
    const redis = {
      publish: async (channel: string, text: string) => {
        if (away.is) throw new Error('away');
        said.push(text);
        hub.emit(channel, text);
      },
    };
    shareBreakers({ redis, duplicate: () => listener } as never, routing, quiet);
    listener.emit('ready');
    return routing;
  });
  const fail = async (routing: RoutingState) => (await enter(routing, step as never, 'ann', signal)).end('failed');
  const phase = (routing: RoutingState) => routing.of(target).breaker.phase(clock.ms);
  return { states: states as [RoutingState, RoutingState], said, clock, away, fail, phase };
}

describe('breakers of several replicas', () => {
  it('[routing:shared-breakers] open together, and each probes for itself', async () => {
    const { states, said, clock, fail, phase } = replicas(2);
    const [here, there] = states;
    expect(phase(there)).toBe('closed');
    await fail(here);
    await fail(here);
    expect([phase(here), phase(there)]).toEqual(['open', 'open']);
    expect(said).toHaveLength(1);
    clock.ms += 5_001;
    expect([phase(here), phase(there)]).toEqual(['half-open', 'half-open']);
    (await enter(there, step as never, 'ann', signal)).end('ok');
    expect([phase(here), phase(there)]).toEqual(['half-open', 'closed']);
  });

  it('[routing:shared-breakers] open for a target that was not called here yet, and only for their time', async () => {
    const { states, clock, fail, phase } = replicas(2);
    const [here, there] = states;
    await fail(here);
    await fail(here);
    clock.ms += 1_000;
    expect(phase(there)).toBe('open');
    clock.ms += 4_001;
    expect(phase(there)).toBe('half-open');
  });

  it('[routing:shared-breakers] are held open by nothing that is no word of theirs, nor for long', () => {
    const { states, clock, phase } = replicas(1);
    const [here] = states;
    const { key } = here.of(target);
    here.heardOpened('of-nobody', 1_000);
    expect(phase(here)).toBe('closed');
    here.heardOpened(key, 1e12);
    clock.ms += 60_001;
    expect(phase(here)).toBe('half-open');
  });

  it('[routing:shared-breakers] open where they are while Redis is away', async () => {
    const { states, away, fail, phase } = replicas(2);
    const [here, there] = states;
    phase(there);
    away.is = true;
    await fail(here);
    await fail(here);
    expect([phase(here), phase(there)]).toEqual(['open', 'closed']);
  });
});
