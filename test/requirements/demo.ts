import { of, type Requirement } from './requirement.ts';

/** What is promised under `demo:`. */
export const demo: readonly Requirement[] = [
  ...of('DESIGN §10; issue 3, done when', {
    'demo:injection-succeeds-ungated':
      'Without a gate, reading the inbox makes the demo assistant send the reset code to the attacker.',
    'demo:looper-never-ends': 'The looping agent goes on until somebody stops it.',
    'demo:quarantined': 'Through the gate the model sees typed answers and sends nothing.',
    'demo:refused': 'A model that reads the mail in plain obeys it and is refused with a reason.',
    'demo:stopped': 'A looping agent is stopped by its steps, and by its money.',
    'demo:readme': 'What the README shows for SDKs runs as it is printed there.',
    'demo:readme-commands': 'Each command of the README that needs no cluster runs as it is printed there.',
    'demo:ports': 'Launchers that start at once never give the same port, and a data folder keeps its ports.',
    'demo:contract': 'Two suites run side by side, write dev.json and stop cleanly.',
  }),
];
