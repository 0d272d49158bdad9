"""What a house adds to its LiteLLM proxy in these tests: keys of people without a database, and a log of what was spent."""

import json
import os

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

KEYS = {
    "sk-upstream-of-dana-0123456789": "dana-there",
    "sk-upstream-of-robin-0123456789": "robin-there",
    "sk-litellm-master-0123456789": "master",
}
SPENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spent.jsonl")


async def user_api_key_auth(request, api_key):
    """Knows three keys; any other is refused."""
    if api_key not in KEYS:
        raise ValueError("unknown key")
    return UserAPIKeyAuth(api_key=api_key, user_id=KEYS[api_key])


class Spent(CustomLogger):
    """Writes a line for each answered call: who paid, and what LiteLLM read of our attribution."""

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        standard = kwargs.get("standard_logging_object") or {}
        metadata = standard.get("metadata") or {}
        headers = (((kwargs.get("litellm_params") or {}).get("proxy_server_request") or {}).get("headers")) or {}
        line = {
            "user": metadata.get("user_api_key_user_id"),
            "customer": standard.get("end_user"),
            "tags": standard.get("request_tags"),
            "spent": metadata.get("spend_logs_metadata"),
            "model": standard.get("model_group"),
            "stream": bool(kwargs.get("stream")),
            "headers": sorted(headers),
        }
        with open(SPENT, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


spent = Spent()
