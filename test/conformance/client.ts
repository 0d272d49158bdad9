// What the conformance suite starts as "the client": it tells the run where the scenario's server is, and waits.
const { SALLYPORT_CONTROL: control = '', MCP_CONFORMANCE_CONTEXT: context = '' } = process.env;
const query = new URLSearchParams({ url: process.argv.at(-1) ?? '', context });
const answer = await fetch(`${control}/?${query}`);
process.stdout.write(`${await answer.text()}\n`);
process.exitCode = answer.ok ? 0 : 1;
