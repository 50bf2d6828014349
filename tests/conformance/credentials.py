"""What impersona mints and signs, judged by others: Google's own verifiers, a JWT library of neither side, bare
cryptography, and Google's own maker of signed URLs.

    python credentials.py PATH-OF-IMPERSONA

It drives the command line as a script would, against an emulator of its own, which is its proxy and the judges' too. With `--vectors` in place of the path it
prints the lines of `src/model/signed_url_vectors.jsonl` anew: the inputs as they are there, the outputs by Google's
library.
"""

import base64
import contextlib
import datetime
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from unittest import mock
from urllib.parse import parse_qs, quote, urlsplit

import google.auth.credentials
import google.auth.exceptions
import google.auth.jwt
import jwt
import requests
from google.cloud import storage
from google.cloud.storage import _signing

from google_auth import AUDIENCE, DEPLOYER, RELAYS, VAULT, as_account, is_signed_by, run, verified

VECTORS = os.path.join(os.path.dirname(__file__), "..", "..", "src", "model", "signed_url_vectors.jsonl")
OBJECT = "gs://acme-reports/2026/summary.csv"
HALF_A_DAY = 12 * 3600
REFUSED = 8

CHECKS = []


def check(function):
    """A check: its name says what it proves. None needs another to have run."""
    CHECKS.append(function)
    return function


# The command line.


def call(emulator, *arguments, stdin=b"", env=None):
    """Runs the command line as the emulator's default caller."""
    return subprocess.run(
        [emulator.binary, *arguments],
        env={"HOME": emulator.home.name, "PATH": os.environ.get("PATH", "")} | emulator.first["env"] | (env or {}),
        input=stdin,
        capture_output=True,
        timeout=60,
    )


def told(emulator, *arguments, stdin=b"", env=None):
    """What it says with --json."""
    done = call(emulator, *arguments, "--json", stdin=stdin, env=env)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr.decode()}"
    return json.loads(done.stdout)


def by(delegates):
    return [word for delegate in delegates for word in ("--delegate", delegate)]


@contextlib.contextmanager
def file_of(emulator, content, name="input"):
    """A file with this content, gone afterwards."""
    path = os.path.join(emulator.home.name, name)
    with open(path, "wb") as file:
        file.write(content)
    try:
        yield path
    finally:
        os.unlink(path)


def nowhere():
    """An environment in which whatever is sent fails by another code than a refusal: nobody listens on port 1."""
    return {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": "http://127.0.0.1:1/",
        "CLOUDSDK_AUTH_TOKEN_HOST": "http://127.0.0.1:1/token",
    }


# Times.


def second(text):
    """RFC 3339 to seconds since the epoch."""
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def about(found, wanted, seconds=60):
    assert abs(found - wanted) <= seconds, f"{found} is not within {seconds} s of {wanted}"


# Published keys.


def published(emulator, form, account):
    answer = requests.get(f"{emulator.base}/service_accounts/v1/metadata/{form}/{quote(account)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def signed(emulator, account, key_id, signature, message):
    """The key that was named made the signature, and not over something else."""
    certificates = published(emulator, "x509", account)
    assert key_id in certificates, f"{key_id} is not among {sorted(certificates)}"
    assert is_signed_by(certificates[key_id], signature, message), "the key that was named does not fit"
    assert not is_signed_by(certificates[key_id], signature, message + b"x"), "it fits anything"


# ID tokens.


def refused_by_library(verify):
    """Google's library takes a token for no other audience, nor one that was changed."""
    try:
        verify()
    except (ValueError, google.auth.exceptions.GoogleAuthError):
        return
    raise AssertionError("it was taken")


@check
def an_id_token_is_verified_by_google(emulator):
    made = told(emulator, "token", "id", DEPLOYER, "--audience", AUDIENCE)
    claims = verified(made["token"])
    assert (made["kind"], made["account"], made["audience"]) == ("id", DEPLOYER, AUDIENCE), sorted(made)
    assert claims["aud"] == AUDIENCE and claims["email"] == DEPLOYER and claims["email_verified"] is True, claims
    assert claims["iss"] == "https://accounts.google.com" and claims["sub"] == claims["azp"], claims
    assert second(made["expireTime"]) == claims["exp"], (made["expireTime"], claims["exp"])


@check
def an_id_token_is_for_its_audience_only(emulator):
    token = told(emulator, "token", "id", DEPLOYER, "--audience", AUDIENCE)["token"]
    for audience in ("https://other.run.app", AUDIENCE + "/", AUDIENCE.upper()):
        refused_by_library(lambda: verified(token, audience))
    refused_by_library(lambda: verified(token[:-8] + "AAAAAAAA"))


# JWTs.


def claims_of(**more):
    now = int(time.time())
    return {"iss": DEPLOYER, "sub": DEPLOYER, "aud": AUDIENCE, "iat": now, "exp": now + 600} | more


def exactly(text):
    """A JSON text with its order, its duplicates and its numbers as they are written."""
    return json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)


def payload(token):
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


def judged(emulator, made, account, claims):
    """PyJWT by the JWK set, google-auth by the certificates: both take it and read the same."""
    token, key_id = made["token"], made["keyId"]
    assert (made["kind"], made["account"]) == ("jwt", account), sorted(made)
    header = jwt.get_unverified_header(token)
    assert header["kid"] == key_id and header["alg"] == "RS256", header
    key = jwt.PyJWKSet.from_dict(published(emulator, "jwk", account))[key_id]
    # A third party's rules for sub and jti are stricter than JSON; the claims are compared below.
    lenient = {"verify_sub": False, "verify_jti": False, "verify_iss": False}
    assert jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, options=lenient) == claims
    assert google.auth.jwt.decode(token, published(emulator, "x509", account), audience=AUDIENCE) == claims
    assert second(made["expireTime"]) == claims["exp"], made["expireTime"]


@check
def a_jwt_is_verified_by_others(emulator):
    claims = claims_of()
    with file_of(emulator, json.dumps(claims).encode()) as path:
        judged(emulator, told(emulator, "token", "jwt", DEPLOYER, "--claims", path), DEPLOYER, claims)


@check
def a_jwt_of_claims_on_stdin_is_verified_by_others(emulator):
    claims = claims_of()
    made = told(emulator, "token", "jwt", DEPLOYER, "--claims", "-", stdin=json.dumps(claims).encode())
    judged(emulator, made, DEPLOYER, claims)


@check
def claims_are_signed_as_they_are_written(emulator):
    claims = claims_of(
        zeta=1,
        alpha={"z": [3, 1, 2], "a": None, "m": {"y": True, "x": False}},
        größe="報告 🚀 \u2028 \" \\ / \t",
        big=2**63 + 12345678901234567890,
        small=-(2**70),
        exact=9007199254740993,
        fraction=0.1,
        empty={},
    )
    for text in (
        json.dumps(claims),
        json.dumps(claims, ensure_ascii=False),
        "\n " + json.dumps(claims, indent=4) + "\n",
    ):
        made = told(emulator, "token", "jwt", DEPLOYER, "--claims", "-", stdin=text.encode())
        judged(emulator, made, DEPLOYER, claims)
        assert exactly(payload(made["token"])) == exactly(text), payload(made["token"])


@check
def a_changed_jwt_is_taken_by_nobody(emulator):
    made = told(emulator, "token", "jwt", DEPLOYER, "--claims", "-", stdin=json.dumps(claims_of()).encode())
    token = made["token"][:-8] + "AAAAAAAA"
    key = jwt.PyJWKSet.from_dict(published(emulator, "jwk", DEPLOYER))[made["keyId"]]
    try:
        jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE)
    except jwt.InvalidSignatureError:
        pass
    else:
        raise AssertionError("PyJWT took it")
    refused_by_library(lambda: google.auth.jwt.decode(token, published(emulator, "x509", DEPLOYER)))


@check
def claims_that_google_refuses_are_never_sent(emulator):
    now = int(time.time())
    wrong = {
        "nothing": "",
        "no JSON": '{"exp": ',
        "text": "claims",
        "two values": "{} {}",
        "a list": "[]",
        "a string": '"x"',
        "a number": "1",
        "null": "null",
        "past": json.dumps(claims_of(exp=now - 60)),
        "far": json.dumps(claims_of(exp=now + HALF_A_DAY + 600)),
        "exp as text": json.dumps(claims_of(exp=str(now + 600))),
        "exp with a fraction": json.dumps(claims_of(exp=now + 600.5)),
        "exp as a truth": json.dumps(claims_of(exp=True)),
        "exp as a date": json.dumps(claims_of(exp="2099-01-01T00:00:00Z")),
    }
    for name, text in wrong.items():
        arguments = ["token", "jwt", DEPLOYER, "--claims", "-"]
        done = call(emulator, *arguments, stdin=text.encode(), env=nowhere())
        assert done.returncode == REFUSED, f"{name}: exit {done.returncode}: {done.stderr.decode()}"
        assert not done.stdout and done.stderr.strip(), name


# Signed bytes.


@check
def signed_bytes_are_verified_by_cryptography(emulator):
    blobs = {
        "text": "größe 報告\r\n".encode(),
        "a line break at the end": b"x\n",
        "every byte": bytes(range(256)) * 3,
        "no UTF-8": b"\xff\xfe\x00\x80",
        "100 KiB": os.urandom(100 * 1024),
    }
    for name, blob in blobs.items():
        for source in ("file", "stdin"):
            with file_of(emulator, blob) as path:
                arguments = ("token", "blob", DEPLOYER, path if source == "file" else "-")
                made = told(emulator, *arguments, stdin=b"" if source == "file" else blob)
            assert (made["kind"], made["account"]) == ("blob", DEPLOYER), (name, sorted(made))
            assert made["sha256"] == hashlib.sha256(blob).hexdigest(), f"{name} from {source}: {made['sha256']}"
            signature = base64.b64decode(made["signature"], validate=True)
            signed(emulator, DEPLOYER, made["keyId"], signature, blob)


# Signed URLs.


class StandIn(google.auth.credentials.Signing):
    """Signs nothing: gives the same bytes for everything and keeps what it was to sign."""

    signer = None
    signer_email = DEPLOYER

    def sign_bytes(self, message):
        self.message = message.decode()
        return bytes(range(240, 256))


def seconds(text):
    """`1h 30m` or `900` in seconds."""
    if text.isdigit():
        return int(text)
    return sum(int(part[:-1]) * {"d": 86400, "h": 3600, "m": 60, "s": 1}[part[-1]] for part in text.split())


def librarys(case, credentials, moment):
    """The URL that Google's library makes. Through its front door, so that it places and encodes the object itself;
    that one takes no clock, so the library's own is held still."""
    client = storage.Client(project="acme-prod", credentials=google.auth.credentials.AnonymousCredentials())
    bucket, name = case["object"].removeprefix("gs://").split("/", 1)
    with mock.patch.object(_signing, "get_v4_now_dtstamps", lambda: (moment, moment[:8])):
        return client.bucket(bucket).blob(name).generate_signed_url(
            version="v4",
            expiration=seconds(case["expires"]),
            method=case["method"],
            headers=dict(text.split(":", 1) for text in case["headers"]),
            query_parameters=dict(text.split("=", 1) for text in case["query"]),
            virtual_hosted_style=case["virtual_host"],
            credentials=credentials,
        )


def cases():
    with open(VECTORS, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def again(case):
    """The same inputs with what the library makes of them now."""
    stand_in = StandIn()
    url = librarys(case, stand_in, "20261121T222220Z")
    return case | {"hash": stand_in.message.split("\n")[-1], "url": url}


def ours(emulator, case, account=DEPLOYER, delegates=()):
    arguments = ["sign-url", account, case["object"], "--method", case["method"], "--expires", case["expires"]]
    arguments += [word for text in case["headers"] for word in ("--header", text)]
    arguments += [word for text in case["query"] for word in ("--query", text)]
    arguments += ["--virtual-host"] if case["virtual_host"] else []
    return told(emulator, *arguments, *by(delegates))


def compared(emulator, case, account=DEPLOYER, delegates=()):
    """Our URL is Google's, to the byte: RSA with PKCS#1 v1.5 gives the same signature for the same text."""
    made = ours(emulator, case, account, delegates)
    moment = parse_qs(urlsplit(made["url"]).query)["X-Goog-Date"][0]
    wanted = librarys(case, as_account(emulator, account, delegates), moment)
    assert made["url"] == wanted, f"{case['name']}:\n  ours   {made['url']}\n  theirs {wanted}"
    start = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    about(start, time.time())
    assert second(made["expireTime"]) == start + seconds(case["expires"]), (case["name"], made["expireTime"])


@check
def the_recorded_urls_are_those_of_this_library(emulator):
    for case in cases():
        assert again(case) == case, case["name"]


@check
def signed_urls_are_byte_for_byte_googles(emulator):
    every = cases()
    assert len(every) >= 20, len(every)
    wrong = []
    for case in every:
        try:
            compared(emulator, case)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


@check
def a_signed_url_without_options_is_a_read_of_15_minutes(emulator):
    made = told(emulator, "sign-url", DEPLOYER, OBJECT)
    query = parse_qs(urlsplit(made["url"]).query)
    assert query["X-Goog-Expires"] == ["900"] and query["X-Goog-SignedHeaders"] == ["host"], query
    plain = {"method": "GET", "object": OBJECT, "expires": "15m", "headers": [], "query": [], "virtual_host": False}
    wanted = librarys(plain, as_account(emulator, DEPLOYER), query["X-Goog-Date"][0])
    assert made["url"] == wanted, (made["url"], wanted)


@check
def what_would_change_a_signed_url_is_never_sent(emulator):
    for wrong in (
        ["https://storage.googleapis.com/acme-reports/a"],
        ["gs://acme-reports"],
        ["gs://Acme/a"],
        [OBJECT, "--method", "PATCH"],
        [OBJECT, "--expires", "8d"],
        [OBJECT, "--expires", "0"],
        [OBJECT, "--header", "Host: example.com"],
        [OBJECT, "--header", "X-A: b\r\nX-B: c"],
        [OBJECT, "--query", "X-Goog-Expires=1"],
        [OBJECT, "--query", "x-goog-signature=00"],
    ):
        done = call(emulator, "sign-url", DEPLOYER, *wrong, env=nowhere())
        assert done.returncode == REFUSED, f"{wrong}: exit {done.returncode}: {done.stderr.decode()}"
        assert not done.stdout, wrong


# The metadata server.


def tokeninfo(emulator, token):
    answer = requests.get(f"{emulator.base}/tokeninfo", params={"access_token": token})
    assert answer.status_code == 200, answer.text
    return answer.json()


@check
def an_access_token_of_the_metadata_server_is_known_to_tokeninfo(emulator):
    for more in ([], ["--account", "default"]):
        made = told(emulator, "token", "metadata", *more)
        info = tokeninfo(emulator, made["token"])
        assert made["account"] and made["kind"], sorted(made)
        assert info.get("email", made["account"]) == made["account"], (info.get("email"), made["account"])
        about(second(made["expireTime"]), time.time() + int(info["expires_in"]))


@check
def scopes_that_compute_engine_ignores_are_said_to_be_ignored(emulator):
    scope = "https://www.googleapis.com/auth/devstorage.read_only"
    done = call(emulator, "token", "metadata", "--scope", scope)
    assert done.returncode == 0, done.stderr
    assert scope not in tokeninfo(emulator, done.stdout.decode().strip())["scope"].split(), "the machine is no VM"
    assert b"ignored, as on Compute Engine" in done.stderr, done.stderr


@check
def an_id_token_of_the_metadata_server_is_verified_by_google(emulator):
    made = told(emulator, "token", "metadata", "--audience", AUDIENCE)
    claims = verified(made["token"])
    assert claims["aud"] == AUDIENCE and second(made["expireTime"]) == claims["exp"], claims
    assert "compute_engine" not in claims.get("google", {}), claims
    refused_by_library(lambda: verified(made["token"], "https://other.run.app"))


@check
def a_full_id_token_of_the_metadata_server_names_the_machine(emulator):
    made = told(emulator, "token", "metadata", "--audience", AUDIENCE, "--full")
    claims = verified(made["token"])
    assert claims["google"]["compute_engine"], claims


# Chains.


@check
def a_jwt_is_signed_through_a_chain(emulator):
    claims = claims_of(iss=VAULT, sub=VAULT)
    text = json.dumps(claims).encode()
    made = told(emulator, "token", "jwt", VAULT, "--claims", "-", *by(RELAYS), stdin=text)
    judged(emulator, made, VAULT, claims)


@check
def bytes_are_signed_through_a_chain(emulator):
    made = told(emulator, "token", "blob", VAULT, "-", *by(RELAYS), stdin=b"to be signed")
    signed(emulator, VAULT, made["keyId"], base64.b64decode(made["signature"]), b"to be signed")


@check
def a_url_is_signed_through_a_chain(emulator):
    for case in (cases()[0], cases()[-1]):
        compared(emulator, case, VAULT, RELAYS)


@check
def without_its_chain_nothing_is_signed(emulator):
    for delegates in ([], RELAYS[:1], RELAYS[::-1]):
        for arguments, stdin in (
            (["token", "jwt", VAULT, "--claims", "-"], json.dumps(claims_of()).encode()),
            (["token", "blob", VAULT, "-"], b"to be signed"),
            (["sign-url", VAULT, OBJECT], b""),
        ):
            done = call(emulator, *arguments, *by(delegates), stdin=stdin)
            assert done.returncode == 4 and not done.stdout, f"{arguments}: exit {done.returncode}"


# Files.


def goes_to_a_file(emulator, arguments, stdin, sound):
    """The credential alone, for its owner only, and never over what is there."""
    path = os.path.join(emulator.home.name, "credential")
    try:
        done = call(emulator, *arguments, "--out", path, stdin=stdin)
        assert done.returncode == 0 and not done.stdout, f"exit {done.returncode}: {done.stderr.decode()}"
        mode = stat.S_IMODE(os.stat(path).st_mode)
        assert mode == 0o600, oct(mode)
        with open(path, "rb") as file:
            content = file.read()
        text = content.decode("ascii")
        assert text.strip() and "\n" not in text.removesuffix("\n"), "more than one line"
        sound(text.removesuffix("\n"))
        assert text.strip() not in done.stderr.decode(), "it is on stderr, too"
        done = call(emulator, *arguments, "--out", path, stdin=stdin)
        assert done.returncode == REFUSED, f"a file that is there: exit {done.returncode}"
        with open(path, "rb") as file:
            assert file.read() == content, "it was written over"
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


@check
def an_id_token_goes_to_a_file(emulator):
    arguments = ["token", "id", DEPLOYER, "--audience", AUDIENCE]
    goes_to_a_file(emulator, arguments, b"", lambda token: verified(token))


@check
def a_jwt_goes_to_a_file(emulator):
    certificates = published(emulator, "x509", DEPLOYER)
    goes_to_a_file(
        emulator,
        ["token", "jwt", DEPLOYER, "--claims", "-"],
        json.dumps(claims_of()).encode(),
        lambda token: google.auth.jwt.decode(token, certificates, audience=AUDIENCE),
    )


@check
def a_signature_goes_to_a_file(emulator):
    def sound(text):
        signature = base64.b64decode(text, validate=True)
        certificates = published(emulator, "x509", DEPLOYER)
        assert any(is_signed_by(pem, signature, b"to be signed") for pem in certificates.values()), "no key fits"

    goes_to_a_file(emulator, ["token", "blob", DEPLOYER, "-"], b"to be signed", sound)


@check
def a_signed_url_goes_to_a_file(emulator):
    def sound(url):
        moment = parse_qs(urlsplit(url).query)["X-Goog-Date"][0]
        case = {"method": "GET", "object": OBJECT, "expires": "15m", "headers": [], "query": [], "virtual_host": False}
        assert url == librarys(case, as_account(emulator, DEPLOYER), moment), "it is not the library's"

    goes_to_a_file(emulator, ["sign-url", DEPLOYER, OBJECT], b"", sound)


@check
def a_token_of_the_metadata_server_goes_to_a_file(emulator):
    goes_to_a_file(emulator, ["token", "metadata"], b"", lambda token: tokeninfo(emulator, token))
    arguments = ["token", "metadata", "--audience", AUDIENCE]
    goes_to_a_file(emulator, arguments, b"", lambda token: verified(token))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: credentials.py PATH-OF-IMPERSONA | --vectors")
    if sys.argv[1] == "--vectors":
        for one in cases():
            print(json.dumps(again(one), ensure_ascii=False))
    else:
        run(CHECKS, sys.argv[1], "impersona's output by Google's own verifiers")
