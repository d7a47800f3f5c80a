"""Run by the Python of the environment that has simonw's `llm`: asks the server at an address through its plugin."""

from __future__ import annotations

import json
import sys

import llm


def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def asked(address: str) -> dict[str, object]:
    """What the plugin's models answer: whole, as it comes, and with a tool."""
    plain, tools = (llm.get_model(name) for name in ("llama-server", "llama-server-tools"))
    plain.api_base = tools.api_base = address
    whole = plain.prompt("Hi", stream=False, temperature=0)
    pieces = list(plain.prompt("Hi", stream=True, temperature=0))
    called = tools.prompt("How is the weather?", tools=[weather], stream=False)
    return {
        "whole": whole.text(),
        "pieces": pieces,
        "calls": [[call.name, call.arguments] for call in called.tool_calls()],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asked(sys.argv[1])))
