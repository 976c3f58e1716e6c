# SPDX-License-Identifier: Apache-2.0
# In front of a server that speaks the AWS JSON protocol, does to requests what a file says:
#   ok, slow (800 ms), throttle (every second request), fail (500), drop (no answer), deny (wrong keys)
# fault_proxy.py UPSTREAM-URL MODE-FILE; prints its own URL. Counts requests in MODE-FILE.count.
import http.client
import http.server
import json
import sys
import time
from urllib.parse import urlsplit

upstream, mode_file = urlsplit(sys.argv[1]), sys.argv[2]
FAULTS = {
    "throttle": (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
    "fail": (500, {"__type": "InternalServerError"}),
    "deny": (400, {"__type": "UnrecognizedClientException", "message": "The security token included in the request is invalid."}),
}
count = 0


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("x-amzn-requestid", "fault-proxy-1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        global count
        count += 1
        with open(mode_file + ".count", "w") as out:
            out.write(str(count))
        with open(mode_file) as file:
            mode = file.read().strip()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if mode == "drop":
            self.close_connection = True
            return
        if mode == "slow":
            time.sleep(0.8)
        if mode in FAULTS and (mode != "throttle" or count % 2):
            status, error = FAULTS[mode]
            self.answer(status, json.dumps(error).encode())
            return
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=10)
        connection.request("POST", self.path, body, {k: v for k, v in self.headers.items() if k.lower() != "host"})
        reply = connection.getresponse()
        kept = [(k, v) for k, v in reply.getheaders() if k.lower() in ("content-type", "date")]
        self.answer(reply.status, reply.read(), kept)
        connection.close()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
