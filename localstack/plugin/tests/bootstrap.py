"""A function for the tests: speaks the Runtime API, and does what the payload's `do` says."""

import base64
import http.client
import json
import os
import subprocess
import sys
import time

API = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
BASE = "/2018-06-01/runtime"
FOREVER = 3600


def post(path, body=b"", **options):
    API.request("POST", BASE + path, body, **options)
    response = API.getresponse()
    return response.status, response.read()


def answer(request_id, body):
    return post(f"/invocation/{request_id}/response", body)


def do(event, request_id, headers):
    match event.get("do"):
        case "echo":
            answer(request_id, json.dumps(event["value"]).encode())
        case "describe":
            seen = {"env": dict(os.environ), "headers": dict(headers), "pid": os.getpid()}
            answer(request_id, json.dumps(seen | {"cwd": os.getcwd()}).encode())
        case "chunks":
            chunks = (part.encode() for part in ('{"a"', ":", "1}"))
            post(f"/invocation/{request_id}/response", chunks, encode_chunked=True)
        case "large":
            status, _ = answer(request_id, b'"' + b"x" * (event["bytes"] - 2) + b'"')
            print("status", status, flush=True)
        case "length":
            answer(request_id, str(len(json.dumps(event))).encode())
        case "fail":
            post(f"/invocation/{request_id}/error", b'{"errorType":"Refused","errorMessage":"no"}')
        case "fail halfway":
            fail_halfway(request_id)
        case "exit":
            print("last words", flush=True)
            os._exit(event["status"])
        case "hang":
            # A child that outlives a kill of the bootstrap alone.
            child = subprocess.Popen(["sleep", str(FOREVER)])
            print(json.dumps({"pids": [os.getpid(), child.pid]}), flush=True)
            time.sleep(FOREVER)
        case "print":
            print(*event["lines"], sep="\n", flush=True)
            answer(request_id, b"null")
        case "answer another":
            status, body = answer("another-id", b"null")
            answer(request_id, json.dumps([status, json.loads(body)]).encode())
        case "meet":
            meet(event["folder"], event["count"])
            answer(request_id, str(os.getpid()).encode())


def fail_halfway(request_id):
    API.putrequest("POST", f"{BASE}/invocation/{request_id}/response")
    API.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    API.putheader("Transfer-Encoding", "chunked")
    API.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    API.endheaders()
    error = base64.b64encode(b'{"errorType":"Broken","errorMessage":"half-way"}')
    API.send(b"4\r\nhalf\r\n0\r\n")
    API.send(b"Lambda-Runtime-Function-Error-Type: Broken\r\n")
    API.send(b"Lambda-Runtime-Function-Error-Body: " + error + b"\r\n\r\n")
    API.getresponse().read()


def meet(folder, count):
    """Returns when `count` processes are here at the same time."""
    open(os.path.join(folder, str(os.getpid())), "w").close()
    while len(os.listdir(folder)) < count:
        time.sleep(0.01)


match os.environ.get("INIT"):
    case "error":
        post("/init/error", b'{"errorType":"Config","errorMessage":"TABLE is not set"}')
        sys.exit(1)
    case "exit":
        print("cannot start", flush=True)
        sys.exit(7)
    case "hang":
        time.sleep(FOREVER)

while True:
    API.request("GET", BASE + "/invocation/next")
    response = API.getresponse()
    payload = response.read()
    do(json.loads(payload), response.headers["Lambda-Runtime-Aws-Request-Id"], response.headers)
