"""A visitor of the studio without a browser: speaks to the server as Streamlit's page does, and draws nothing.

So that many people can be sent to a server on the machine that it runs on: ten browsers alone keep two cores busy.
"""

from __future__ import annotations

import json
import time

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

MAX_MESSAGE_BYTES = 64_000_000


class LightVisitor:
    """One session; from one thread."""

    def __init__(self, url: str, patience_s: float) -> None:
        address = url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket: ClientConnection = connect(
            address, subprotocols=["streamlit"], max_size=MAX_MESSAGE_BYTES, compression=None, ping_interval=None
        )
        self._patience_s = patience_s
        self._looks: dict[str, tuple[float, float]] = {}  # by fragment: when it runs again, and how often
        self._compose_id = ""
        self._run()
        while not self._compose_id:
            self._receive()

    def compose(self) -> tuple[float, float]:
        """Presses Compose.

        Returns:
            Seconds until the first note came, and until there was sound to play.
        """
        pressed = WidgetState(id=self._compose_id, trigger_value=True)
        self._looks.clear()
        began, first_note_s = time.perf_counter(), 0.0
        self._run(pressed)
        while True:
            player = self._receive()
            if not player or not player["takes"][0]["notes"]:
                continue
            first_note_s = first_note_s or time.perf_counter() - began
            if player["takes"][0].get("audio"):
                return first_note_s, time.perf_counter() - began

    def close(self) -> None:
        """Leaves."""
        self._socket.close()

    def _run(self, *pressed: WidgetState, fragment_id: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.fragment_id = fragment_id
        message.rerun_script.is_auto_rerun = bool(fragment_id)
        message.rerun_script.widget_states.widgets.extend(pressed)
        self._socket.send(message.SerializeToString())

    def _receive(self) -> dict | None:
        """What the player is told by the next message, if it is told anything; fragments run when they are due."""
        deadline = time.perf_counter() + self._patience_s
        while time.perf_counter() < deadline:
            for fragment_id, (due, interval) in self._looks.items():
                if time.perf_counter() >= due:
                    self._looks[fragment_id] = (due + interval, interval)
                    self._run(fragment_id=fragment_id)
            try:
                data = self._socket.recv(timeout=0.02)
            except TimeoutError:
                continue
            return self._understand(ForwardMsg.FromString(data))
        raise TimeoutError("the studio does not answer")

    def _understand(self, message: ForwardMsg) -> dict | None:
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._looks[message.auto_rerun.fragment_id] = (time.perf_counter() + interval, interval)
        elif kind == "stop_auto_rerun":
            self._looks.clear()
        elif kind == "delta":
            element = message.delta.new_element
            if element.button.label == "Compose":
                self._compose_id = element.button.id
            if element.bidi_component.component_name.endswith("player"):
                return json.loads(element.bidi_component.json or "null")
        return None
