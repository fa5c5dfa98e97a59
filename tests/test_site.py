"""The site asks for nothing from a network, and is searched where it lies."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIM = ROOT / "docs" / "assets" / "iframe-worker.js"
PAGE = """<html><head><script src="shim.js"></script></head><body><p id="heard">nothing</p><script>
const worker = new Worker("worker.js")
worker.addEventListener("message", event => { document.getElementById("heard").textContent = event.data })
worker.postMessage("six")
</script></body></html>"""
WORKER = """addEventListener("message", async event => {
  await importScripts("further.js")
  postMessage(further(event.data))
})"""


def test_the_site_loads_its_own_script_for_search_without_a_server():
    """The plugin would fetch a script of that name from a network if the site brought none."""
    (named,) = re.findall(
        r"polyfills: \[(\S+)\]", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    )
    assert ROOT / "docs" / named == SHIM
    assert "iframe-worker" in named
    assert "http" not in SHIM.read_text(encoding="utf-8")


def test_a_page_opened_as_a_file_hears_its_worker(tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser here")
    (tmp_path / "shim.js").write_text(SHIM.read_text(encoding="utf-8"))
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "worker.js").write_text(WORKER)
    (tmp_path / "further.js").write_text("const further = word => `${word} of ${word}`")
    quiet = ["--headless", "--no-sandbox", f"--user-data-dir={tmp_path}/user"]
    wait = ["--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run(
        [browser, *quiet, *wait, (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert '<p id="heard">six of six</p>' in done.stdout
