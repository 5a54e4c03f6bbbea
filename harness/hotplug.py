#!/usr/bin/env python3
"""Usage: hotplug.py QMP-SOCKET CONTROL-SOCKET

Plug and unplug devices of a running QEMU when the guest asks. The guest writes
"unplug ID" or "plug ID" on its control port and reads one line back, "ok" or
"error: why". An unplug is only a request: the guest's kernel finishes it, which can
take as long as a program there keeps the device open. "plug" waits for that.
"""
import json
import socket
import sys
import time
from pathlib import Path

LIST = Path(__file__).resolve().parent / "guest/devices.list"
# The port that may be empty
PORT = "plug_port"
PLUG_PATIENCE = 60


def read_devices():
    """What "plug" brings back: the devices behind the port, by name, as device_add takes them."""
    devices = {}
    for line in LIST.read_text().splitlines():
        words = line.split()
        if line.startswith("#") or words[2:3] != ["-device"]:
            continue
        driver, *properties = words[3].split(",")
        device = {"driver": driver} | dict(text.split("=", 1) for text in properties)
        if device.get("bus") == PORT:
            devices[device.pop("id")] = device
    return devices


def connect(path):
    """Connect to a socket that QEMU is about to create."""
    for _ in range(300):
        try:
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            return client.makefile("rw", encoding="utf-8", errors="replace", newline="\n")
        except OSError:
            time.sleep(0.1)
    sys.exit(f"hotplug: cannot connect to {path}")


def execute(qmp, command, **arguments):
    """Run a QMP command; return None or what was wrong. Events are skipped."""
    qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    qmp.flush()
    for line in qmp:
        answer = json.loads(line)
        if "return" in answer:
            return None
        if "error" in answer:
            return answer["error"]["desc"]
    sys.exit("hotplug: QEMU is gone")


def plug(qmp, device, name):
    deadline = time.monotonic() + PLUG_PATIENCE
    while True:
        problem = execute(qmp, "device_add", id=name, **device)
        if problem is None or time.monotonic() > deadline:
            return problem
        time.sleep(0.2)


def serve(qmp, devices, request):
    verb, _, name = request.partition(" ")
    if name not in devices:
        return f"no device {name!r}"
    if verb == "unplug":
        return execute(qmp, "device_del", id=name)
    if verb == "plug":
        return plug(qmp, devices[name], name)
    return f"no request {verb!r}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    qmp, control = connect(sys.argv[1]), connect(sys.argv[2])
    qmp.readline()
    execute(qmp, "qmp_capabilities")
    devices = read_devices()
    for request in control:
        problem = serve(qmp, devices, request.strip())
        print(request.strip(), "->", problem or "ok", flush=True)
        control.write(f"error: {problem}\n" if problem else "ok\n")
        control.flush()


try:
    main()
except ConnectionError:
    sys.exit("hotplug: QEMU is gone")
