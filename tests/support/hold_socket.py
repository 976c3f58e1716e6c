#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a listening unix socket over restarts of a command, as a systemd socket unit does.

hold_socket.py SOCKET PID-FILE COMMAND [ARGUMENT]...

The command gets the socket as descriptor 3 (LISTEN_FDS). When it ends it is started again at once; its pid is in PID-FILE.
SIGTERM and SIGINT are handed on and end both.
"""
import os
import signal
import socket
import sys
import time

path, pid_file, command = sys.argv[1], sys.argv[2], sys.argv[3:]
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
listener.listen(4096)
child = 0
ending = False


def end(number, frame):
    global ending
    ending = True
    if child:
        os.kill(child, signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
while not ending:
    child = os.fork()
    if child == 0:
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
        os.execv(command[0], command)
    with open(pid_file + ".new", "w") as out:
        out.write(f"{child}\n")
    os.rename(pid_file + ".new", pid_file)
    os.waitpid(child, 0)
    time.sleep(0 if ending else 0.05)
os.unlink(path)
