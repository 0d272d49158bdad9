"""Drives a gate with the harness's own parts, once the gate knows the harness's tools. Options as in its `main.py`."""

import json
import os
import sys

sys.path.insert(0, os.environ["HARNESS"])

from main import arguments  # noqa: E402
from runner import Harness, Options, line, summary  # noqa: E402
from suites import VERSION  # noqa: E402
from waiting import wait_for_tools  # noqa: E402


def options_of(args) -> Options:
    given = vars(args) | {"suites": tuple(args.suites.split(","))}
    return Options(**{k: given[k] for k in Options.__dataclass_fields__})


def drive(harness: Harness, args) -> int:
    """All runs; writes the results to `--out`."""
    options = options_of(args)
    wait_for_tools(options)
    records = harness.run(options, report=lambda text: print(text, flush=True))
    print(line("all", records), flush=True)
    args.out.write_text(json.dumps({"version": VERSION, "summary": summary(records), "runs": records}, indent=1))
    return 0


if __name__ == "__main__":
    arguments_given = arguments()
    sys.exit(drive(Harness(arguments_given.mcp_port, arguments_given.model_port, arguments_given.quarantine), arguments_given))
