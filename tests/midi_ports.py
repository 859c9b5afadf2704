"""Ports for mido's own interface to backends, where a machine has none: what is sent is kept, what comes is given."""

from __future__ import annotations

import time
from typing import Any

from mido.ports import BaseInput, BaseOutput

sent: list[Any] = []
to_come: list[tuple[float, Any]] = []  # seconds after the port is first asked, and what comes then; in order


def get_devices(**options: Any) -> list[dict[str, Any]]:
    return [
        {"name": "Test Synth 20:0", "is_input": False, "is_output": True},
        {"name": "Test Keys 24:0", "is_input": True, "is_output": False},
    ]


class Input(BaseInput):
    def _open(self, **options: Any) -> None:
        self.began = 0.0

    def _receive(self, block: bool = True) -> None:
        self.began = self.began or time.monotonic()
        while to_come and to_come[0][0] <= time.monotonic() - self.began:
            self._messages.append(to_come.pop(0)[1])


class Output(BaseOutput):
    def _send(self, message: Any) -> None:
        sent.append(message)
