"""A real JupyterLab in a headless Chromium, for the tests of what moves in the notebooks.

Chromium is steered through its DevTools protocol over one websocket: no driver to install, and none to match versions with.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
import websocket

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1366,900",
    "--remote-debugging-port=0",
)
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "ArrowRight": (39, ""), "ArrowLeft": (37, ""), "End": (35, ""), "Home": (36, "")}


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: $CHROMIUM, else the first on the PATH; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a headless Chromium. Use it in a `with` block."""

    def __init__(self, chromium: str, folder: Path) -> None:
        self.folder = folder / "chromium"
        self.process = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0

    def __enter__(self) -> Browser:
        try:
            file = self.folder / "DevToolsActivePort"
            wait(lambda: file.is_file() and len(file.read_text().splitlines()) == 2, 60, "Chromium did not start")
            with urllib.request.urlopen(f"http://127.0.0.1:{file.read_text().split()[0]}/json/list") as answer:
                [page] = [target for target in json.load(answer) if target["type"] == "page"]
            self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60, suppress_origin=True)
            self.call("Emulation.setFocusEmulationEnabled", enabled=True)  # else no element ever has the focus
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.socket.close()
        end(self.process)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result. Raises RuntimeError."""
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:  # events come in between
            message = json.loads(self.socket.recv())
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited. Raises RuntimeError."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails'].get('exception', {}).get('description', answer)}")
        return answer["result"].get("value")

    def wait_for(self, script: str, seconds: float, what: str) -> Any:
        """Wait until the expression is true, and return it. Raises TimeoutError that says `what` did not happen."""
        return wait(lambda: self.evaluate(script), seconds, what)

    def click(self, element: str) -> None:
        """Click into the middle of the element that a JavaScript expression gives."""
        x, y = self.evaluate(
            f"(() => {{ const e = {element}; e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press and let go of one of KEYS."""
        number, text = KEYS[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, element: str, text: str) -> None:
        """Click on a text field and type `text` in place of what it holds."""
        self.click(element)
        self.evaluate(f"{element}.select()")
        self.call("Input.insertText", text=text)

    def choose(self, element: str, number: int) -> None:
        """Choose an option of a drop-down menu, counted from 0."""
        self.evaluate(f"{element}.selectedIndex = {number}, {element}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def screenshot(self, path: Path) -> None:
        """Write what the page shows now, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


class Lab:
    """JupyterLab on a copy of one notebook, open in a Browser. Use it in a `with` block.

    `until`: leave out the code cells after the one with this id.
    """

    def __init__(self, browser: Browser, notebook: Path, folder: Path, until: str | None = None) -> None:
        self.browser, self.name = browser, notebook.name
        self.folder, self.log, settings = folder / "lab", folder / "jupyterlab.log", folder / "settings" / "@jupyterlab"
        self.folder.mkdir()
        (settings / "apputils-extension").mkdir(parents=True)  # ask for no news: the question covers the page
        (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        book = nbformat.read(notebook, as_version=4)
        if until is not None:
            last = [cell.id for cell in book.cells].index(until)
            book.cells = book.cells[: last + 1]
        self.ids = [cell.id for cell in book.cells]
        for cell in book.cells:  # what is seen afterwards was made in this test
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(book, self.folder / notebook.name)

    def __enter__(self) -> Lab:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "GCR_PRESET": "tiny",
            "GCR_REBUILD": "0",
            "JUPYTER_RUNTIME_DIR": str(self.folder.parent / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder.parent / "settings"),
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyterlab",
                    "--no-browser",
                    "--allow-root",
                    "--ServerApp.port=0",
                    "--IdentityProvider.token=t",
                    f"--ServerApp.root_dir={self.folder}",
                    "--LabApp.expose_app_in_browser=True",
                ],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            self._open()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def _open(self) -> None:
        servers = self.folder.parent / "runtime"
        [file] = wait(lambda: list(servers.glob("jpserver-*.json")), 120, f"JupyterLab did not start, see {self.log}")
        url = wait(lambda: file.read_text() and json.loads(file.read_text()), 10, "JupyterLab says no address")["url"]
        self.browser.call("Page.navigate", url=f"{url}lab/tree/{self.name}?token=t")
        self.browser.wait_for("Boolean(window.jupyterapp && document.querySelector('.jp-Notebook'))", 120, "no notebook opened")
        self.browser.evaluate("jupyterapp.restored.then(() => true)")
        self.browser.wait_for(
            f"{PANEL} && {PANEL}.sessionContext.isReady && {PANEL}.content.widgets.length == {len(self.ids)}"
            f" && {PANEL}.sessionContext.session.kernel.status == 'idle'",
            120,
            "no kernel started",
        )

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None:
            self.browser.screenshot(self.folder.parent / "failed.png")
        end(self.process)

    def run_all(self, seconds: float) -> None:
        """Run every cell, wait for the end, and demand that none failed. Raises AssertionError, TimeoutError."""
        self.browser.evaluate(
            f"jupyterapp.shell.activateById({PANEL}.id), jupyterapp.commands.execute('notebook:run-all-cells'), true"
        )
        cells = f"{PANEL}.content.widgets.map(cell => cell.model.toJSON()).filter(cell => cell.cell_type == 'code')"
        failed = f"{cells}.flatMap(cell => cell.outputs).find(output => output.output_type == 'error')"
        self.browser.wait_for(
            f"Boolean({failed}) || {cells}.every(cell => cell.execution_count)", seconds, "Run All did not end"
        )
        self.browser.wait_for(f"{PANEL}.sessionContext.session.kernel.status == 'idle'", seconds, "the kernel is still busy")
        error = self.browser.evaluate(f"({failed} || {{}}).evalue")
        assert error is None, error

    def show(self, cell_id: str) -> str:
        """Scroll to a cell; returns a JavaScript expression of its element on the page."""
        number = self.ids.index(cell_id)
        cell = f"{PANEL}.content.widgets[{number}]"
        self.browser.evaluate(f"{PANEL}.content.activeCellIndex = {number}, {PANEL}.content.scrollToItem({number}), true")
        self.browser.wait_for(
            f"{cell}.isAttached && {cell}.node.getBoundingClientRect().height > 0", 30, f"{cell_id} is not shown"
        )
        return f"{cell}.node"


PANEL = "[...jupyterapp.shell.widgets('main')].find(widget => widget.sessionContext && widget.content.widgets)"  # the notebook


def wait(condition: Any, seconds: float, what: str) -> Any:
    """Call `condition` until it returns something true, and return that. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > until:
            raise TimeoutError(f"{what} within {seconds:.0f} s")
        time.sleep(0.2)
    return answer


def end(process: subprocess.Popen) -> None:
    """End a process, gently at first."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
