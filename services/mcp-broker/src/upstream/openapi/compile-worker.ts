import { parentPort, workerData } from 'node:worker_threads';
import { type Compile, compileDocument } from './compile-document.ts';
import { DocumentFault } from './plan.ts';

// One document and then the end: whatever a document makes of this thread is gone with it.
try {
  parentPort?.postMessage({ compiled: compileDocument(workerData as Compile) });
} catch (error) {
  parentPort?.postMessage({
    fault: error instanceof DocumentFault ? error.message : 'the document cannot be read as OpenAPI',
  });
}
