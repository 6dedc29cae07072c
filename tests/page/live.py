"""A running `rfcalc explore FILE --live`, and how a test asks it: by plain HTTP, so that every header is ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 60.0


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


class Live:
    """The command as a process, from its start until `end`."""

    def __init__(self, path: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "rfcalc", "explore", str(path), "--live", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"http://(127\.0\.0\.1:(\d+))/([\w-]{32})/", self.said)
        assert found is not None, self.said + str(self.process.communicate())
        self.host, self.port, self.token = found[1], int(found[2]), found[3]
        self.address = found[0]

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = {"Host": self.host, **(headers or {})}
            if body is not None:
                sent.setdefault("Content-Length", str(len(body)))
            for key, value in sent.items():
                connection.putheader(key, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        finally:
            connection.close()

    def post(self, what: str, sent: Any, **headers: str) -> Reply:
        """What the page asks, with the headers that a browser sends."""
        own = {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask("POST", f"/{self.token}/{what}", json.dumps(sent).encode(), own | given)

    def change(self, text: str) -> dict[str, Any]:
        reply = self.post("change", {"text": text})
        assert reply.status == 200, reply
        return reply.json

    def end(self) -> tuple[int, str]:
        """Ctrl-C: the exit code, and what was said on standard error."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err
