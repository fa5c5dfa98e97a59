"""Downloads against a server on this machine that serves, truncates, stalls, refuses and breaks."""

import gc
import io
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from withintask.cli.oews import app as oews
from withintask.ingest.oews.download import Settings, download_oews
from withintask.panel.errors import ParameterError, SourceError

NAME = "oesm24nat.zip"


class Server(ThreadingHTTPServer):
    """Serves one archive; `behaviours` are used up one a request, then it serves whole files."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.behaviours = []
        self.requests = []
        self.release = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/oes"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        behaviour = server.behaviours.pop(0) if server.behaviours else "serve"
        content = server.content
        if isinstance(behaviour, int):
            self.send_error(behaviour)
        elif behaviour == "truncate":
            self.answer(200, content[: len(content) // 2], length=len(content))
        elif behaviour == "stall":
            self.answer(200, content[:10], length=len(content))
            self.wfile.flush()
            server.release.wait(timeout=10)
        elif behaviour == "drip":
            self.answer(200, b"", length=len(content))
            while not server.release.wait(timeout=0.05):
                self.wfile.write(b"x")
        elif behaviour == "drip headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not server.release.wait(timeout=0.05):
                self.wfile.write(b"x")
        elif isinstance(behaviour, str) and "://" in behaviour:
            self.send_response(302)
            self.send_header("Location", behaviour)
            self.end_headers()
        elif behaviour == "html":
            page = b"<html>Access Denied</html>"
            self.answer(200, page, length=len(page))
        elif behaviour == "ignore_range":
            self.answer(200, content, length=len(content))
        else:
            self.serve(content)

    def serve(self, content):
        start = int((self.headers.get("Range") or "bytes=0-")[len("bytes=") : -1])
        if start >= len(content):
            self.send_error(416)
        elif start:
            part = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], length=len(content) - start, content_range=part)
        else:
            self.answer(200, content, length=len(content))

    def answer(self, status, body, *, length, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as book:
        book.writestr("oesm24nat/national_M2024_dl.xlsx", b"0123456789" * 20_000)
    return buffer.getvalue()


@pytest.fixture
def server(archive, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(archive) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.release.set()
        running.shutdown()
        thread.join()


def settings(server, **changes):
    options = {"n_attempts": 3, "pause_seconds": 0.0, "timeout_seconds": 5.0} | changes
    return Settings(base_url=server.url, email="you@example.org", **options)


def fetch(server, folder, **changes):
    (item,) = download_oews(folder, years=[2024], settings=settings(server, **changes))
    return item


def test_an_archive_arrives_whole_under_its_name(server, tmp_path, archive):
    item = fetch(server, tmp_path)
    assert (item.path.name, item.path.read_bytes(), item.n_attempts) == (NAME, archive, 1)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_user_agent_names_program_and_address(server, tmp_path):
    fetch(server, tmp_path)
    path, headers = server.requests[0]
    assert path == f"/oes/{NAME}"
    assert headers["User-Agent"].startswith("withintask/")
    assert "you@example.org" in headers["User-Agent"]


def test_a_complete_archive_is_not_fetched_again(server, tmp_path):
    fetch(server, tmp_path)
    assert fetch(server, tmp_path).was_there
    assert len(server.requests) == 1


def test_a_truncated_transfer_is_resumed_where_it_ended(server, tmp_path, archive):
    server.behaviours = ["truncate"]
    item = fetch(server, tmp_path)
    assert item.n_attempts == 2
    assert item.path.read_bytes() == archive
    assert server.requests[1][1]["Range"] == f"bytes={len(archive) // 2}-"


def test_an_interrupted_download_is_resumed_by_the_next_run(server, tmp_path, archive):
    server.behaviours = ["truncate"]
    with pytest.raises(SourceError, match="gave up after 1 attempts"):
        fetch(server, tmp_path, n_attempts=1)
    assert (tmp_path / f"{NAME}.part").stat().st_size == len(archive) // 2
    assert fetch(server, tmp_path).path.read_bytes() == archive


def test_a_server_that_ignores_the_range_is_read_from_the_start(server, tmp_path, archive):
    server.behaviours = ["truncate", "ignore_range"]
    assert fetch(server, tmp_path).path.read_bytes() == archive


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path, archive):
    (tmp_path / f"{NAME}.part").write_bytes(archive + b"more")
    assert fetch(server, tmp_path).path.read_bytes() == archive


def test_a_stalled_transfer_times_out_and_is_resumed(server, tmp_path, archive):
    server.behaviours = ["stall"]
    item = fetch(server, tmp_path, timeout_seconds=0.3)
    assert (item.n_attempts, item.path.read_bytes()) == (2, archive)


@pytest.mark.parametrize("code", [403, 404])
def test_a_refusal_is_final_and_says_what_to_do(server, tmp_path, code):
    server.behaviours = [code]
    with pytest.raises(SourceError, match=f"HTTP {code}") as caught:
        fetch(server, tmp_path)
    assert len(server.requests) == 1
    assert ("--email" in str(caught.value)) == (code == 403)


@pytest.mark.parametrize("code", [500, 503, 429])
def test_a_temporary_refusal_is_tried_again(server, tmp_path, code):
    server.behaviours = [code, code]
    assert fetch(server, tmp_path).n_attempts == 3


def test_a_page_in_place_of_the_archive_never_takes_its_name(server, tmp_path):
    server.behaviours = ["html"] * 3
    with pytest.raises(SourceError, match="not a complete zip archive"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_refused_year_does_not_stop_the_others(server, tmp_path):
    server.behaviours = [404]
    with pytest.raises(SourceError, match="1 of 2 archives"):
        download_oews(tmp_path, years=[2023, 2024], settings=settings(server))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_progress_ends_at_the_size_of_the_file(server, tmp_path, archive):
    seen = []
    download_oews(
        tmp_path,
        years=[2024],
        settings=settings(server),
        on_progress=lambda *step: seen.append(step),
    )
    assert seen[-1] == (NAME, len(archive), len(archive))


@pytest.mark.parametrize("email", ["", "you", "you@", "you @example.org", "@example.org"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(server, tmp_path, email):
    wrong = Settings(base_url=server.url, email=email)
    with pytest.raises(ParameterError, match="BLS asks for a real one"):
        download_oews(tmp_path, years=[2024], settings=wrong)
    assert server.requests == []


def test_a_base_url_that_is_no_web_address_is_refused(tmp_path):
    wrong = Settings(base_url="file:///etc", email="you@example.org")
    with pytest.raises(ParameterError, match="no https address"):
        download_oews(tmp_path, years=[2024], settings=wrong)


def test_the_command_downloads_and_says_what_it_did(server, tmp_path, capsys):
    words = ["download", "--years", "2024", "--email", "you@example.org"]
    words += ["--to", str(tmp_path), "--base-url", server.url]
    oews(words, exit_on_error=False, result_action="return_value")
    assert f"{NAME}: " in capsys.readouterr().out
    assert (tmp_path / NAME).is_file()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("behaviour", ["drip", "drip headers"])
def test_a_server_that_sends_a_byte_now_and_then_ends_with_the_time_limit(
    server, tmp_path, behaviour
):
    server.behaviours = [behaviour]
    with pytest.raises(SourceError, match="the time limit is over"):
        fetch(server, tmp_path, limit_seconds=0.5)
    server.release.set()  # the transfer that was given up ends here, not in another test
    time.sleep(0.3)
    gc.collect()


@pytest.mark.parametrize(
    "target", ["http://example.org/oesm24nat.zip", "file:///etc/passwd", "ftp://example.org/a.zip"]
)
def test_a_redirect_away_from_https_is_not_followed(server, tmp_path, target):
    server.behaviours = [target]
    with pytest.raises(SourceError, match="without https|HTTP 302"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://www.bls.gov/oes", "file:///tmp", "ftp://a.b", "x"])
def test_only_https_is_asked(tmp_path, url):
    asked = Settings(base_url=url, email="you@example.org")
    with pytest.raises(ParameterError, match="is no https address"):
        download_oews(tmp_path, years=[2024], settings=asked)
