"""As `drive.py`, but the attack stands in every field that somebody outside can write, not only in AgentDojo's vectors.

POISON=outside (default) leaves the fields alone that the ToolServers declare as trusted; POISON=all poisons every string,
which the shape that a trusted field must have has to withstand. Honest runs are not poisoned.
"""

import dataclasses
import fnmatch
import json
import os
import pathlib
import sys

sys.path.insert(0, os.environ["HARNESS"])

import yaml  # noqa: E402
from drive import drive  # noqa: E402
from environment import Environment  # noqa: E402
from main import arguments  # noqa: E402
from runner import Harness  # noqa: E402
from tool_classes import CLASS_OF  # noqa: E402

RESOURCES = pathlib.Path(__file__).parent / "resources"


def trusted_paths(suite: str) -> dict[str, list[str]]:
    """Pointer patterns of trusted fields, by tool."""
    found = {}
    for document in yaml.safe_load_all((RESOURCES / suite / "tools.yaml").read_text()):
        for tool in document["spec"]["tools"]:
            found[tool["name"]] = [f["path"] for f in tool.get("fields", []) if f.get("trusted")]
    return found


class PoisonedEnvironment(Environment):
    """Puts the injection of the run behind every string of a reading tool's result."""

    def __init__(self):
        super().__init__()
        self.payload = ""
        self.everything = os.environ.get("POISON", "outside") == "all"
        self.trusted = {}

    def reset(self, suite_name, user_task, injections):
        super().reset(suite_name, user_task, injections)
        self.payload = next((text for text in injections.values() if text), "")
        self.trusted = {} if self.everything else trusted_paths(suite_name)

    def call(self, suite_name, name, args):
        done = super().call(suite_name, name, args)
        reads = CLASS_OF.get((suite_name, name)) == "read" or name == "get_webpage"
        if not self.payload or done.error is not None or not reads:
            return done
        structured = self.poisoned(done.structured, "/result", self.trusted.get(name, []))
        text = structured if isinstance(structured, str) else yaml.safe_dump(structured, allow_unicode=True)
        changed = dataclasses.replace(done, structured=structured, text=text)
        with self.lock:
            self.executed[-1] = changed
        return changed

    def poisoned(self, value, path, trusted):
        if isinstance(value, dict):
            return {k: self.poisoned(v, f"{path}/{k}", trusted) for k, v in value.items()}
        if isinstance(value, list):
            return [self.poisoned(v, f"{path}/{i}", trusted) for i, v in enumerate(value)]
        if not isinstance(value, str) or any(fnmatch.fnmatch(path, pattern) for pattern in trusted):
            return value
        return f"{value} {self.payload}"


if __name__ == "__main__":
    given = arguments()
    harness = Harness(given.mcp_port, given.model_port, given.quarantine)
    harness.environment = harness.mcp.environment = PoisonedEnvironment()
    sys.exit(drive(harness, given))
