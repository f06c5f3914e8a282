"""A task that does what its manifest says, for the suites of the runners. It needs nothing but Python.

    python tiny_task.py FOLDER --manifest KEY      the contract of Cloud Run: CLOUD_RUN_TASK_INDEX, _COUNT, _ATTEMPT
    python tiny_task.py FOLDER --host              the contract of the local runner: tasks as lines on standard input

`FOLDER/KEY` holds {"3": "exit 2", ...}: what a task does, by index; `exit 0` where nothing is said. `heal N`: exit 2
at the first N attempts. `signal N`: by its own hand. `hang`: until it is told to stop; `deaf`: even then.
`FOLDER/traces` gets a file `<index>-<attempt>-<pid>` per process, which holds its environment.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def main(folder: Path, key: str) -> int:
    index = os.environ["CLOUD_RUN_TASK_INDEX"]
    attempt = int(os.environ["CLOUD_RUN_TASK_ATTEMPT"])
    orders = json.loads((folder / key).read_text())
    verb, _, number = orders.get(index, "exit 0").partition(" ")
    if verb == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trace(folder, f"{index}-{attempt}-{os.getpid()}")
    match verb:
        case "exit":
            return int(number)
        case "heal":
            return 0 if attempt >= int(number) else 2
        case "signal":
            os.kill(os.getpid(), int(number))
        case "sleep":
            time.sleep(float(number))
            return 0
        case _:
            pass
    time.sleep(120)
    return 0


def trace(folder: Path, name: str) -> None:
    """Whole or not at all: a test reads it while this runs."""
    traces = folder / "traces"
    traces.mkdir(exist_ok=True)
    said = {name: text for name, text in os.environ.items() if name.startswith("CLOUD_RUN_")}
    hidden = traces / f".{name}"
    hidden.write_text(json.dumps({"argv": sys.argv[2:], **said}))
    hidden.rename(traces / name)


def host(folder: Path) -> None:
    running: list[subprocess.Popen[bytes]] = []
    waiting: list[threading.Thread] = []
    lock = threading.Lock()

    def wait(process: subprocess.Popen[bytes], index: int) -> None:
        status = process.wait()
        with lock:
            sys.stdout.write(json.dumps({"index": index, "exit": status}) + "\n")
            sys.stdout.flush()

    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        environment = {
            **os.environ,
            "CLOUD_RUN_TASK_INDEX": str(asked["index"]),
            "CLOUD_RUN_TASK_COUNT": str(asked["count"]),
            "CLOUD_RUN_TASK_ATTEMPT": str(asked["attempt"]),
        }
        command = [sys.executable, __file__, str(folder), "--manifest", asked["manifest"]]
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        running.append(process)
        waiting.append(threading.Thread(target=wait, args=(process, asked["index"])))
        waiting[-1].start()
    for process in running:
        process.terminate()
    deadline = time.monotonic() + float(os.environ.get("TINY_GRACE_SECONDS", "10"))
    for process in running:
        try:
            process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
    for thread in waiting:
        thread.join()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if sys.argv[2] == "--host":
        host(place)
    else:
        sys.exit(main(place, sys.argv[3]))
