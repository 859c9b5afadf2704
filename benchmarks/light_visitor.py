"""A visitor of the studio without a browser: speaks to the server as Streamlit's page does, and draws nothing.

So that many people can be sent to a server on the machine that it runs on: ten browsers alone keep two cores busy.
"""

from __future__ import annotations

import itertools
import json
import time
from urllib.parse import urlencode

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

MAX_MESSAGE_BYTES = 64_000_000
A_FILE = "a file"  # one way to start
XSRF_COOKIE = "_streamlit_xsrf"


class LightVisitor:
    """One session; from one thread.

    Every method raises TimeoutError when the studio does not answer in time, and RuntimeError when it shows an error.
    """

    def __init__(self, url: str, patience_s: float) -> None:
        address = url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket: ClientConnection = connect(
            address, subprotocols=["streamlit"], max_size=MAX_MESSAGE_BYTES, compression=None, ping_interval=None
        )
        self._url, self._http = url, requests.Session()
        self._patience_s = patience_s
        self._looks: dict[str, tuple[float, float]] = {}  # by fragment: when it runs again, and how often
        self._ids: dict[str, str] = {}  # of widgets, by label
        self._states: dict[str, WidgetState] = {}  # of those that were used, by id
        self._files: dict[
            str, str
        ] = {}  # addresses of downloads, by label; of those that are made when asked for, names
        self._is_settled = False
        self._numbers = itertools.count(1)  # of requests
        self._sound = self._heard = ""  # the address of what the player plays, and what it is called
        self._session_id = self._query = self._upload_url = self._file_id = self._made_url = ""
        self._run()
        self._settle()

    def compose(self, **wishes: str | int) -> tuple[float, float]:
        """Presses Compose.

        Args:
            wishes: as they stand in the page's address, such as `notes=200`.

        Returns:
            Seconds until the first note came, and until there was sound to play.
        """
        self._query = urlencode(wishes)
        self._looks.clear()
        self._files.clear()
        began, first_note_s = time.perf_counter(), 0.0
        self._run(WidgetState(id=self._ids["Compose"], trigger_value=True))
        while True:
            player = self._receive()
            if not player or not player["takes"][0]["notes"] or player["identity"] == self._heard:
                continue  # such as the music before, of a run that began before the button was pressed
            first_note_s = first_note_s or time.perf_counter() - began
            if player["takes"][0].get("audio"):
                self._looks.clear()
                self._sound, self._heard = player["takes"][0]["audio"], player["identity"]
                return first_note_s, time.perf_counter() - began

    def listen(self) -> int:
        """Loads the sound as a player does; gives its bytes."""
        return self._get(self._sound)

    def download(self, label: str) -> int:
        """Presses a button that gives a file; gives its bytes."""
        self._settle()
        address = self._files[label]
        if not address.startswith("/"):
            self._made_url = ""
            message = BackMsg()
            message.backend_operation_request.request_id = str(next(self._numbers))
            message.backend_operation_request.session_id = self._session_id
            message.backend_operation_request.deferred_file.file_id = address
            self._socket.send(message.SerializeToString())
            self._until(lambda: bool(self._made_url))
            address = self._made_url
        return self._get(address)

    def upload(self, name: str, data: bytes) -> None:
        """Lets music start from a file, which is taken away by the next `start_anew`."""
        self._settle()
        way = WidgetState(id=self._ids["Start from"])
        way.string_array_value.data.append(A_FILE)
        self._run(way)
        self._settle()
        self._send_file(name, data)
        chosen = WidgetState(id=self._ids["MIDI, MusicXML or ABC"])
        file = chosen.file_uploader_state_value.uploaded_file_info.add()
        file.file_id, file.name, file.size = self._file_id, name, len(data)
        file.file_urls.file_id, file.file_urls.upload_url = self._file_id, self._upload_url
        self._run(way, chosen)
        self._settle()

    def start_anew(self) -> None:
        """Lets music start from nothing."""
        self._settle()
        way = WidgetState(id=self._ids["Start from"])
        way.string_array_value.data.append("nothing")
        self._run(way)
        self._settle()

    def close(self) -> None:
        """Leaves."""
        self._socket.close()
        self._http.close()

    def _get(self, address: str) -> int:
        answer = self._http.get(self._url + address, timeout=self._patience_s)
        answer.raise_for_status()
        return len(answer.content)

    def _send_file(self, name: str, data: bytes) -> None:
        self._upload_url = ""
        message = BackMsg()
        message.file_urls_request.request_id = str(next(self._numbers))
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session_id
        self._socket.send(message.SerializeToString())
        self._until(lambda: bool(self._upload_url))
        self._http.get(f"{self._url}/_stcore/health", timeout=self._patience_s)  # gives the cookie
        token = {"X-Xsrftoken": self._http.cookies.get(XSRF_COOKIE, "")}
        answer = self._http.put(
            self._url + self._upload_url, files={"file": (name, data)}, headers=token, timeout=self._patience_s
        )
        answer.raise_for_status()

    def _run(self, *changed: WidgetState, fragment_id: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        message.rerun_script.fragment_id = fragment_id
        message.rerun_script.is_auto_rerun = bool(fragment_id)
        self._states |= {one.id: one for one in changed}
        message.rerun_script.widget_states.widgets.extend(self._states.values())  # all of them, as a browser does
        self._states = {name: one for name, one in self._states.items() if not one.trigger_value}
        self._is_settled &= bool(fragment_id)
        self._socket.send(message.SerializeToString())

    def _settle(self) -> None:
        """Waits until the page is there as a whole, as people do before they press anything on it."""
        self._until(lambda: self._is_settled)

    def _until(self, is_so) -> None:
        while not is_so():
            self._receive()

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
        elif kind == "script_finished":
            self._is_settled |= message.script_finished == message.FINISHED_SUCCESSFULLY  # not a fragment only
        elif kind == "new_session":
            self._is_settled &= bool(message.metadata.run.fragment_ids)
            self._session_id = message.new_session.initialize.session_id or self._session_id
        elif kind == "file_urls_response":
            (file,) = message.file_urls_response.file_urls
            self._file_id, self._upload_url = file.file_id, file.upload_url
        elif kind == "backend_operation_response":
            answer = message.backend_operation_response
            if answer.error_msg:
                raise RuntimeError(answer.error_msg)
            self._made_url = answer.deferred_file.url
        elif kind == "delta":
            return self._see(message.delta.new_element)
        return None

    def _see(self, element) -> dict | None:
        kind = element.WhichOneof("type")
        widget = getattr(element, kind) if kind else None
        if kind == "exception":
            raise RuntimeError(f"{widget.type}: {widget.message} {' '.join(widget.stack_trace[-3:])}")
        if kind == "alert" and widget.format == widget.ERROR:
            raise RuntimeError(widget.body)
        if kind == "download_button":
            self._files[widget.label] = widget.url or widget.deferred_file_id
        elif kind == "link_button":
            self._files[widget.label] = widget.url
        elif kind in ("button", "button_group", "slider", "file_uploader"):
            self._ids[widget.label] = widget.id
        elif kind == "bidi_component" and widget.component_name.endswith("player"):
            return json.loads(widget.json or "null")
        return None
