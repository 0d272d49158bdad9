/** What `sallyport help` prints. */
export const usageText = `sallyport: the gate that an agent's whole turn passes

  sallyport dev [--port 4180] [--data .sallyport] [--resources deploy/local]
      runs the whole suite here, with a Postgres of its own
  sallyport trajectory list [--limit 20] [--json]
  sallyport trajectory show <id> | --last [--json]
      a run as a story: who, each step, what was decided and why
  sallyport approvals list [--state pending|approved|rejected|expired|void|used|any] [--json]
  sallyport approvals show <id> | approve <id> | reject <id> [--note TEXT] [--json]
      calls that wait for a person; --endorse /path [--until DATE] vouches for a value in further runs, --break-glass
      decides in place of the approvers
  sallyport get [kind] [name] [--json]
      resources and how each is doing
  sallyport promote <server> [--namespace NAME] [--file FILE] [--accept TOOL | --accept prompt:NAME]…
      a ToolServer in stage Live with the digests of what it offers now, printed or written into its file; what is
      suspicious is left out unless it is accepted by name
  sallyport lint <file or folder>…
      what is wrong with resources, before they are applied; exits 1 when anything is
  sallyport import litellm <config.yaml> [--out litellm-import] [--report text|json]
      writes resources that route as a LiteLLM proxy does, and names each setting that was not carried over
  sallyport policy test [PATH…] [--every-rule] [--json]
      decides the cases of each tests.yaml by the policies beside it; exits 1 when one fails
  sallyport policy table [PATH…] [--tool NAME] [--namespace NAME] [--json]
      what the rules decide of each tool, by class, context, mode and where its arguments came from
  sallyport policy explain --trajectory ID [--step N] | --case FILE [--name TEXT]
      why: each rule, where each argument came from, what would have let the call pass
  sallyport policy replay --policies DIR [--since 24h] [--limit N] [--fail-on stricter|looser|any] [--posture observe]
      decides recorded calls again with other policies and tells what would change, for whom, how often
  sallyport policy coverage [PATH…] [--namespace NAME] [--json]
      keys, clients, models and tools that stand outside of the protection
  sallyport migrate --config FILE
      brings the schema of every service up to date
  sallyport certificates --dir DIR [--namespace NAMESPACE]
      makes a CA and one certificate a service, where missing or near their end

trajectory, approvals, get, promote, policy explain and policy replay ask the suite of --data (default .sallyport), or the one at --endpoint with --key.
`;
