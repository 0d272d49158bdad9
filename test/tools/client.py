"""The official Python client, of either line, against an endpoint: client.py URL KEY TOOL ARGUMENTS; says as JSON what it found."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager


@asynccontextmanager
async def connected(url: str, key: str):
    headers = {"Authorization": f"Bearer {key}"}
    try:
        from mcp import Client
    except ImportError:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        async with streamablehttp_client(url, headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                started = await session.initialize()
                yield session, started.protocolVersion
        return
    from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

    transport = streamable_http_client(url, http_client=create_mcp_http_client(headers=headers))
    async with Client(transport) as client:
        yield client, client.protocol_version


async def main(url: str, key: str, tool: str, arguments: dict) -> None:
    async with connected(url, key) as (client, revision):
        tools = await client.list_tools()
        result = await client.call_tool(tool, arguments)
        names = [one.name for one in tools.tools]
        print(json.dumps({"revision": revision, "tools": names, "text": result.content[0].text}))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])))
