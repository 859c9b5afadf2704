"""Ports for mido's own interface to backends, where a machine has none: what is sent is kept."""

from __future__ import annotations

from typing import Any

from mido.ports import BaseOutput

sent: list[Any] = []


def get_devices(**options: Any) -> list[dict[str, Any]]:
    return [{"name": "Test Synth 20:0", "is_input": False, "is_output": True}]


class Output(BaseOutput):
    def _send(self, message: Any) -> None:
        sent.append(message)
