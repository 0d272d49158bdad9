import { parentPort } from 'node:worker_threads';
import { type Compile, compileDocument } from './compile-document.ts';
import { DocumentFault } from './plan.ts';

// One document after the other; a thread in which anything else went wrong is not used again.
parentPort?.on('message', (compile: Compile) => {
  try {
    parentPort?.postMessage({ compiled: compileDocument(compile) });
  } catch (error) {
    const fault = error instanceof DocumentFault ? error.message : 'the document cannot be read as OpenAPI';
    parentPort?.postMessage({ fault });
  }
});
