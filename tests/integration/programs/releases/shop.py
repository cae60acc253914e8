"""A shop by Flask: which functions of Flask a request calls depends on its path."""

import os

import flask


def make():
    app = flask.Flask("shop")
    app.secret_key = "not a secret"
    app.register_blueprint(books)
    app.add_url_rule("/", view_func=home)
    app.add_url_rule("/json", view_func=as_json)
    app.add_url_rule("/session", view_func=remember)
    app.add_url_rule("/template", view_func=template)
    app.add_url_rule("/stream", view_func=stream)
    app.add_url_rule("/redirect", view_func=away)
    app.add_url_rule("/flash", view_func=flash)
    return app


books = flask.Blueprint("books", "shop", url_prefix="/books")


def home():
    return str(os.getpid())


def as_json():
    return flask.jsonify(one=[1, 2, {"three": None}])


def remember():
    flask.session["seen"] = True
    return "kept"


def template():
    return flask.render_template_string("hello {{ name }}", name="you")


def stream():
    return flask.Response(flask.stream_with_context(iter(["a", "b"])))


def away():
    flask.url_for("home")
    return flask.make_response("away")


def flash():
    flask.flash("told")
    return str(flask.get_flashed_messages())


@books.route("/<int:number>")
def book(number):
    return f"book {number}"


@books.before_request
def before():
    flask.g.book = True


def never():
    return away()
