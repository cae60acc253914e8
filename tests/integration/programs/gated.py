"""A web application, as WSGI by Flask and as plain ASGI, whose workers can be held at a gate."""

import os
import tail


def pass_gate():
    arrived = os.open("arrived", os.O_WRONLY)
    os.write(arrived, b".")
    os.close(arrived)
    leave = os.open("leave", os.O_RDONLY)
    os.read(leave, 1)
    os.close(leave)


def held():
    pass_gate()
    return str(os.getpid())


def answer(path):
    if path == "/held":
        return held()
    name = path.rpartition("/")[2]
    return str(getattr(tail, name)()) if name else str(os.getpid())


def never_one():
    return 1


class Never:
    def two(self):
        return 2


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = answer(scope["path"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def make_wsgi():
    from flask import Flask

    app = Flask(__name__)

    @app.route("/")
    @app.route("/<path:path>")
    def everything(path=""):
        return answer("/" + path)

    return app
