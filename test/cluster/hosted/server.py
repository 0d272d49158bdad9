"""A tool server of the official Python SDK over Streamable HTTP, which says in whose process a call was answered."""

import os
import uuid

from mcp.server.mcpserver import MCPServer

server = MCPServer("python")
process = str(uuid.uuid4())
told: list[str] = []


@server.tool()
def tell(word: str) -> dict[str, object]:
    """Keeps a word, and tells all that were kept."""
    told.append(word)
    return {"process": process, "token": os.environ.get("TOKEN", ""), "told": told}


server.run(transport="streamable-http", host="0.0.0.0", port=8000)
