"""Clients with nothing set but the environment of `impersona emulator --proxy`: Google's API clients over httplib2, REST
and gRPC, its signer of URLs, Python's own TLS, curl, and impersona.

    python proxied.py PATH-OF-IMPERSONA

google_auth.py does the same for every kind of credentials, node/ for the libraries for Node, gcloud.py for gcloud.
"""

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import traceback
import urllib.request
from urllib.parse import parse_qs, urlsplit

import google.auth
import requests
from google.api_core import exceptions
from google.cloud import iam_credentials_v1, storage

from google_auth import CLOUD, DEPLOYER, RELAYS, VAULT, Emulator, is_signed_by, stay_here
from table import shown

PROJECT = "acme-prod"
CREATOR = "roles/iam.serviceAccountTokenCreator"
API = "api@acme-prod.iam.gserviceaccount.com"
CERTS = "https://www.googleapis.com/oauth2/v3/certs"

CHECKS = []


def check(compared):
    """A check: its name says what it proves, `compared` by what. None needs another to have run."""

    def added(function):
        CHECKS.append((function, compared))
        return function

    return added


def as_file(caller):
    """The credentials of a file, as application default credentials are found."""
    return google.auth.load_credentials_from_file(caller["path"], scopes=CLOUD)[0]


def build(name, version):
    """Google's client of an API. httplib2 looks where its certificates are when it is imported: not before they are."""
    from googleapiclient import discovery

    return discovery.build(name, version, static_discovery=True)


@check("the emulator's log of hosts' services")
def every_api_client_finds_its_host(emulator):
    accounts = build("iam", "v1").projects().serviceAccounts()
    assert len(accounts.list(name=f"projects/{PROJECT}").execute()["accounts"]) == 20
    body = {"scope": CLOUD}
    minted = build("iamcredentials", "v1").projects().serviceAccounts()
    name = f"projects/-/serviceAccounts/{DEPLOYER}"
    assert minted.generateAccessToken(name=name, body=body).execute()["accessToken"].startswith("ya29.c.")
    manager = build("cloudresourcemanager", "v3")
    assert manager.projects().get(name=f"projects/{PROJECT}").execute()["projectId"] == PROJECT
    usage = build("serviceusage", "v1").services()
    assert usage.list(parent=f"projects/{PROJECT}", filter="state:ENABLED").execute()["services"]
    # Its host is www.googleapis.com.
    assert build("oauth2", "v2").userinfo().get().execute()["email"] == "dev@example.com"
    asked = {request["method"] for request in emulator.control("requests")["requests"]}
    wanted = {"iam.serviceAccounts.list", "iamcredentials.generateAccessToken", "oauth2.token", "oauth2.userinfo"}
    assert wanted <= asked, asked


@check("the answer to the same question in short")
def a_long_question_is_posted_and_understood_as_it_is_meant(emulator):
    ask = build("iam", "v1").projects().serviceAccounts().list
    short, wanted = (ask(name=f"projects/{PROJECT}", pageSize=3, fields=fields) for fields in ("accounts/email", LONG))
    # Above this the client makes a POST that stands for the GET.
    assert len(wanted.uri) > 2048, len(wanted.uri)
    assert wanted.execute() == short.execute() and len(short.execute()["accounts"]) == 3


LONG = ",".join(["accounts/email"] * 150)


@check("the client's error")
def a_denial_is_the_client_s_own_error(emulator):
    from googleapiclient import errors

    call = build("iamcredentials", "v1").projects().serviceAccounts().generateAccessToken
    try:
        call(name=f"projects/-/serviceAccounts/{API}", body={"scope": CLOUD}).execute()
    except errors.HttpError as error:
        assert error.status_code == 403 and "iam.serviceAccounts.getAccessToken" in error.reason, error
    else:
        raise AssertionError("it was given")


def as_client_library(transport):
    return iam_credentials_v1.IAMCredentialsClient(credentials=google.auth.default(CLOUD)[0], transport=transport)


@check("the client's answers and its error")
def a_client_library_works_over_rest(emulator):
    client, name = as_client_library("rest"), f"projects/-/serviceAccounts/{DEPLOYER}"
    assert client.generate_access_token(name=name, scope=CLOUD).access_token.startswith("ya29.c.")
    signed = client.sign_blob(name=name, payload=b"to be signed")
    assert is_signed_by(certificates(DEPLOYER)[signed.key_id], signed.signed_blob, b"to be signed")
    try:
        client.generate_access_token(name=f"projects/-/serviceAccounts/{API}", scope=CLOUD)
    except exceptions.Forbidden as error:
        assert "iam.serviceAccounts.getAccessToken" in error.message, error
    else:
        raise AssertionError("it was given")


@check("the status and the sentence")
def a_client_library_over_grpc_is_told_to_use_rest(emulator):
    client = as_client_library("grpc")
    try:
        client.generate_access_token(name=f"projects/-/serviceAccounts/{DEPLOYER}", scope=CLOUD, timeout=20)
    except exceptions.MethodNotImplemented as error:
        assert 'transport="rest"' in error.message, error
    else:
        raise AssertionError("it was answered")


def certificates(account):
    return requests.get(f"https://www.googleapis.com/service_accounts/v1/metadata/x509/{account}").json()


@check("the published certificates")
def a_url_is_signed_by_a_key_and_through_a_chain(emulator):
    (key,), (chain,) = emulator.callers("service_account"), emulator.callers("impersonated_service_account")
    for caller, account in ((key, key["principal"].partition(":")[2]), (chain, VAULT)):
        credentials = as_file(caller)
        client = storage.Client(project=PROJECT, credentials=credentials)
        blob = client.bucket("acme-reports").blob("2026/größe summary.csv")
        url = blob.generate_signed_url(version="v4", expiration=600)
        text, signature = signed_text(url)
        assert any(is_signed_by(pem, signature, text) for pem in certificates(account).values()), url


def signed_text(url):
    """What the signature of a V4 URL is over, and the signature."""
    parts = urlsplit(url)
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    rest = "&".join(sorted(part for part in parts.query.split("&") if not part.startswith("X-Goog-Signature=")))
    asked = f"GET\n{parts.path}\n{rest}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    scope = fields["X-Goog-Credential"].partition("/")[2]
    digest = hashlib.sha256(asked.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{fields['X-Goog-Date']}\n{scope}\n{digest}"
    return text.encode(), bytes.fromhex(fields["X-Goog-Signature"])


@check("the keys, and the refusal of another authority")
def python_s_own_tls_believes_the_authority_of_the_environment(emulator):
    with urllib.request.urlopen(CERTS, timeout=20) as answer:
        assert json.load(answer)["keys"]
    # With the rules that Python sets by itself from 3.13 on, and with no authority at all.
    strict = ssl.create_default_context()
    strict.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    with urllib.request.urlopen(CERTS, timeout=20, context=strict) as answer:
        assert json.load(answer)["keys"]
    try:
        urllib.request.urlopen(CERTS, timeout=20, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except OSError as error:
        assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
    else:
        raise AssertionError("it was believed")


@check("the proxy's refusal")
def other_hosts_are_not_reached(emulator):
    for host in ("example.com", "storage.googleapis.com", "www.google.com"):
        try:
            requests.get(f"https://{host}/", timeout=20)
        except requests.exceptions.ProxyError as error:
            assert "403" in str(error), error
        else:
            raise AssertionError(f"{host} was reached")


def ran(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@check("curl's headers and bodies")
def curl_speaks_to_google_s_hosts(emulator):
    if shutil.which("curl") is None:
        print("     there is no curl: nothing was checked with it")
        return
    token = requests.post(f"{emulator.base}/token", data=refresh(emulator)).json()["access_token"]
    bearer, url = f"Authorization: Bearer {token}", f"https://iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts"
    for version in ("--http1.1", "--http2"):
        quiet = ("curl", "-sS", version, "-H", bearer)
        code, out, err = ran(*quiet, f"{url}?pageSize=2")
        assert code == 0 and len(json.loads(out)["accounts"]) == 2, (out, err)
        code, packed, err = ran(*quiet, "--compressed", "-D", "-", f"{url}?pageSize=2")
        assert code == 0 and "content-encoding: gzip" in packed.lower() and packed.endswith(out), (packed, err)
        code, head, err = ran(*quiet, "-I", f"{url}?pageSize=2")
        assert code == 0 and " 200" in head.splitlines()[-1] + head and "server: esf" in head.lower(), (head, err)
        policy = f"{url}/{DEPLOYER}:getIamPolicy"
        code, out, err = ran(*quiet, "-d", "", policy)
        assert code == 0 and "etag" in json.loads(out), (out, err)
        over = ("-H", "X-HTTP-Method-Override: GET", "-d", "pageSize=2")
        code, out, err = ran(*quiet, *over, url)
        assert code == 0 and len(json.loads(out)["accounts"]) == 2, (out, err)
    # No length: Google's front end refuses it over HTTP/1.1.
    code, page, err = ran("curl", "-sS", "--http1.1", "-w", "%{http_code}", "-H", bearer, "-X", "POST", policy)
    assert page.endswith("411") and "POST requests require" in page, (page, err)
    code, out, err = ran("curl", "-sS", "https://example.com/")
    assert code != 0 and "403" in err, (out, err)


def refresh(emulator):
    """What a person's login is refreshed with."""
    with open(emulator.caller("user:dev@example.com"), encoding="utf-8") as file:
        info = json.load(file)
    fields = ("client_id", "client_secret", "refresh_token")
    return {"grant_type": "refresh_token"} | {name: info[name] for name in fields}


@check("what it says with --json")
def impersona_finds_all_of_google_by_itself(emulator):
    home = {"HOME": emulator.home.name, "PATH": os.environ["PATH"]}

    def told(*arguments):
        """Its objects, one a line."""
        done = subprocess.run(
            [emulator.binary, *arguments, "--json"], env=home | emulator.first["env"],
            capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert not [name for name in emulator.first["env"] if "ENDPOINT" in name or "TOKEN_HOST" in name]
    assert "dev@example.com" in json.dumps(told("whoami"))
    listed = told("accounts", "--project", PROJECT)
    assert DEPLOYER in [account["email"] for account in listed], len(listed)
    (minted,) = told("token", "access", VAULT, "--delegate", RELAYS[0], "--delegate", RELAYS[1])
    assert minted["token"].startswith("ya29.c."), sorted(minted)
    (policy,) = told("policy", "get", DEPLOYER)
    assert policy["etag"], policy


def main(binary):
    emulator = Emulator(binary, "--proxy", "--control")
    emulator.control = lambda what: requests.get(f"{emulator.base}/_emulator/{what}").json()
    os.environ.update(emulator.first["env"])
    stay_here()
    rows = []
    try:
        for one, compared in CHECKS:
            name = one.__name__.replace("_", " ")
            try:
                one(emulator)
                held = True
            except Exception:
                held = False
                traceback.print_exc()
            rows.append((name, compared, held))
            print(f"{'ok  ' if held else 'FAIL'} {name}", flush=True)
    finally:
        emulator.close()
    return shown(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: proxied.py PATH-OF-IMPERSONA")
    sys.exit(main(sys.argv[1]))
