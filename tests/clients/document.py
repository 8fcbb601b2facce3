"""Holds a running server against its own document: `document.py <address> <folder of sounds>`.

The document must be OpenAPI 3.1. Then schemathesis makes requests from it, good ones and bad ones, always
the same, and looks at every answer: no 5xx, and no status, header, kind or form of content that the
document does not have. `document.toml` says what is asked, and what is left out and why. At the end every
operation must have been answered well at least once, but for those that cannot be.

USER_ID and TOKEN are the caller's; GUILD is one of theirs, CHANNEL a text channel of it. BOT_TOKEN is that of a bot
in this guild, for sessions.
"""

import io
import itertools
import json
import os
import re
import sys
import urllib.request
import zipfile
from collections import defaultdict
from pathlib import Path

import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis.cli import schemathesis as program
from schemathesis.transport.serialization import Binary

HERE = Path(__file__).parent
ADDRESS, SOUNDS = sys.argv[1], Path(sys.argv[2])

# What no API token is answered well: callbacks want what Discord has told a browser, tokens are made by
# browsers' sessions, and renewed by those who have one for an hour.
NEVER = {
    "GET /token/authorize": 403,
    "GET /login/authorize": 403,
    "POST /api/tokens": 403,
    "POST /api/auth/callback": 403,
    "POST /api/auth/refresh": 403,
    "POST /logout": 401,
    # It would be the caller's own: the only one that it may end.
    "DELETE /api/tokens/{id}": 404,
    # Guilds' own sounds go and come back in `tests/it/http/library_changes.rs`; nobody deletes the operator's.
    "DELETE /api/sounds/{name}": 403,
    "POST /api/guilds/{guild}/deleted-sounds/{id}/restore": 404,
}

# The routes that take the id of a bot's session, and nothing else.
OF_SESSIONS = {"/api/auth/logout", "/api/members", "/api/channels", "/api/messages"}
# Where a session names a channel, and a user may not.
IN_CHANNEL = {"/api/guilds/{guild}/play", "/api/guilds/{guild}/join"}
SNOWFLAKE = re.compile("[1-9][0-9]{0,18}")
ID_MAX = 2**63 - 1

# What is there, in the place of what is made up: three times out of four, so that what is not there is
# asked for as well.
PRESENT = {
    "guild": os.environ["GUILD"],
    "guildId": os.environ["GUILD"],
    "channelId": os.environ["CHANNEL"],
    "sound": "tone",
    "name": "tone",
    "file": "tone.ogg",
    "id": "1",
}
IDS = {"guild", "guildId", "channelId"}
# The same of single paths.
PRESENT_AT = {
    "/docs/{file}": {"file": "docs.js"},
    "/assets/{name}": {"name": "board.js"},
    "/api/guilds/{guild}/members/{user}": {"user": os.environ["USER_ID"]},
    "/api/guilds/{guild}/channels/{channel}/messages": {"channel": os.environ["CHANNEL"]},
    "/api/admin/roles/{role}": {"role": "editor"},
    "/api/admin/roles/{role}/users/{user}": {"role": "admin", "user": "7"},
    "/botapi/{endpoint}": {"endpoint": "soundboard-default-sounds"},
}

numbers = itertools.count(1)
addresses = itertools.count(1)
statuses = defaultdict(set)


def archive(sound):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("own.mp3", sound)
    return packed.getvalue()


def address():
    """Another one each time: for wrong credentials one would be shut out soon."""
    number = next(addresses)
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def log_in():
    """Begins a session, and answers its id."""
    request = urllib.request.Request(
        f"{ADDRESS}/api/auth/login",
        json.dumps({"token": os.environ["BOT_TOKEN"]}).encode(),
        {"Content-Type": "application/json", "X-Forwarded-For": address()},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["sessionId"]


def signed_by(session):
    """What requests takes in the place of the caller's name and token."""

    def sign(request):
        request.headers["Authorization"] = session
        return request

    return sign


SESSION = log_in()


def lacks_session(case):
    """Whether the header is left out to see what happens."""
    names = {name.lower() for name in case.headers}
    return "authorization" not in names


def is_snowflake(text):
    return isinstance(text, str) and SNOWFLAKE.fullmatch(text)


def in_bounds(values):
    """Makes ids smaller that no schema knows to be too large: those beyond 63 bits."""
    for name, value in values.items():
        if is_snowflake(value) and int(value) > ID_MAX:
            values[name] = value[:18]


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(numbers)
    in_bounds(case.path_parameters)
    in_bounds(case.query)
    case.headers["X-Forwarded-For"] = address()
    if case.path in OF_SESSIONS and not lacks_session(case):
        # Each logout ends one of its own.
        ends_it = case.method == "POST" and case.path == "/api/auth/logout"
        kwargs["auth"] = signed_by(log_in() if ends_it else SESSION)
    if case.path in ("/api/members", "/api/channels"):
        # The bot is in two guilds: one has to be named.
        case.query.setdefault("guildId", os.environ["GUILD"])
    if case.path in IN_CHANNEL and isinstance(case.body, dict) and is_snowflake(case.body.get("channel_id")):
        del case.body["channel_id"]
    if case.path == "/api/tokens/{id}":
        # Not the caller's own, which everything else is asked with.
        if str(case.path_parameters.get("id")).isdigit():
            case.path_parameters["id"] = "404"
        return
    if number % 4 == 0:
        return
    for values in (case.path_parameters, case.query):
        for name, there in PRESENT.items():
            made_up = values.get(name)
            is_good = is_snowflake(made_up) if name in IDS else isinstance(made_up, str)
            # What is too long is to be refused for that.
            if is_good and len(made_up) <= 255:
                values[name] = there
    if case.path_parameters:
        case.path_parameters.update(PRESENT_AT.get(case.path, {}))
    if case.path == "/api/auth/login" and isinstance(case.body, dict):
        token = case.body.get("token")
        if isinstance(token, str) and re.fullmatch("[!-~]{1,200}", token):
            case.body["token"] = os.environ["BOT_TOKEN"]
            # The route wants no credential; one that is made up would be looked at.
            case.cookies.clear()
            for name in [name for name in case.headers if name.lower() == "authorization"]:
                del case.headers[name]
    if isinstance(case.body, dict) and isinstance(case.body.get("sound"), str):
        case.body["sound"] = "tone"
    if isinstance(case.body, dict) and isinstance(case.body.get("file"), str):
        # One that the guild does not have yet.
        sound = SOUNDS / ("tone.flac" if number % 3 else "tone.mp3")
        sound = sound.read_bytes() + bytes([number & 255])
        if case.path == "/api/sounds/bulk":
            case.body = {"file": Binary(archive(sound))}
        else:
            case.body = {"file": Binary(sound), "name": "own"}
    if case.method == "PATCH" and case.path == "/api/sounds/{name}" and isinstance(case.body, dict):
        # Nobody renames the operator's.
        case.body.pop("name", None)


@schemathesis.hook
def after_call(context, case, response):
    statuses[f"{case.method} {case.path}"].add(response.status_code)


def check_that_all_worked(document):
    """What was only ever refused has not been looked at."""
    never = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            seen = statuses[name]
            wanted = NEVER.get(name)
            worked = wanted in seen if wanted else any(200 <= status < 400 for status in seen)
            # The document itself is where schemathesis has all this from, and asks for nothing else.
            is_left_out = "live" in operation["tags"] or path == "/api/openapi.json"
            if not is_left_out and not worked:
                never.append(f"{name} never worked, but was {sorted(seen)}")
    if never:
        sys.exit("\n".join(never))


def main():
    with urllib.request.urlopen(f"{ADDRESS}/api/openapi.json") as answer:
        document = json.load(answer)
    validate(document, cls=OpenAPIV31SpecValidator)
    sys.argv = [
        "schemathesis",
        *("--config-file", str(HERE / "document.toml")),
        *("--no-color", "run", f"{ADDRESS}/api/openapi.json"),
    ]
    try:
        program()
    except SystemExit as ended:
        if ended.code:
            raise
    check_that_all_worked(document)


main()
