// Preloaded into each service of a local suite. Its standard input is a pipe from the launcher: when that is killed
// outright, the pipe closes and the service drains as if it had been told to, instead of living on unseen.
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.resume();
process.stdin.unref();
