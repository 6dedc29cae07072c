"""`rfcalc explore FILE --live`: the page with an editor, and the engine behind it.

One page, for one person, on this machine. The server listens on 127.0.0.1 alone and its address holds a random token;
a request under another Host, or from a page of another origin, is refused. It reads and writes one file.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..engine.layers import LAYERS
from ..errors import RfcalcError, need
from .change import changed_page
from .html import built_file, document, only_this, palette, regions, script_data
from .markup import Markup, tag
from .source import Changed, SourceFile

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
MOST_BYTES = 2**20
"""Of a request's body, and of the file."""
TOKEN_BYTES = 24
MOST_SECONDS = 20.0
"""For a repair, its process's start included, which ends its search by itself before."""
POLL = 1000
"""Milliseconds between two looks of the page at the file."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Reply = dict[str, Any]


class Refused(Exception):
    """A request that is not answered: its status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


# --- the server -----------------------------------------------------------------------------------------------------


def serve(path: str, schema: Reply, port: int = 0) -> None:
    """Serves the page of a YAML file until Ctrl-C; says its address. `schema` is what `rfcalc schema` prints; port 0 is
    any free one. Raises RfcalcError where the file cannot be read, or the port is taken."""
    if not path.endswith((".yaml", ".yml")):
        raise RfcalcError(f"{path}: no YAML file; rfcalc convert {path} -o FILE.yaml writes one to edit")
    for package in ("starlette", "uvicorn"):
        need(package, "explore")
    import uvicorn

    source = SourceFile(path, MOST_BYTES)
    with listening(port) as door:
        host = f"{HOST}:{door.getsockname()[1]}"
        token = secrets.token_urlsafe(TOKEN_BYTES)
        config = uvicorn.Config(
            application(source, schema, host, token), log_config=None, log_level="warning", access_log=False,
            lifespan="off", ws="none", http="h11", server_header=False, timeout_graceful_shutdown=1,
        )  # fmt: skip

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                """Says the address once Ctrl-C is in uvicorn's hands; before, it would leave a warning."""
                await super().startup(sockets)
                print(f"{path} is open at http://{host}/{token}/ (Ctrl-C ends it)", flush=True)  # a pipe waits for it

        with suppress(KeyboardInterrupt):  # which uvicorn raises again after it has ended all that was under way
            Server(config).run(sockets=[door])


def listening(port: int) -> socket.socket:
    """A socket that takes connections from this machine alone; the first ones wait until the server runs."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((HOST, port))
        door.listen()
    except OSError as error:
        door.close()
        raise RfcalcError(f"port {port}: {error.strerror or error}") from error
    return door


def application(source: SourceFile, schema: Reply, host: str, token: str) -> ASGIApp:
    """The program behind the page: one GET, which is the page, and what the page asks by POST."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    asked = {"change": change, "disk": disk, "save": save_text}

    async def answer(request: Request) -> Response:
        try:
            refuse_strangers(request, host, token)
            what = request.path_params["what"]
            if request.method != "POST":
                if what:
                    raise Refused(404, "there is nothing but the page")
                text, rules = live_page(source.path, schema)
                return HTMLResponse(text, headers={"Content-Security-Policy": rules})
            if what == "repair":
                return JSONResponse(await repairs(text_in(await body_of(request), "text"), source.path))
            if what not in asked:
                raise Refused(404, "there is nothing but the page")
            return JSONResponse(await run_in_threadpool(asked[what], source, await body_of(request)))
        except Refused as refused:
            return PlainTextResponse(f"{refused}\n", refused.status)
        except Changed as error:
            return JSONResponse({"error": str(error), "changed": True}, 409)
        except RfcalcError as error:
            return JSONResponse({"error": str(error)}, 400)

    async def dressed(request: Request) -> Response:
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    return Starlette(routes=[Route("/{token}/{what:path}", dressed, methods=["GET", "HEAD", "POST"]),
                             Route("/{rest:path}", dressed, methods=["GET", "HEAD", "POST"])])  # fmt: skip


def refuse_strangers(request: Request, host: str, token: str) -> None:
    """Refuses whoever is not the page itself: a name that was made to lead here, a page of another site, a guess."""
    if request.headers.getlist("host") != [host]:
        raise Refused(403, "refused: this is no host of that name")
    origin = request.headers.getlist("origin")
    if origin != [f"http://{host}"] and (origin or request.method == "POST"):
        raise Refused(403, "refused: a page of another origin asks")
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(403, "refused: a page of another site asks")
    given = request.path_params.get("token", "")
    if not secrets.compare_digest(given.encode(), token.encode()):
        raise Refused(403, "refused: the address has another token")


async def body_of(request: Request) -> Reply:
    """The JSON object that was sent, read no further than allowed."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "refused: this is no JSON")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            raise Refused(413, f"refused: larger than {MOST_BYTES:,} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "refused: this is no JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "refused: this is no object")
    return found


def text_in(sent: Reply, key: str) -> str:
    if not isinstance(sent.get(key), str):
        raise Refused(400, f"refused: {key} must be text")
    return str(sent[key])


# --- what the page asks ---------------------------------------------------------------------------------------------


def change(source: SourceFile, sent: Reply) -> Reply:
    """What the engine says of a text, and the milliseconds that it took."""
    text, start = text_in(sent, "text"), time.perf_counter()
    said = changed_page(text, source.path)
    return said | {"milliseconds": round(1000 * (time.perf_counter() - start), 1)}


def disk(source: SourceFile, sent: Reply) -> Reply:
    """The file's version, and its text where the page has another."""
    now = source.read()
    return {"version": now.version} | ({} if now.version == text_in(sent, "version") else {"text": now.text})


def save_text(source: SourceFile, sent: Reply) -> Reply:
    """Writes the file, where it is still the one that the page has read; with "over", whatever it is."""
    version = None if sent.get("over") is True else text_in(sent, "version")
    return {"version": source.write(text_in(sent, "text"), version)}


async def repairs(text: str, path: str) -> Reply:
    """The smallest changes with which a text meets its targets, looked for by a process of its own."""
    folders = os.pathsep.join(folder for folder in sys.path if folder)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "rfcalc.page.mend", env={**os.environ, "PYTHONPATH": folders},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        sent = json.dumps({"text": text, "path": path}).encode()
        out, _ = await asyncio.wait_for(process.communicate(sent), MOST_SECONDS)
    except TimeoutError:
        return {"error": f"no repair was found in {MOST_SECONDS:.0f} seconds; rfcalc repair takes longer"}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found: Reply = json.loads(out) if process.returncode == 0 else {"error": "looking for a repair failed"}
    return found


# --- the page -------------------------------------------------------------------------------------------------------


def live_page(path: str, schema: Reply) -> tuple[str, str]:
    """The page, empty but for its editor, and its policy: it may ask nobody but the server that it came from."""
    style = Markup(palette() + built_file("explore.css") + built_file("live.css"))
    script = Markup(built_file("live.js"))
    nonce = secrets.token_urlsafe(TOKEN_BYTES)  # for the editor's own rules
    given = {"file": path, "poll": POLL, "nonce": nonce, "schema": schema, "layers": [*LAYERS]}
    editor = tag(
        "aside",
        tag("div", id="bar"),
        tag("div", id="editor"),
        tag("div", id="problems", aria_live="polite"),
        aria_label=f"the text of {path}",
    )
    body = [editor, tag("div", *regions({}), id="page"), script_data("rfcalc-live", given), tag("script", script)]
    rules = (
        f"default-src 'none'; script-src {only_this(script)}; style-src {only_this(style)} 'nonce-{nonce}'; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return document(f"{path}: receptive fields", style, body, "live"), rules
