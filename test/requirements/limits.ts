import { of, type Requirement } from './requirement.ts';

/** What is promised under `limits:`. */
export const limits: readonly Requirement[] = [
  ...of('issue 3; DESIGN §2, §7', {
    'limits:long-calls': 'Concurrency stays taken by a call however long it goes on.',
    'limits:concurrency': 'Lets as many at once as it says, on two replicas together, and again when they are done.',
    'limits:money': 'Over each is stopped by the money of its run.',
    'limits:money-gateway': 'Ends within one request when the money of the run is spent.',
    'limits:money-per-key': 'Counts what calls really cost.',
    'limits:parallel': 'Forty calls at a limit of ten: ten succeed on one replica.',
    'limits:parallel-replicas': 'The bound is the same on two replicas: shares are granted out of the one counter.',
    'limits:raised': 'A limit raised in YAML holds at once and keeps what was used.',
    'limits:redis-away':
      'Without Redis money is refused where no share is left, rates are let through, and it counts again after.',
    'limits:redis-parallel': 'Forty calls at a limit of ten: ten succeed, whichever replica of policy is asked.',
    'limits:requests': 'Refuses what is beyond, says when to come back and records it.',
    'limits:retry-after': 'Lets the key through again when the time it named is over.',
    'limits:steps': 'Over each is stopped by the steps of its run, and another run goes on.',
    'limits:steps-gateway': 'Ends within one request when the steps of the run are used up.',
    'limits:tools': 'A Limit may pick tools: calls of them count by whom it says, and nothing else does.',
    'limits:tools-retry': 'A call that a limit refuses says when it may be made again: header, result, record.',
    'limits:tools-turns': 'Calls that the gateway makes in a turn count for the tool too.',
    'limits:tools-runs': 'Of a run it counts the calls that it picks, not the steps that the run had taken before.',
    'limits:tools-replicas': 'Brokers together let no more calls through than a Limit says, in a window and at once.',
    'limits:tools-unasked': 'Where no Limit picks tools a call costs no question more.',
    'limits:tokens': 'Counts the tokens that were really used.',
  }),
  ...of('llm-gateways §1.12; platform.openai.com/docs/guides/rate-limits; docs.anthropic.com/en/api/rate-limits', {
    'limits:broken-off':
      'A model call that its client broke off, or gave too little time, has spent the tokens and the money that were set aside for it.',
    'limits:broken-off-recorded':
      'The record of a model call that its client broke off, or gave too little time before another target answered, has the tokens and the cost that its limits counted, marked as estimated.',
    'limits:told':
      "What is left of the tightest Limits that applied stands in the headers of the dialect's own provider, on answers and refusals; where none applied there are none.",
    'limits:told-exact':
      'What is told to be left is what policy said at the lease, less what this process took since: it costs no question.',
  }),
  ...of('DESIGN §4, §5, §7, §8: the turn, part by part', {
    'limits:unpriced': 'A model of unknown price is refused where money is limited.',
  }),
];
