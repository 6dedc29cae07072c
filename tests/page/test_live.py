"""The live page's server, asked as its page asks it, and as others may."""

import json
import re
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.page.change import changed_page
from rfcalc.page.data import page_data
from rfcalc.page.live import serve
from rfcalc.page.source import Changed, SourceFile
from rfcalc.zoo import spec_text
from tests.command import run
from tests.page.live import Live

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

S9 = spec_text("s9")[1]
MOST = 2**20


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = tmp_path_factory.mktemp("live") / "net.yaml"
    path.write_text(S9, encoding="utf-8")
    running = Live(path)
    yield running
    code, err = running.end()
    assert (code, err) == (0, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "net.yaml"
    found.write_text(S9, encoding="utf-8")
    return found


# --- what it answers ----------------------------------------------------------------------------------------------


def test_the_page_may_ask_nobody_but_its_server(live: Live) -> None:
    page = live.ask("GET", f"/{live.token}/")
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    assert not re.search(r'(src|href)="(?!#|data:)', page.text)
    assert not re.search(r"\son\w+=", page.text.partition("<script")[0])


def test_a_text_comes_back_as_drawing_table_findings_and_targets(live: Live) -> None:
    said = live.change(S9)
    arch = rfcalc.loads(S9, "net.yaml")
    assert (said["problems"], said["whole"], said["missed"], said["title"]) == ([], True, False, "s9")
    assert said["data"]["networks"] == [json.loads(json.dumps(arch.table().to_json()))]
    assert said["data"]["explore"][0]["steps"] == page_data([arch])["explore"][0]["steps"]
    assert 'class="graph"' in said["parts"]["drawings"]
    assert 'data-layer="C13"' in said["parts"]["tables"]
    assert "<b>met</b> parameters, at most 200,000: 180,298" in said["parts"]["notes"]


def test_a_half_finished_network_is_drawn_up_to_its_first_error(live: Live) -> None:
    broken = S9.replace("  - conv: {name: C6, out_channels: 32,", "  - conv: {name: C6, out_chan")
    said = live.change(broken)
    line = broken[: broken.index("C6")].count("\n") + 1
    layers = [layer["name"] for layer in said["data"]["networks"][0]["layers"]]
    assert layers == [row.name for row in rfcalc.load("s9").rows[: layers.index("C5.dropout") + 1]]
    assert layers[-1] == "C5.dropout"
    assert said["problems"][0]["line"] == line
    assert not said["whole"]
    assert "Targets" not in said["parts"]["notes"]  # they speak of the whole network
    assert 'data-layer="C6"' not in said["parts"]["tables"]


def test_fifty_edits_in_a_row(live: Live) -> None:
    """A text typed letter by letter, as nobody waits for an answer: most of its states are no YAML."""
    typed = "  - conv: {name: new, out_channels: 16, kernel_size: 3, padding: 1}\n"
    head, tail = S9.split("  - global_avg_pool", 1)
    states = []
    for count in range(1, 51):
        end = count * len(typed) // 50
        said = live.change(f"{head}{typed[:end]}{'' if end == len(typed) else chr(10)}  - global_avg_pool{tail}")
        layers = [layer["name"] for layer in said["data"]["networks"][0]["layers"]]
        assert layers[:36] == [row.name for row in rfcalc.load("s9").rows[:36]]
        assert said["whole"] == (layers[-1] == "C14")
        states.append(said["whole"])
        if not said["whole"]:
            assert said["problems"]
            assert layers[-1] in ("C13", "new")
    assert states.count(False) > 25
    assert states[-1]
    assert "new" in layers
    assert live.change(S9)["problems"] == []


HOSTILE = (
    "",
    "\0",
    "[" * 3000,
    "&a [*a",
    "a: &a [1]\nb: [" + "*a," * 100 + "]",
    "\ud800",
    "input: [3, 8, 8]\nlayers: {}",
    "%YAML 9.9\n---\n",
    "!!python/object:os.system x",
    "layers:\n" + "- relu\n" * 20_000,
    f"input: [3, {10**30}, 8]\nlayers: [relu]",
    "name: </script><script>alert(1)</script>\n",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_upsets_it(live: Live, text: str) -> None:
    said = live.change(text)
    assert said["problems"]
    assert "data" not in said


def test_names_are_no_markup(live: Live) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    text = f"name: {json.dumps(evil)}\nsource: {json.dumps(evil)}\n" + S9.partition("\n")[2].replace(
        "source:", "notes2:"
    )
    said = changed_page(text, f"{evil}.yaml")
    assert "data" in said
    for part in said["parts"].values():
        assert "<img" not in part
        assert "<script" not in part
    assert said["title"] == evil  # which the page puts in as text


def test_a_network_of_too_many_layers_is_said_not_drawn() -> None:
    text = "input: [3, 8, 8]\nlayers:\n" + "- relu\n" * 2000
    said = changed_page(text, "x.yaml")
    assert "2,000 layers are drawn by rfcalc explore -o FILE.html" in said["problems"][0]["text"]
    assert "data" not in said


def test_repairs_are_offered_where_a_target_is_missed(live: Live) -> None:
    missing = S9.replace("min_receptive_field: 44", "min_receptive_field: 120")
    assert live.change(missing)["missed"]
    found = live.post("repair", {"text": missing}).json
    assert found["said"].startswith("the fewest edits that meet every target")
    assert found["ways"]
    for way in found["ways"]:
        assert way["text"] != missing
        assert not live.change(way["text"])["missed"]
        assert "field 103 -> " in way["said"]
    assert "error" in live.post("repair", {"text": "layers: ["}).json
    assert live.post("repair", {"text": S9}).json == {"said": "every target is met", "ways": []}


@pytest.mark.deep
def test_the_engine_answers_while_a_repair_is_looked_for(live: Live) -> None:
    hard = spec_text("googlenet")[1] + "\ntargets: {max_params: 90000, max_macs: 9000000}\n"
    found = []
    looking = threading.Thread(target=lambda: found.append(live.post("repair", {"text": hard}).json))
    looking.start()
    time.sleep(1)
    assert live.change(S9)["problems"] == []
    assert looking.is_alive(), "the repair was too easy to show anything"
    looking.join(60)
    assert found, "the repair was not bounded"
    assert found[0].get("ways") or "no repair was found" in str(found[0].get("error", found[0].get("said")))


# --- whom it refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "a" * 32, "../", "%00", "é"])
def test_another_token_is_refused(live: Live, token: str) -> None:
    own = {"Origin": f"http://{live.host}", "Content-Type": "application/json"}
    from urllib.parse import quote

    for method, body in (("GET", None), ("POST", b'{"text": ""}')):
        reply = live.ask(method, f"/{quote(token, safe='%./')}/change", body, own)
        assert reply.status == 403, reply
        assert live.token not in reply.text
    assert live.ask("GET", "/").status == 403
    assert live.ask("GET", f"/{live.token[:-1]}/").status == 403


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "127.0.0.1", "127.0.0.1:1", "evil.test:{port}", "evil.test", "[::1]:{port}"]
)
def test_another_host_is_refused(live: Live, host: str) -> None:
    named = host.format(port=live.port)
    assert live.ask("GET", f"/{live.token}/", headers={"Host": named}).status == 403
    assert live.post("change", {"text": ""}, Host=named).status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://127.0.0.1", "https://127.0.0.1:{port}", "http://localhost:{port}"]
)
def test_another_origin_is_refused(live: Live, origin: str) -> None:
    named = origin.format(port=live.port)
    assert live.post("change", {"text": ""}, Origin=named).status == 403
    assert live.ask("GET", f"/{live.token}/", headers={"Origin": named}).status == 403
    assert live.post("save", {"text": "", "over": True}, Origin=named).status == 403


def test_a_post_without_an_origin_or_from_another_site_is_refused(live: Live) -> None:
    plain = {"Content-Type": "application/json"}
    assert live.ask("POST", f"/{live.token}/change", b'{"text": ""}', plain).status == 403
    assert live.post("change", {"text": ""}, Sec_Fetch_Site="cross-site").status == 403
    assert live.post("change", {"text": ""}, Sec_Fetch_Site="same-site").status == 403
    assert live.post("change", {"text": ""}, Sec_Fetch_Site="same-origin").status == 200


def test_a_body_that_is_no_json_object_is_refused(live: Live) -> None:
    own = {"Origin": f"http://{live.host}", "Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b"3", b'{"text": 3}', b"{}", b"\xff", b"[" * 100_000):
        assert live.ask("POST", f"/{live.token}/change", body, own).status == 400, body[:9]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert live.post("change", {"text": ""}, Content_Type=kind).status == 415


def test_a_large_body_is_refused(live: Live) -> None:
    assert live.post("change", {"text": "#" * (MOST - 20)}).status == 200
    assert live.post("change", {"text": "#" * MOST}).status == 413
    with socket.create_connection(("127.0.0.1", live.port), timeout=60) as door:  # one that says no length, and goes on
        head = f"POST /{live.token}/change HTTP/1.1\r\nHost: {live.host}\r\nOrigin: http://{live.host}\r\n"
        door.sendall(f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        answer = b""
        try:
            for _ in range(40):
                door.sendall(b"10000\r\n" + b" " * 2**16 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            answer = b"HTTP/1.1 413"  # it closed the door in front of the rest
        answer = answer or door.recv(100)
    assert answer.startswith(b"HTTP/1.1 413")
    assert live.change(S9)["problems"] == []


@pytest.mark.parametrize(
    "what", ["net.yaml", "../net.yaml", "change", "static/live.js", "%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"]
)
def test_nothing_is_served_but_the_page(live: Live, what: str) -> None:
    reply = live.ask("GET", f"/{live.token}/{what}")
    assert reply.status == 404
    assert "root" not in reply.text
    assert live.post(what.replace("change", "evil"), {"text": ""}).status == 404


def test_it_listens_on_this_machine_alone(live: Live) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        with socket.socket() as door:
            door.settimeout(2)
            assert door.connect_ex((str(address), live.port)) != 0
    assert live.address.startswith("http://127.0.0.1:")


def test_addresses_differ(path: Path) -> None:
    tokens = set()
    for _ in range(2):
        running = Live(path)
        tokens.add(running.token)
        assert running.end()[0] == 0
    assert len(tokens) == 2


# --- the file -----------------------------------------------------------------------------------------------------


def test_save_and_disk_follow_each_other(path: Path) -> None:
    running = Live(path)
    try:
        first = running.post("disk", {"version": ""}).json
        assert first["text"] == S9
        assert running.post("disk", {"version": first["version"]}).json == {"version": first["version"]}
        text = S9.replace("name: s9", "name: mine")
        saved = running.post("save", {"text": text, "version": first["version"]}).json
        assert path.read_text("utf-8") == text
        path.write_text("name: theirs\n", encoding="utf-8")
        seen = running.post("disk", {"version": saved["version"]}).json
        assert seen["text"] == "name: theirs\n"
        refused = running.post("save", {"text": text, "version": saved["version"]})
        assert (refused.status, refused.json["changed"]) == (409, True)
        assert path.read_text("utf-8") == "name: theirs\n"
        assert running.post("save", {"text": text, "over": True}).status == 200
        assert path.read_text("utf-8") == text
        assert [each.name for each in path.parent.iterdir()] == ["net.yaml"]
        path.unlink()
        gone = running.post("disk", {"version": ""})
        assert (gone.status, "No such file" in gone.json["error"]) == (400, True)
        half = running.post("save", {"text": "\ud800", "over": True})
        assert (half.status, "half a character" in half.json["error"]) == (400, True)
    finally:
        assert running.end() == (0, "")


def test_a_save_is_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SourceFile(str(path), MOST)
    seen: list[str] = []
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        seen.append(path.read_text("utf-8"))  # all is written, and the file is still the old one
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(RfcalcError, match=r"net\.yaml: No space left on device"):
        source.write("new", source.read().version)
    assert seen == [S9]
    assert path.read_text("utf-8") == S9
    assert [each.name for each in path.parent.iterdir()] == ["net.yaml"]
    monkeypatch.setattr(Path, "replace", replace)
    source.write("new", source.read().version)
    assert path.read_text("utf-8") == "new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_save_keeps_mode_line_ends_mark_and_link(path: Path, mode: int) -> None:
    path.write_bytes(b"\xef\xbb\xbfname: a\r\ninput: 3\r\n")
    path.chmod(mode)
    link = path.parent / "link.yaml"
    link.symlink_to(path)
    source = SourceFile(str(link), MOST)
    read = source.read()
    assert read.text == "name: a\ninput: 3\n"
    source.write("name: b\ninput: 4\n", read.version)
    assert path.read_bytes() == b"\xef\xbb\xbfname: b\r\ninput: 4\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert link.is_symlink()
    with pytest.raises(Changed, match="has changed on disk"):
        source.write("name: c\n", read.version)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "is not UTF-8 text at byte 0"), (b"#" * (MOST + 1), "is larger than 1,048,576 bytes")],
)
def test_a_file_that_cannot_be_edited(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(RfcalcError, match=f"{path}: {said}"):
        serve(str(path), {})


def test_what_is_no_file_to_edit() -> None:
    with pytest.raises(RfcalcError, match=r"s9: no YAML file; rfcalc convert s9 -o FILE\.yaml writes one to edit"):
        serve("s9", {})
    with pytest.raises(RfcalcError, match=r"none\.yaml: No such file or directory"):
        serve("none.yaml", {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.yaml", "b.yaml", "--live"), "explore --live: takes one YAML file, no -o and no --input"),
        (("a.yaml", "--live", "-o", "x.html"), "explore --live: takes one YAML file, no -o and no --input"),
        (("s9",), "explore: say where the page goes, -o FILE.html, or --live to edit a spec in the browser"),
    ],
)
def test_what_the_command_refuses(arguments: tuple[str, ...], said: str) -> None:
    done = run("explore", *arguments)
    assert (done.code, done.err) == (2, f"rfcalc: {said}\n")


def test_a_port_may_be_named(path: Path) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    running = Live(path, "--port", str(port))
    assert running.port == port
    with pytest.raises(RfcalcError, match=f"port {port}: Address already in use"):
        serve(str(path), {}, port)
    assert running.end() == (0, "")


def test_without_the_extra_it_says_what_to_install(path: Path) -> None:
    script = "import sys; sys.modules['uvicorn'] = None\nfrom rfcalc.cli import main\nmain()"
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", script, "explore", str(path), "--live"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "uvicorn, which is not installed" in done.stderr
