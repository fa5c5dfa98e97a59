"""Whatever goes wrong is one message and a status; a traceback is kept in a file, or shown with --debug."""

import os
import re
import signal
import stat
import subprocess
import sys
import time

import polars as pl
import pytest

from withintask.cli.main import main
from withintask.panel.panel import Panel, PanelInfo
from withintask.panel.store import write_panel

COMMAND = "print('ready', flush=True); from withintask.cli.main import main; main()"


@pytest.fixture
def folder(tmp_path):
    outputs = pl.DataFrame(
        {"worker_id": ["w1", "w2"], "task_id": ["t", "t"], "period": [1, 1], "output": [1.0, 2.0]}
    )
    return write_panel(Panel(info=PanelInfo(name="p"), outputs=outputs), tmp_path / "panel")


@pytest.fixture
def call(monkeypatch, capsys):
    def call(*words):
        """Exit status and what was printed of a command."""
        monkeypatch.setattr(sys, "argv", ["withintask", *map(str, words)])
        try:
            main()
        except SystemExit as end:
            return end.code or 0, capsys.readouterr()
        return 0, capsys.readouterr()

    return call


def is_one_message(status, shown):
    assert status == 1
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err + shown.out
    return True


def test_a_truncated_table_is_one_message(folder, call):
    file = folder / "outputs.parquet"
    file.write_bytes(file.read_bytes()[:-30])
    for words in (("profile", folder), ("profile", folder, "--no-verify")):
        assert is_one_message(*call("panel", *words))


@pytest.mark.parametrize("line", ["file = 5", 'separator = ";;"', "columns = 5"])
def test_a_wrong_type_in_a_manifest_is_one_message(tmp_path, call, line):
    (tmp_path / "panel.toml").write_text(
        f'[panel]\nschema = 1\nname = "p"\n[tables.outputs]\n{line}\n'
    )
    assert is_one_message(*call("panel", "validate", tmp_path))


def test_a_binary_key_is_one_message(folder, tmp_path, call):
    key = tmp_path / "keys" / "key"
    key.parent.mkdir()
    key.write_bytes(bytes(range(128, 160)))
    key.chmod(0o600)
    words = ("panel", "pseudonymize", folder, "--out", tmp_path / "q", "--key-file", key)
    assert is_one_message(*call(*words))


def test_a_place_that_cannot_be_written_is_one_message(tmp_path, call):
    (tmp_path / "file").write_text("mine")
    words = ("simulate", "--design", "rct", "--set", "n_workers=40", "--set", "n_firms=4")
    status, shown = call(*words, "--out", tmp_path / "file" / "panel")
    assert is_one_message(status, shown)
    assert "file: " in shown.err


def test_text_of_a_file_does_not_steer_the_terminal(tmp_path, call):
    (tmp_path / "panel.toml").write_text(
        '[panel]\nschema = 1\nname = "p"\n"\\u001b[2Jgone" = 5\n[tables.outputs]\n'
    )
    status, shown = call("panel", "validate", tmp_path)
    assert is_one_message(status, shown)
    assert "\x1b" not in shown.err
    assert r"\x1b[2Jgone" in shown.err


def test_what_nobody_foresaw_is_one_line_and_a_file_that_its_owner_alone_can_read(
    folder, call, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("withintask.panel.profile.profile", lambda *_, **__: 1 / 0)
    status, shown = call("panel", "profile", folder)
    assert is_one_message(status, shown)
    assert shown.err.count("\n") == 1
    (log,) = (tmp_path / "state" / "withintask" / "log").iterdir()
    assert str(log) in shown.err
    assert "ZeroDivisionError" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_debug_shows_the_traceback(folder, call, monkeypatch):
    monkeypatch.setattr("withintask.panel.profile.profile", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("panel", "profile", folder, "--debug")


def started(words, **options):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def test_a_pipe_that_closes_is_no_error():
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{COMMAND}" designs | head -n 1'],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk_is_one_message(folder):
    with open("/dev/full", "w") as full:
        code = "from withintask.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "panel", "profile", str(folder), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=100,
        )
    assert done.returncode == 1
    assert re.fullmatch(r"error: No space left on device; .*\n(Exception ignored.*)?", done.stderr)


@pytest.mark.parametrize("seconds", [0.1, 1.5, 4.0])
def test_ctrl_c_gives_the_promised_message_at_any_moment(tmp_path, seconds):
    """While modules are loaded, while workers start, while they work; all of the terminal's processes get the signal."""
    words = ("matrix", "--out", tmp_path / "m", "--engine", "processes", "--workers", 2)
    process = started(words)
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert err.count("interrupted; what was finished is stored\n") == 1
    assert process.returncode == 130


HOLD = """
import os, time
from withintask.tests_of_model.harness.parallel import process_pool
if __name__ == "__main__":
    with process_pool(2) as pool:
        for number in pool.map(pid, range(2)):
            print(number, flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


@pytest.mark.skipif(not os.path.exists("/proc"), reason="looks at /proc")
def test_processes_end_with_their_parent_when_it_is_killed(tmp_path):
    script = tmp_path / "hold.py"
    script.write_text(
        "def pid(_):\n    import os, time\n    time.sleep(1)\n    return os.getpid()\n" + HOLD
    )
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        workers = {int(process.stdout.readline()) for _ in range(2)}
        process.kill()
    end = time.monotonic() + 20
    while time.monotonic() < end and any(is_running(worker) for worker in workers):
        time.sleep(0.1)
    assert not [worker for worker in workers if is_running(worker)]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
