"""Waiting until a gate that was started before the harness knows the harness's tools."""

import sys
import time

from http_json import Client

KNOWN_WITHIN_S = 60


def wait_for_tools(options) -> None:
    """Returns once `/mcp` lists tools of every suite that is to run; exits where it never does."""
    end = time.time() + KNOWN_WITHIN_S
    while not tools_known(options):
        if time.time() > end:
            sys.exit("the gate does not list the tools")
        time.sleep(0.2)


def tools_known(options) -> bool:
    headers = {
        "authorization": f"Bearer {options.key}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/list",
    }
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "harness", "version": "1"},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    status, _, text = Client(options.endpoint, headers).request("POST", "/mcp", body)
    return status == 200 and all(f"agentdojo-{suite}__" in text for suite in options.suites)
