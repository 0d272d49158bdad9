"""A tool server of the official Python SDK, of either line, over Streamable HTTP: server.py PORT."""

import sys

PORT = int(sys.argv[1])

try:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("real-python")
    listening = {"host": "127.0.0.1", "port": PORT}
except ImportError:
    from mcp.server.fastmcp import FastMCP

    server = FastMCP("real-python", host="127.0.0.1", port=PORT)
    listening = {}


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.resource("note://today")
def today() -> str:
    """What is to be done today."""
    return "Water the plants."


@server.prompt()
def greet(name: str) -> str:
    """Greets somebody."""
    return f"Say hello to {name}."


server.run(transport="streamable-http", **listening)
