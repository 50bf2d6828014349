"""google-api-python-client, unchanged, against `impersona emulator`: every method of Google's APIs that is served is
called by what Google's own discovery document says of it, and every answer is held to that document.

    python api_client.py PATH-OF-IMPERSONA

The documents are those inside the client's package, so that nothing is asked of the network. The world is the example
organization with somebody who may do everything in it and somebody who may do nothing.
"""

import base64
import collections
import copy
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import google.auth
import httplib2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

from table import shown

CLOUD = "https://www.googleapis.com/auth/cloud-platform"
PROFILE = [f"https://www.googleapis.com/auth/userinfo.{part}" for part in ("email", "profile")]
AUDIENCE = "https://svc.run.app"
OWNER = "owner@example.com"
STRANGER = "stranger@example.net"
DEPLOYER = "deployer@acme-prod.iam.gserviceaccount.com"
EDITABLE = "editable@acme-prod.iam.gserviceaccount.com"
VAULT = "vault@acme-prod.iam.gserviceaccount.com"
RELAYS = ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"]
CREATOR = "roles/iam.serviceAccountTokenCreator"
ORGANIZATION, SECOND = "organizations/123456789012", "organizations/222222222222"
FOLDER = "folders/310000000001"
CONDITION = {
    "title": "until 2098",
    "description": "for a test",
    "expression": 'request.time < timestamp("2098-01-01T00:00:00Z")',
}
GET_3 = {"options": {"requestedPolicyVersion": 3}}

# The documents, by the service that a row of the emulator's table belongs to.
DOCUMENTS = {
    "iam.googleapis.com": [("iam", "v1"), ("iam", "v2")],
    "iamcredentials.googleapis.com": [("iamcredentials", "v1")],
    "cloudresourcemanager.googleapis.com": [("cloudresourcemanager", f"v{n}") for n in (1, 2, 3)],
    "serviceusage.googleapis.com": [("serviceusage", "v1")],
    "cloudasset.googleapis.com": [("cloudasset", "v1")],
    "policytroubleshooter.googleapis.com": [("policytroubleshooter", "v1"), ("policytroubleshooter", "v3")],
    "policyanalyzer.googleapis.com": [("policyanalyzer", "v1")],
    "sts.googleapis.com": [("sts", "v1")],
    "oauth2.googleapis.com": [("oauth2", "v2")],
}

# What is served and stands in no discovery document, and who asks it instead.
ELSEWHERE = {
    "oauth2.token": "the credentials of every check here",
    "oauth2.revoke": "impersona",
    "oauth2.certs": "google_auth.py",
    "oauth2.discovery": "nobody but the emulator's own tests",
    "certs.jwk": "impersona",
    "certs.x509": "google_auth.py, credentials.py",
    "certs.raw": "impersona",
    "sts.introspect": "google_auth.py",
    "sts.oauthtoken": "google_auth.py",
    "sts.revoke": "impersona",
    "policytroubleshooter.v2alpha1.iam.troubleshoot": "gcloud.py",
    "metadata.token": "google_auth.py",
    "metadata.identity": "google_auth.py",
    "metadata.read": "google_auth.py",
    "external.subjectToken": "google_auth.py",
    "external.discovery": "nobody but the emulator's own tests",
    "external.jwks": "nobody but the emulator's own tests",
    "external.awsSession": "google_auth.py",
    "external.awsZone": "google_auth.py",
    "external.awsRole": "google_auth.py",
    "external.awsCredentials": "google_auth.py",
    "external.authenticate": "google_auth.py",
    "unrouted": "the emulator's own tests: no API has it",
}

# What Google answers though its document does not have it.
BEYOND = {"oauth2.tokeninfo.access_type"}

CHECKS = []


def check(compared):
    """A check: its name says what it proves, `compared` by what. They run in their order."""

    def added(function):
        CHECKS.append((function, compared))
        return function

    return added


def world():
    """The example organization, a second one, and two more callers."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "crates", "emulator", "assets", "world.json")
    with open(path, encoding="utf-8") as file:
        made = json.load(file)
    everything = ["roles/owner", "roles/resourcemanager.organizationAdmin", "roles/serviceusage.serviceUsageAdmin", CREATOR]
    given = [{"role": role, "members": [f"user:{OWNER}"]} for role in everything]
    made["organizations"][0]["policy"]["bindings"] += given
    made["organizations"].append({"number": 222222222222, "domain": "second.example", "policy": {"bindings": given}})
    made["users"].append({"email": STRANGER, "name": "Stranger"})
    scopes = ["openid", CLOUD, *PROFILE]
    made["callers"] = [
        {"principal": f"user:{OWNER}", "quotaProject": "acme-prod", "scopes": scopes},
        {"principal": f"user:{STRANGER}", "scopes": scopes},
        *made["callers"],
    ]
    return made


def methods_of(document):
    """The methods of a discovery document by their ids."""
    found = {method["id"]: method for method in document.get("methods", {}).values()}
    for resource in document.get("resources", {}).values():
        found |= methods_of(resource)
    return found


class Desk:
    """The emulator as a process, Google's client in front of it, and what was asked so far."""

    def __init__(self, binary):
        self.home = tempfile.TemporaryDirectory()
        self.world = world()
        path = os.path.join(self.home.name, "world.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.world, file)
        self.process = subprocess.Popen(
            [os.path.abspath(binary), "emulator", "--control", "--world", path],
            env={"HOME": self.home.name, "TMPDIR": self.home.name, "PATH": os.environ.get("PATH", "")},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = json.loads(self.process.stdout.readline())
        self.base = self.first["endpoints"]["iam"]
        self.documents = {
            of: json.loads(get_static_doc(*of)) for documents in DOCUMENTS.values() for of in documents
        }
        self.methods = {of: methods_of(document) for of, document in self.documents.items()}
        self.clients = {}
        # The first request of each method that was answered, and what was refused, by document and id.
        self.answered, self.refused = {}, collections.defaultdict(set)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.home.cleanup()

    def credentials(self, principal):
        path = next(caller["path"] for caller in self.first["callers"] if caller["principal"] == principal)
        made = google.auth.load_credentials_from_file(path, scopes=None)[0]
        # The library passes over the address in the file of a person.
        return made.with_token_uri(self.first["endpoints"]["token"])

    def client(self, name, version, who=f"user:{OWNER}"):
        """Google's client of an API, as somebody or, without a name, as nobody."""
        key = (name, version, who)
        if key not in self.clients:
            http = httplib2.Http(timeout=10)
            auth = {"http": AuthorizedHttp(self.credentials(who), http=http) if who else http}
            options = {"api_endpoint": self.base}
            made = build(name, version, client_options=options, static_discovery=True, **auth)
            made.document = (name, version)
            self.clients[key] = made
        return self.clients[key]

    def ask(self, api, request):
        """The answer of a request, once it is seen to be what the document says."""
        answer = request.execute()
        method = self.methods[api.document][request.methodId]
        document = self.documents[api.document]
        strict = api.document[0] not in ("oauth2", "sts")
        conforms(answer, {"$ref": method["response"]["$ref"]}, document["schemas"], request.methodId, strict)
        self.answered.setdefault((api.document, request.methodId), request)
        return answer

    def pages(self, api, request, following, field, least=2):
        """What all pages hold, by Google's own way from one to the next."""
        found, count = [], 0
        while request is not None:
            answer = self.ask(api, request)
            assert answer.get(field) or count or not least, f"the first page of {request.methodId} is empty"
            found += answer.get(field, [])
            count += 1
            assert count < 500, f"{request.methodId} has no end"
            request = following(request, answer)
        assert count >= least, f"{count} pages"
        return found

    def control(self, what):
        with urllib.request.urlopen(self.first["control"] + what, timeout=20) as answer:
            return json.load(answer)[what]


def conforms(value, schema, schemas, at, strict, root=True):
    """Whether a value is one of a schema: every field known, types, formats, enums; and, where answers are proto3 JSON,
    no field that holds its default."""
    if "$ref" in schema:
        return conforms(value, {"type": "object"} | schemas[schema["$ref"]], schemas, at, strict, root)
    kind = schema["type"]
    if kind == "any":
        return None
    if strict and not root:
        assert value not in ("", [], {}, None) and value is not False, f"{at} is its default, {value!r}"
    if kind == "object":
        assert isinstance(value, dict), f"{at} is no object: {value!r}"
        known, rest = schema.get("properties", {}), schema.get("additionalProperties")
        if "@type" in value and rest is not None and rest["type"] == "any":
            # A message of a type that it names itself; the document has it too.
            name = value["@type"].rpartition(".")[2]
            assert name in schemas, f"{at} is of the unknown type {value['@type']}"
            return conforms({k: v for k, v in value.items() if k != "@type"}, {"$ref": name}, schemas, at, False)
        for name, inner in value.items():
            of = known.get(name, rest)
            if of is None and f"{at}.{name}" in BEYOND:
                continue
            assert of is not None, f"{at}.{name} is not in the document"
            conforms(inner, of, schemas, f"{at}.{name}", strict, False)
    elif kind == "array":
        assert isinstance(value, list), f"{at} is no list: {value!r}"
        for number, item in enumerate(value):
            conforms(item, schema["items"], schemas, f"{at}[{number}]", strict, False)
    elif kind == "string":
        assert isinstance(value, str), f"{at} is no text: {value!r}"
        assert "enum" not in schema or value in schema["enum"], f"{at} is none of {schema['enum']}: {value}"
        assert well_formed(value, schema.get("format")), f"{at} is no {schema.get('format')}: {value}"
    elif kind == "integer":
        assert isinstance(value, int) and not isinstance(value, bool), f"{at} is no integer: {value!r}"
        low, high = (0, 2**32) if schema.get("format") == "uint32" else (-(2**31), 2**31)
        assert low <= value < high, f"{at} is out of its range: {value}"
    elif kind == "number":
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{at} is no number: {value!r}"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{at} is no boolean: {value!r}"
    else:
        raise AssertionError(f"{at} is of the kind {kind}, which this script does not know")
    return None


def well_formed(text, form):
    if form in ("int64", "uint64"):
        return re.fullmatch("-?[0-9]+" if form == "int64" else "[0-9]+", text)
    if form == "byte":
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    if form == "google-datetime":
        datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return text.endswith("Z")
    if form == "google-duration":
        return re.fullmatch(r"-?[0-9]+(\.[0-9]{1,9})?s", text)
    if form == "google-fieldmask":
        return re.fullmatch(r"[A-Za-z0-9.,]+", text)
    assert form is None, f"this script does not know the format {form}"
    return True


def refused(request, status, reason):
    """The request raises the client's own error, with this status and this reason."""
    try:
        answer = request.execute()
    except HttpError as error:
        found = (error.status_code, reason_of(error))
        assert found == (status, reason), f"{request.methodId}: {found} instead of {(status, reason)}: {error}"
        return error
    raise AssertionError(f"{request.methodId} was answered: {str(answer)[:200]}")


def reason_of(error):
    """The reason in the details, else the status of Google or OAuth's word."""
    body = json.loads(error.content)["error"]
    if isinstance(body, str):
        return body
    for detail in body.get("details", []):
        if detail["@type"].endswith("google.rpc.ErrorInfo"):
            # The client has read them, too.
            assert detail in error.error_details, error.error_details
            return detail["reason"]
    return body["status"]


def once(found, wanted):
    """All of the wanted are found, each once."""
    counted = collections.Counter(found)
    twice = [name for name, count in counted.items() if count > 1]
    assert not twice, f"more than once: {twice[:5]}"
    assert set(found) == set(wanted), f"missing or too many: {sorted(set(found) ^ set(wanted))[:5]}"


def accounts_of(made, project):
    """The emails of a project's accounts, as the world states them."""
    stated = next(one for one in made["projects"] if one["id"] == project)["accounts"]
    return [f"{one['email']}@{project}.iam.gserviceaccount.com" for one in stated]


def bindings(policy):
    return sorted(
        (one["role"], member, json.dumps(one.get("condition"), sort_keys=True))
        for one in policy.get("bindings", [])
        for member in one["members"]
    )


def name_of(email, project="-"):
    return f"projects/{project}/serviceAccounts/{email}"


# IAM.


@check("pages of 20 and of 7 against the world's accounts")
def accounts_are_listed_once_each(desk):
    iam = desk.client("iam", "v1")
    api = iam.projects().serviceAccounts()
    for size in (None, 7):
        request = api.list(name="projects/acme-prod", pageSize=size)
        found = desk.pages(iam, request, api.list_next, "accounts")
        once([one["email"] for one in found], accounts_of(desk.world, "acme-prod"))


@check("by email, unique id, project and `-`; 403 under `-`, 404 under the project")
def an_account_is_got(desk):
    iam = desk.client("iam", "v1")
    api = iam.projects().serviceAccounts()
    found = desk.ask(iam, api.get(name=name_of(DEPLOYER)))
    assert (found["email"], found["uniqueId"]) == (DEPLOYER, "109300000000000004411"), found
    for other in (name_of(found["uniqueId"]), name_of(DEPLOYER, "acme-prod"), name_of(DEPLOYER, "415104041262")):
        assert desk.ask(iam, api.get(name=other)) == found, other
    nobody = "nobody@acme-prod.iam.gserviceaccount.com"
    refused(api.get(name=name_of(nobody)), 403, "IAM_PERMISSION_DENIED")
    refused(api.get(name=name_of(nobody, "acme-prod")), 404, "NOT_FOUND")


@check("key types; the list against one by one; the public part against the published certificate")
def keys_are_listed_and_got(desk):
    iam = desk.client("iam", "v1")
    api = iam.projects().serviceAccounts().keys()
    name = name_of(DEPLOYER)
    listed = desk.ask(iam, api.list(name=name))["keys"]
    kinds = collections.Counter(key["keyType"] for key in listed)
    assert kinds == {"USER_MANAGED": 2, "SYSTEM_MANAGED": 1}, kinds
    for kind, count in kinds.items():
        assert len(desk.ask(iam, api.list(name=name, keyTypes=[kind]))["keys"]) == count, kind
    for key in listed:
        assert desk.ask(iam, api.get(name=key["name"])) == key, key["name"]
    system = next(key["name"] for key in listed if key["keyType"] == "SYSTEM_MANAGED")
    got = desk.ask(iam, api.get(name=system, publicKeyType="TYPE_X509_PEM_FILE"))
    url = f"{desk.base}service_accounts/v1/metadata/x509/{DEPLOYER}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        published = json.load(answer)[system.rpartition("/")[2]]
    keys = [x509.load_pem_x509_certificate(pem).public_key().public_numbers() for pem in
            (base64.b64decode(got["publicKeyData"]), published.encode())]
    assert keys[0] == keys[1], "another key"
    raw = desk.ask(iam, api.get(name=system, publicKeyType="TYPE_RAW_PUBLIC_KEY"))
    assert b"BEGIN PUBLIC KEY" in base64.b64decode(raw["publicKeyData"]), raw
    refused(api.get(name=f"{name}/keys/{'0' * 40}"), 404, "NOT_FOUND")


@check("the account after each call; 409 twice; the deleted member in a policy; the same account again")
def an_account_is_made_changed_deleted_and_brought_back(desk):
    iam, resources = desk.client("iam", "v1"), desk.client("cloudresourcemanager", "v3")
    api = iam.projects().serviceAccounts()
    body = {"accountId": "newcomer", "serviceAccount": {"displayName": "New", "description": "for a test"}}
    made = desk.ask(iam, api.create(name="projects/acme-prod", body=body))
    email = "newcomer@acme-prod.iam.gserviceaccount.com"
    assert (made["email"], made["displayName"]) == (email, "New"), made
    assert desk.ask(iam, api.get(name=name_of(email))) == made
    refused(api.create(name="projects/acme-prod", body=body), 409, "ALREADY_EXISTS")
    changed = {"serviceAccount": {"displayName": "Newer", "description": "x"}, "updateMask": "displayName"}
    patched = desk.ask(iam, api.patch(name=name_of(email), body=changed))
    assert patched == made | {"displayName": "Newer"}, patched
    replaced = desk.ask(iam, api.update(name=name_of(email), body=made | {"displayName": "Newest"}))
    assert replaced == made | {"displayName": "Newest"}, replaced
    desk.ask(iam, api.disable(name=name_of(email), body={}))
    assert desk.ask(iam, api.get(name=name_of(email)))["disabled"] is True
    mint = desk.client("iamcredentials", "v1").projects().serviceAccounts()
    refused(mint.generateAccessToken(name=name_of(email), body={"scope": [CLOUD]}), 400, "ACCOUNT_STATE_INVALID")
    desk.ask(iam, api.enable(name=name_of(email), body={}))
    assert desk.ask(iam, api.get(name=name_of(email))) == replaced

    projects = resources.projects()
    member = f"serviceAccount:{email}"
    policy = projects.getIamPolicy(resource="projects/acme-prod", body=GET_3).execute()
    given = policy | {"bindings": [*policy["bindings"], {"role": "roles/browser", "members": [member]}]}
    projects.setIamPolicy(resource="projects/acme-prod", body={"policy": given}).execute()

    def members():
        held = projects.getIamPolicy(resource="projects/acme-prod", body=GET_3).execute()["bindings"]
        return {m for one in held if one["role"] == "roles/browser" for m in one["members"]}

    desk.ask(iam, api.delete(name=name_of(email)))
    refused(api.get(name=name_of(email, "acme-prod")), 404, "NOT_FOUND")
    assert f"deleted:{member}?uid={made['uniqueId']}" in members(), members()
    back = desk.ask(iam, api.undelete(name=name_of(made["uniqueId"]), body={}))
    assert back == {"restoredAccount": replaced} and member in members(), back
    desk.ask(iam, api.delete(name=name_of(email)))
    again = desk.ask(iam, api.create(name="projects/acme-prod", body=body))
    assert again["uniqueId"] != made["uniqueId"] and member not in members(), again
    desk.ask(iam, api.delete(name=name_of(email)))
    current = projects.getIamPolicy(resource="projects/acme-prod", body=GET_3).execute()
    projects.setIamPolicy(resource="projects/acme-prod", body={"policy": policy | {"etag": current["etag"]}}).execute()


@check("google-auth's own login with the file that was made, until the key is disabled, and deleted")
def a_key_is_made_and_logs_in(desk):
    iam = desk.client("iam", "v1")
    api = iam.projects().serviceAccounts().keys()
    made = desk.ask(iam, api.create(name=name_of(EDITABLE), body={}))
    file = json.loads(base64.b64decode(made["privateKeyData"]))

    def logs_in():
        credentials = service_account.Credentials.from_service_account_info(file, scopes=[CLOUD])
        try:
            credentials.refresh(Request())
            return credentials.token.startswith("ya29.c.")
        except RefreshError as error:
            assert "Invalid JWT Signature." in str(error), error
            return False

    assert made["name"].endswith(file["private_key_id"]) and logs_in(), made["name"]
    desk.ask(iam, api.disable(name=made["name"], body={}))
    assert not logs_in(), "a disabled key logs in"
    desk.ask(iam, api.enable(name=made["name"], body={}))
    assert logs_in(), "an enabled key does not"
    desk.ask(iam, api.delete(name=made["name"]))
    assert not logs_in(), "a deleted key logs in"
    refused(api.delete(name=made["name"]), 404, "NOT_FOUND")


@check("lists and one by one against the world")
def pools_and_their_providers_are_listed_and_got(desk):
    iam = desk.client("iam", "v1")
    stated = desk.world["identityPools"]
    workload = iam.projects().locations().workloadIdentityPools()
    workforce = iam.locations().workforcePools()
    ci = desk.ask(iam, workload.list(parent="projects/acme-ci/locations/global"))["workloadIdentityPools"]
    staff = desk.ask(iam, workforce.list(location="locations/global", parent=ORGANIZATION))["workforcePools"]
    for api, field, found, wanted in (
        (workload, "workloadIdentityPoolProviders", ci, stated["workload"]),
        (workforce, "workforcePoolProviders", staff, stated["workforce"]),
    ):
        once([one["name"].rpartition("/")[2] for one in found], [one["id"] for one in wanted])
        for one, pool in zip(found, wanted):
            assert desk.ask(iam, api.get(name=one["name"])) == one, one
            providers = desk.ask(iam, api.providers().list(parent=one["name"]))[field]
            once([it["name"].rpartition("/")[2] for it in providers], [it["id"] for it in pool["providers"]])
            for provider in providers:
                assert desk.ask(iam, api.providers().get(name=provider["name"])) == provider, provider
    refused(workload.get(name="projects/acme-ci/locations/global/workloadIdentityPools/gone"), 404, "NOT_FOUND")


@check("v2: the list without rules, one by one with the world's")
def deny_policies_are_listed_and_got(desk):
    iam = desk.client("iam", "v2")
    project = next(one for one in desk.world["projects"] if one.get("denyPolicies"))
    parent = f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{project['id']}/denypolicies"
    (listed,) = desk.ask(iam, iam.policies().listPolicies(parent=parent))["policies"]
    assert "rules" not in listed and listed["kind"] == "DenyPolicy", listed
    got = desk.ask(iam, iam.policies().get(name=listed["name"]))
    rules = [rule["denyRule"] for rule in got["rules"]]
    assert rules == project["denyPolicies"][0]["rules"], rules
    refused(iam.policies().get(name=f"{parent}/gone"), 404, "NOT_FOUND")


@check("the refusal of a method that is left out: 501 and its name")
def a_method_that_is_not_served_is_named(desk):
    api = desk.client("iam", "v1").projects().roles()
    error = refused(api.create(parent="projects/acme-prod", body={"roleId": "mine"}), 501, "UNIMPLEMENTED")
    assert "iam.projects.roles.create" in str(error), error


def policy_is_changed(desk, api, methods, resource, read_3):
    """Reads, writes with a condition, meets a conflict, and puts back what was there."""
    before = desk.ask(api, methods.getIamPolicy(resource=resource, **read_3))
    added = {"role": CREATOR, "members": ["user:alice@example.com"], "condition": CONDITION}
    changed = before | {"version": 3, "bindings": [*before.get("bindings", []), added]}
    written = desk.ask(api, methods.setIamPolicy(resource=resource, body={"policy": changed}))
    assert written["etag"] != before["etag"] and written["version"] == 3, written
    assert bindings(written) == bindings(changed), "not what was written"
    assert desk.ask(api, methods.getIamPolicy(resource=resource, **read_3)) == written, "not what was read"
    old = changed | {"etag": before["etag"]}
    refused(methods.setIamPolicy(resource=resource, body={"policy": old}), 409, "ABORTED")
    low = written | {"version": 1}
    refused(methods.setIamPolicy(resource=resource, body={"policy": low}), 400, "INVALID_ARGUMENT")
    unknown = changed | {"etag": written["etag"], "bindings": [*changed["bindings"], added | {"members": ["user:x"]}]}
    refused(methods.setIamPolicy(resource=resource, body={"policy": unknown}), 400, "INVALID_ARGUMENT")
    back = before | {"version": 3, "etag": written["etag"]}
    restored = desk.ask(api, methods.setIamPolicy(resource=resource, body={"policy": back}))
    assert bindings(restored) == bindings(before), "not what was there"
    return before


def permissions_are_tested(desk, api, methods, resource, has, others=("compute.instances.osLogin",)):
    """What the caller has comes back in its order; somebody else has none, which is no error. One permission that nobody
    can hold there fails all."""
    asked = [has[0], *others, *has[1:]]
    body = {"permissions": asked}
    request = methods.testIamPermissions(resource=resource, body=body)
    assert desk.ask(api, request).get("permissions") == list(has), has
    for wrong in ("iam.*", "iam.serviceAccounts.fly"):
        request = methods.testIamPermissions(resource=resource, body={"permissions": [*asked, wrong]})
        refused(request, 400, "INVALID_ARGUMENT")


@check("a condition written and read, version 1, old etag 409, low version 400, put back")
def an_account_s_policy_is_changed(desk):
    iam = desk.client("iam", "v1")
    api = iam.projects().serviceAccounts()
    policy_is_changed(desk, iam, api, name_of(EDITABLE), {"options_requestedPolicyVersion": 3})
    old = desk.ask(iam, api.getIamPolicy(resource=name_of(EDITABLE)))
    assert "_withcond_" in "".join(one["role"] for one in old["bindings"]) and old["version"] == 1, old
    assert desk.ask(iam, api.getIamPolicy(resource=name_of("search-worker@acme-prod.iam.gserviceaccount.com"),
                                          options_requestedPolicyVersion=3))["etag"], "no etag"


@check("the subset, in the order asked; what nobody can hold there 400; an unknown account 404")
def an_account_s_permissions_are_tested(desk):
    iam = desk.client("iam", "v1")
    has = ("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.get", "iam.serviceAccounts.actAs")
    api = iam.projects().serviceAccounts()
    # The caller has whatever there is to have on an account.
    permissions_are_tested(desk, iam, api, name_of(DEPLOYER), has, ())
    body = {"permissions": ["iam.serviceAccounts.list"]}
    refused(api.testIamPermissions(resource=name_of(DEPLOYER), body=body), 400, "INVALID_ARGUMENT")
    nobody = name_of("415104041262@cloudservices.gserviceaccount.com")
    refused(api.testIamPermissions(resource=nobody, body={"permissions": list(has)}), 404, "NOT_FOUND")


@check("pages of 100 against pages of 1000; BASIC against FULL; one by one; 404")
def predefined_roles_are_listed_and_got(desk):
    iam = desk.client("iam", "v1")
    api = iam.roles()
    small = desk.pages(iam, api.list(pageSize=100, showDeleted=False), api.list_next, "roles")
    large = desk.pages(iam, api.list(pageSize=1000, view="FULL"), api.list_next, "roles", least=1)
    once([one["name"] for one in small], [one["name"] for one in large])
    assert not any("includedPermissions" in one for one in small), "BASIC has permissions"
    full = next(one for one in large if one["name"] == CREATOR)
    assert desk.ask(iam, api.get(name=CREATOR)) == full and "iam.serviceAccounts.signJwt" in full["includedPermissions"]
    refused(api.get(name="roles/nothing.atAll"), 404, "NOT_FOUND")


@check("lists and one by one against the world")
def custom_roles_are_listed_and_got(desk):
    iam = desk.client("iam", "v1")
    for parent, api, stated in (
        ("projects/acme-prod", iam.projects().roles(), desk.world["projects"][0]["roles"]),
        (ORGANIZATION, iam.organizations().roles(), desk.world["organizations"][0]["roles"]),
    ):
        found = desk.pages(iam, api.list(parent=parent, pageSize=1, view="FULL"), api.list_next, "roles", len(stated))
        once([one["name"] for one in found], [f"{parent}/roles/{one['id']}" for one in stated])
        for one in found:
            assert desk.ask(iam, api.get(name=one["name"])) == one, one["name"]
        refused(api.get(name=f"{parent}/roles/nothing"), 404, "NOT_FOUND")


@check("pages in the body; an account's against a project's; 400 for what is nowhere")
def grantable_roles_are_queried(desk):
    iam = desk.client("iam", "v1")
    api = iam.roles()

    def of(resource, size):
        request = api.queryGrantableRoles(body={"fullResourceName": resource, "pageSize": size})
        found = desk.pages(iam, request, api.queryGrantableRoles_next, "roles", least=1)
        return [one["name"] for one in found]

    account = f"//iam.googleapis.com/projects/acme-prod/serviceAccounts/{DEPLOYER}"
    project = "//cloudresourcemanager.googleapis.com/projects/acme-prod"
    once(of(account, 10), of(account, 300))
    assert CREATOR in of(account, 300) and set(of(account, 300)) < set(of(project, 3000)), "an account's are a project's"
    assert "projects/acme-prod/roles/signer" in of(account, 300), "custom roles"
    nowhere = api.queryGrantableRoles(body={"fullResourceName": "//example.com/x"})
    refused(nowhere, 400, "INVALID_ARGUMENT")


@check("pages in the body; an account's against a project's")
def testable_permissions_are_queried(desk):
    iam = desk.client("iam", "v1")
    api = iam.permissions()

    def of(resource, size):
        request = api.queryTestablePermissions(body={"fullResourceName": resource, "pageSize": size})
        found = desk.pages(iam, request, api.queryTestablePermissions_next, "permissions", least=1)
        return [one["name"] for one in found]

    account = f"//iam.googleapis.com/projects/acme-prod/serviceAccounts/{DEPLOYER}"
    project = "//cloudresourcemanager.googleapis.com/projects/acme-prod"
    once(of(project, 50), of(project, 1000))
    assert "iam.serviceAccounts.signBlob" in of(account, 100), "an account's"
    assert all(name.startswith("iam.serviceAccount") for name in of(account, 100)), "an account's"


@check("none for a good condition, an error with its offset for a bad one")
def a_condition_is_linted(desk):
    iam = desk.client("iam", "v1")
    api = iam.iamPolicies()
    assert desk.ask(iam, api.lintPolicy(body={"condition": CONDITION})) == {}, "a good one"
    bad = CONDITION | {"expression": "request.time <"}
    (found,) = desk.ask(iam, api.lintPolicy(body={"condition": bad}))["lintResults"]
    assert found["severity"] == "ERROR" and found["fieldName"] == "condition.expression", found


# IAM Credentials.


@check("tokeninfo's account and time; a chain; a lifetime that is too long 400")
def access_tokens_are_minted(desk):
    api = desk.client("iamcredentials", "v1")
    mint = api.projects().serviceAccounts().generateAccessToken
    body = {"scope": [CLOUD, PROFILE[0]], "lifetime": "600s"}
    made = desk.ask(api, mint(name=name_of(DEPLOYER), body=body))
    oauth2 = desk.client("oauth2", "v2", None)
    info = desk.ask(oauth2, oauth2.tokeninfo(access_token=made["accessToken"]))
    assert info["email"] == DEPLOYER and 590 < info["expires_in"] <= 600, info
    ends = datetime.datetime.fromisoformat(made["expireTime"].replace("Z", "+00:00")).timestamp()
    assert abs(ends - time.time() - 600) < 30, made["expireTime"]
    delegates = [name_of(relay) for relay in RELAYS]
    desk.ask(api, mint(name=name_of(VAULT), body=body | {"delegates": delegates}))
    refused(mint(name=name_of(DEPLOYER), body=body | {"lifetime": "3601s"}), 400, "INVALID_ARGUMENT")
    refused(mint(name=name_of(DEPLOYER), body={}), 400, "INVALID_ARGUMENT")
    nobody = name_of("nobody@acme-prod.iam.gserviceaccount.com")
    refused(mint(name=nobody, body=body), 404, "NOT_FOUND")


def read(jwt):
    part = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@check("the claims; tokeninfo's word for it")
def id_tokens_are_minted(desk):
    api = desk.client("iamcredentials", "v1")
    body = {"audience": AUDIENCE, "includeEmail": True}
    made = desk.ask(api, api.projects().serviceAccounts().generateIdToken(name=name_of(DEPLOYER), body=body))
    claims = read(made["token"])
    assert (claims["aud"], claims["email"]) == (AUDIENCE, DEPLOYER), claims
    # Of an ID token, too, the document's fields are told.
    oauth2 = desk.client("oauth2", "v2", None)
    info = oauth2.tokeninfo(id_token=made["token"]).execute()
    assert info["email"] == DEPLOYER, info
    empty = api.projects().serviceAccounts().generateIdToken(name=name_of(DEPLOYER), body={})
    refused(empty, 400, "INVALID_ARGUMENT")


@check("the signatures against the published certificate; no payload 400; no JSON 400")
def blobs_and_jwts_are_signed(desk):
    api = desk.client("iamcredentials", "v1")
    accounts = api.projects().serviceAccounts()
    blob = desk.ask(api, accounts.signBlob(name=name_of(DEPLOYER), body={"payload": base64.b64encode(b"x").decode()}))
    claims = {"sub": DEPLOYER, "exp": int(time.time()) + 600}
    jwt = desk.ask(api, accounts.signJwt(name=name_of(DEPLOYER), body={"payload": json.dumps(claims)}))
    url = f"{desk.base}service_accounts/v1/metadata/x509/{DEPLOYER}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        published = json.load(answer)
    message, _, signature = jwt["signedJwt"].rpartition(".")
    for key_id, signature, signed in (
        (blob["keyId"], base64.b64decode(blob["signedBlob"]), b"x"),
        (jwt["keyId"], base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), message.encode()),
    ):
        key = x509.load_pem_x509_certificate(published[key_id].encode()).public_key()
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert read(jwt["signedJwt"]) == claims, "other claims"
    refused(accounts.signBlob(name=name_of(DEPLOYER), body={}), 400, "INVALID_ARGUMENT")
    refused(accounts.signJwt(name=name_of(DEPLOYER), body={"payload": "x"}), 400, "INVALID_ARGUMENT")


@check("of an account, a workload pool and a workforce pool; 404 for those that are not there")
def allowed_locations_are_got(desk):
    api = desk.client("iamcredentials", "v1")
    pools = api.projects().locations().workloadIdentityPools()
    staff = api.locations().workforcePools()
    pool = "projects/415104041264/locations/global/workloadIdentityPools/{}"
    for request in (
        api.projects().serviceAccounts().getAllowedLocations(name=name_of(DEPLOYER)),
        pools.getAllowedLocations(name=pool.format("ci-pool")),
        staff.getAllowedLocations(name="locations/global/workforcePools/staff"),
    ):
        assert desk.ask(api, request) == {"encodedLocations": "0x0"}, request.uri
    refused(pools.getAllowedLocations(name=pool.format("nothing")), 404, "NOT_FOUND")
    refused(staff.getAllowedLocations(name="locations/global/workforcePools/nothing"), 404, "NOT_FOUND")


# Resource Manager.


@check("v3: pages of 2, searches, lists by parent and one by one against the world")
def projects_are_found(desk):
    crm = desk.client("cloudresourcemanager", "v3")
    api = crm.projects()
    stated = desk.world["projects"]
    found = desk.pages(crm, api.search(pageSize=2), api.search_next, "projects", 3)
    once([one["projectId"] for one in found], [one["id"] for one in stated])
    one = desk.ask(crm, api.search(query="labels.env:stage"))["projects"]
    assert [project["projectId"] for project in one] == ["acme-stage"], one
    for project in found:
        assert desk.ask(crm, api.get(name=project["name"])) == project, project["name"]
        assert desk.ask(crm, api.get(name=f"projects/{project['projectId']}")) == project, project["projectId"]
    below = [project["id"] for project in stated if project["parent"] == FOLDER]
    listed = desk.pages(crm, api.list(parent=FOLDER, pageSize=1), api.list_next, "projects", len(below))
    once([one["projectId"] for one in listed], below)
    refused(api.get(name="projects/nothing-at-all"), 403, "IAM_PERMISSION_DENIED")
    refused(api.list(), 400, "INVALID_ARGUMENT")


@check("v3: the same for folders and organizations")
def folders_and_organizations_are_found(desk):
    crm = desk.client("cloudresourcemanager", "v3")
    api = crm.folders()
    found = desk.pages(crm, api.search(pageSize=1), api.search_next, "folders")
    once([one["name"] for one in found], [f"folders/{one['number']}" for one in desk.world["folders"]])
    for folder in found:
        assert desk.ask(crm, api.get(name=folder["name"])) == folder, folder["name"]
    below = [f"folders/{one['number']}" for one in desk.world["folders"] if one["parent"] == ORGANIZATION]
    listed = desk.pages(crm, api.list(parent=ORGANIZATION, pageSize=1), api.list_next, "folders", len(below))
    once([one["name"] for one in listed], below)
    assert [one["displayName"] for one in desk.ask(crm, api.search(query="displayName:Shop"))["folders"]] == ["Shop"]
    api = crm.organizations()
    found = desk.pages(crm, api.search(pageSize=1), api.search_next, "organizations")
    once([one["name"] for one in found], [ORGANIZATION, SECOND])
    for organization in found:
        assert desk.ask(crm, api.get(name=organization["name"])) == organization, organization["name"]
    refused(crm.folders().get(name="folders/1"), 403, "IAM_PERMISSION_DENIED")
    refused(api.get(name="organizations/1"), 403, "IAM_PERMISSION_DENIED")


LEVELS = [("projects", "acme-prod"), ("folders", FOLDER[8:]), ("organizations", ORGANIZATION[14:])]


@check("v3: as for accounts, on a project, a folder and an organization; against the world")
def policies_of_projects_folders_and_organizations_are_changed(desk):
    crm = desk.client("cloudresourcemanager", "v3")
    for collection, number in LEVELS:
        api, name = getattr(crm, collection)(), f"{collection}/{number}"
        before = policy_is_changed(desk, crm, api, name, {"body": GET_3})
        stated = next(
            one for one in desk.world[collection] if number in (one.get("id"), str(one.get("number")))
        )["policy"]
        for one in stated["bindings"]:
            if not one.get("condition", {"description": 1})["description"]:
                del one["condition"]["description"]
        assert set(bindings(before)) == set(bindings(stated)), "not what the world states"
        has = (f"resourcemanager.{collection}.getIamPolicy", f"resourcemanager.{collection}.get")
        permissions_are_tested(desk, crm, api, name, has)


@check("v1: against v3's projects, and the ancestry against the world")
def the_first_version_finds_the_same_projects(desk):
    new = desk.client("cloudresourcemanager", "v3")
    crm = desk.client("cloudresourcemanager", "v1")
    api = crm.projects()
    request = api.list(filter="lifecycleState:ACTIVE", pageSize=2)
    found = desk.pages(crm, request, api.list_next, "projects", 3)
    once([one["projectId"] for one in found], [one["id"] for one in desk.world["projects"]])
    for project in found:
        assert desk.ask(crm, api.get(projectId=project["projectId"])) == project, project["projectId"]
        other = desk.ask(new, new.projects().get(name=f"projects/{project['projectNumber']}"))
        kind, _, number = other["parent"].partition("/")
        assert project["parent"] == {"type": kind[:-1], "id": number}, project
        assert (project["name"], project.get("labels")) == (other["displayName"], other.get("labels")), project
    levels = desk.ask(crm, api.getAncestry(projectId="acme-prod", body={}))["ancestor"]
    ids = [f"{level['resourceId']['type']}s/{level['resourceId']['id']}" for level in levels]
    above = [f"folders/31000000000{n}" for n in (3, 2, 1)]
    assert ids == ["projects/acme-prod", *above, ORGANIZATION], ids
    refused(api.get(projectId="nothing-at-all"), 403, "PERMISSION_DENIED")
    refused(api.getAncestry(projectId="nothing-at-all", body={}), 403, "PERMISSION_DENIED")


@check("v1 and v2: against v3's folders and organizations, pages of 1")
def the_first_versions_find_the_same_folders_and_organizations(desk):
    new = desk.client("cloudresourcemanager", "v3")
    crm = desk.client("cloudresourcemanager", "v2")
    api = crm.folders()
    found = desk.pages(crm, api.list(parent=ORGANIZATION, pageSize=1), api.list_next, "folders")
    listed = desk.ask(new, new.folders().list(parent=ORGANIZATION))["folders"]
    once([one["name"] for one in found], [one["name"] for one in listed])
    for folder in found:
        assert desk.ask(crm, api.get(name=folder["name"])) == folder, folder["name"]
    crm = desk.client("cloudresourcemanager", "v1")
    api = crm.organizations()
    request = api.search(body={"pageSize": 1})
    found = desk.pages(crm, request, api.search_next, "organizations")
    once([one["name"] for one in found], [ORGANIZATION, SECOND])
    for organization in found:
        assert desk.ask(crm, api.get(name=organization["name"])) == organization, organization["name"]
    (one,) = desk.ask(crm, api.search(body={"filter": "domain:second.example"}))["organizations"]
    assert one["name"] == SECOND, one


@check("v1 and v2: as for v3")
def the_first_versions_change_the_same_policies(desk):
    for version, collection, name in (
        ("v1", "projects", "acme-prod"),
        ("v2", "folders", FOLDER),
        ("v1", "organizations", ORGANIZATION),
    ):
        crm = desk.client("cloudresourcemanager", version)
        api = getattr(crm, collection)()
        policy_is_changed(desk, crm, api, name, {"body": GET_3})
        has = (f"resourcemanager.{collection}.getIamPolicy", f"resourcemanager.{collection}.get")
        permissions_are_tested(desk, crm, api, name, has)


# Service Usage.


def done(desk, api, operation):
    """The operation's response, polled to the end; it took more than one look."""
    looks = 0
    while not operation.get("done"):
        looks += 1
        assert looks < 20, "it has no end"
        operation = desk.ask(api, api.operations().get(name=operation["name"]))
    assert "error" not in operation, operation
    return operation["response"], looks


@check("filters and pages of 5 against the whole; one by one; batches; 403 for one that is not there")
def services_are_listed_and_got(desk):
    usage = desk.client("serviceusage", "v1")
    api = usage.services()
    for project, off in (("acme-prod", []), ("acme-dark", ["iamcredentials.googleapis.com"])):
        parent = f"projects/{project}"
        everything = desk.pages(usage, api.list(parent=parent, pageSize=5), api.list_next, "services")
        on = desk.pages(
            usage, api.list(parent=parent, pageSize=5, filter="state:ENABLED"), api.list_next, "services"
        )
        names = [one["config"]["name"] for one in everything]
        once([one["config"]["name"] for one in on], set(names) - set(off))
        dark = desk.ask(usage, api.list(parent=parent, filter="state:DISABLED")).get("services", [])
        assert [one["config"]["name"] for one in dark] == off, dark
        for one in everything[:3]:
            assert desk.ask(usage, api.get(name=one["name"])) == one, one["name"]
        batch = desk.ask(usage, api.batchGet(parent=parent, names=[one["name"] for one in everything]))
        assert batch["services"] == everything, "another batch"
    refused(api.get(name="projects/acme-prod/services/nothing.googleapis.com"), 403,
            "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED")


@check("operations polled to the end, their responses, and the states before and after")
def services_are_turned_on_and_off(desk):
    usage = desk.client("serviceusage", "v1")
    api = usage.services()
    parent = "projects/acme-dark"
    name = f"{parent}/services/iamcredentials.googleapis.com"

    def state():
        return desk.ask(usage, api.get(name=name))["state"]

    assert state() == "DISABLED"
    response, looks = done(desk, usage, desk.ask(usage, api.enable(name=name, body={})))
    assert response["service"]["state"] == state() == "ENABLED" and looks > 1, (response, looks)
    response, looks = done(desk, usage, desk.ask(usage, api.enable(name=name, body={})))
    assert looks == 0, "there was something to do"
    body = {"checkIfServiceHasUsage": "SKIP"}
    response, _ = done(desk, usage, desk.ask(usage, api.disable(name=name, body=body)))
    assert response["service"]["state"] == state() == "DISABLED", response
    refused(api.disable(name=name, body=body), 400, "FAILED_PRECONDITION")
    both = ["iam.googleapis.com", "iamcredentials.googleapis.com"]
    response, looks = done(desk, usage, desk.ask(usage, api.batchEnable(parent=parent, body={"serviceIds": both})))
    assert [one["config"]["name"] for one in response["services"]] == both and looks > 1, response
    assert state() == "ENABLED"
    refused(usage.operations().get(name="operations/nothing"), 404, "NOT_FOUND")


# Cloud Asset.


@check("pages of 3 against the world's policies; by member, role, permission and type")
def policies_are_searched(desk):
    asset = desk.client("cloudasset", "v1")
    api = asset.v1()

    def of(least=1, **settings):
        request = api.searchAllIamPolicies(scope=ORGANIZATION, **settings)
        return desk.pages(asset, request, api.searchAllIamPolicies_next, "results", least)

    def policies(made):
        for collection in ("folders", "projects"):
            yield from made[collection]
        for project in made["projects"]:
            yield from project["accounts"]
        yield made["organizations"][0]

    stated = [one for one in policies(desk.world) if one.get("policy", {}).get("bindings")]
    found = of(least=5, pageSize=3)
    once([one["resource"] for one in found], [one["resource"] for one in of(pageSize=500)])
    assert len(found) == len(stated), (len(found), len(stated))
    for one in of(query="policy:relay-b@acme-ci.iam.gserviceaccount.com"):
        members = [member for binding in one["policy"]["bindings"] for member in binding["members"]]
        assert any("relay-b" in member for member in members), one
    for one in of(query="policy.role.permissions:iam.serviceAccounts.signJwt"):
        granted = one["explanation"]["matchedPermissions"]
        assert all("iam.serviceAccounts.signJwt" in role["permissions"] for role in granted.values()), one
    kind = "cloudresourcemanager.googleapis.com/Project"
    assert {one["assetType"] for one in of(assetTypes=[kind])} == {kind}, "another type"
    refused(api.searchAllIamPolicies(scope=ORGANIZATION, assetTypes=["nothing"]), 400, "INVALID_ARGUMENT")
    assert of(least=0, assetTypes=["storage.googleapis.com/Bucket"]) == [], "a bucket"


def searched(stated, fits):
    """The resources of what is stated, with the roles of the bindings that fit."""
    found = collections.Counter()
    for one in stated:
        for binding in one["policy"]["bindings"]:
            if fits(one, binding):
                found[binding["role"]] += 1
    return found


@check("each operator of the query language, on its own and joined, against the policies of one empty query")
def policies_are_searched_by_query(desk):
    asset = desk.client("cloudasset", "v1")
    api = asset.v1()

    def of(query, **settings):
        request = api.searchAllIamPolicies(scope=ORGANIZATION, query=query, pageSize=4, **settings)
        return desk.pages(asset, request, api.searchAllIamPolicies_next, "results", 0)

    everything = of("")

    def words(text):
        return [word.lower() for word in re.split("[^A-Za-z0-9_&]+", text) if word]

    def has(text, phrase):
        there, wanted = words(text), words(phrase)
        return any(there[i : i + len(wanted)] == wanted for i in range(len(there)))

    def member(phrase):
        return lambda one, binding: any(has(m, phrase) for m in binding["members"])

    def member_type(kind):
        return lambda one, binding: any(m.split(":")[0] == kind for m in binding["members"])

    def role(phrase):
        return lambda one, binding: has(binding["role"], phrase)

    def at(name):
        return lambda one, binding: one["resource"] == f"//cloudresourcemanager.googleapis.com/{name}"

    def under(folder):
        return lambda one, binding: folder in one.get("folders", [])

    def all_of(*tests):
        return lambda one, binding: all(test(one, binding) for test in tests)

    def any_of(*tests):
        return lambda one, binding: any(test(one, binding) for test in tests)

    def none_of(test):
        return lambda one, binding: not test(one, binding)

    dev, owner = member("dev@example.com"), member("owner@example.com")
    for query, fits in {
        "policy:dev@example.com": dev,
        'policy:"DEV@example"': dev,
        "policy:(dev@example.com OR owner@example.com)": any_of(dev, owner),
        "policy:dev@example.com policy:owner@example.com": all_of(dev, owner),
        "memberTypes:group": member_type("group"),
        "memberTypes=serviceAccount AND NOT policy:dev@example.com": all_of(member_type("serviceAccount"), none_of(dev)),
        "roles=roles/owner": lambda one, binding: binding["role"] == "roles/owner",
        "roles:owner": role("owner"),
        "roles=roles/Owner": lambda one, binding: False,
        "resource=//cloudresourcemanager.googleapis.com/projects/acme-prod": at("projects/acme-prod"),
        f"folders:{FOLDER.partition('/')[2]} -memberTypes:user": all_of(under(FOLDER), none_of(member_type("user"))),
        "(memberTypes:domain OR memberTypes:group) organization:123456789012": any_of(
            member_type("domain"), member_type("group")
        ),
    }.items():
        found = searched(of(query), lambda one, binding: True)
        expected = searched(everything, fits)
        assert found == expected, (query, found, expected)
    kinds = [(one["assetType"], one["resource"]) for one in of("", orderBy="assetType DESC, resource")]
    assert kinds == sorted(sorted(kinds, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True), kinds
    for query in ["policy:(dev", '"dev', "polcy:dev", "policy:", " OR ".join(["dev"] * 11), "x" * 2049]:
        refused(api.searchAllIamPolicies(scope=ORGANIZATION, query=query), 400, "INVALID_ARGUMENT")
    token = desk.ask(asset, api.searchAllIamPolicies(scope=ORGANIZATION, pageSize=2))["nextPageToken"]
    other = api.searchAllIamPolicies(scope=ORGANIZATION, pageSize=2, pageToken=token, query="policy:dev@example.com")
    refused(other, 400, "INVALID_ARGUMENT")


@check("pages of 20 against the world's accounts, keys, projects and folders; order, mask, query")
def resources_are_searched(desk):
    asset = desk.client("cloudasset", "v1")
    api = asset.v1()

    def of(least=1, **settings):
        request = api.searchAllResources(scope=ORGANIZATION, **settings)
        return desk.pages(asset, request, api.searchAllResources_next, "results", least)

    stated = [one for project in desk.world["projects"] for one in project["accounts"]]
    # Those that the world states, and those in the credentials files of accounts.
    files = {one["principal"] for one in desk.world["callers"] if one["principal"].startswith("serviceAccount:")}
    keys = sum(len(one.get("keys", [])) for one in stated) + len(files)
    found = of(least=4, pageSize=20)
    counted = collections.Counter(one["assetType"].rpartition("/")[2] for one in found)
    assert counted == {
        "ServiceAccount": len(stated), "ServiceAccountKey": keys, "Organization": 1,
        "Folder": len(desk.world["folders"]), "Project": len(desk.world["projects"]),
    }, counted
    once([one["name"] for one in found], [one["name"] for one in of(pageSize=500)])
    accounts = of(assetTypes=["iam.googleapis.com/ServiceAccount"], pageSize=500)
    emails = [email for project in desk.world["projects"] for email in accounts_of(desk.world, project["id"])]
    once([one["additionalAttributes"]["email"] for one in accounts], emails)
    ordered = of(assetTypes=["cloudresourcemanager.googleapis.com/Project"], orderBy="displayName DESC")
    names = [one["displayName"] for one in ordered]
    assert names == sorted(names, reverse=True), names
    masked = of(assetTypes=["cloudresourcemanager.googleapis.com/Folder"], readMask="name,assetType")
    assert all(set(one) == {"name", "assetType"} for one in masked), masked[0]
    assert [one["displayName"] for one in of(query="displayName=Vault")] == ["Vault"], "the query"
    assert all("versionedResources" not in one for one in found), "large fields that nobody asked for"
    for one in of(assetTypes=["iam.*Account", "iam.*Key"], readMask="name,versionedResources", pageSize=500):
        (version,) = one["versionedResources"]
        assert set(one) == {"name", "versionedResources"} and version["resource"]["name"], one
    assert of(query='createTime > 2020-01-01 createTime < "2020-01-01T00:00:00"', least=0) == [], "times"
    assert of(query="labels.env:*", assetTypes=[".*Project"]), "labels"


@check("by member, through a group, by resource and permission; 400 for eleven permissions")
def access_is_analyzed(desk):
    asset = desk.client("cloudasset", "v1")
    api = asset.v1()

    def of(**selected):
        asked = {name: value for name, value in selected.items() if value is not None}
        return desk.ask(asset, api.analyzeIamPolicy(scope=ORGANIZATION, **asked))["mainAnalysis"]

    creators = of(analysisQuery_accessSelector_roles=[CREATOR])["analysisResults"]
    stated = [
        one["policy"]["bindings"] for project in desk.world["projects"] for one in [project, *project["accounts"]]
        if "policy" in one
    ]
    members = {m for found in stated for one in found if one["role"] == CREATOR for m in one["members"]}
    told = {identity["name"] for one in creators for identity in one["identityList"]["identities"]}
    assert members <= told, members - told
    resource = f"//iam.googleapis.com/projects/acme-prod/serviceAccounts/{DEPLOYER}"
    permission = "iam.serviceAccounts.getAccessToken"
    asked = {"analysisQuery_resourceSelector_fullResourceName": resource}
    found = of(**asked, analysisQuery_accessSelector_permissions=[permission])["analysisResults"]
    assert all(one["accessControlLists"][0]["accesses"] == [{"permission": permission}] for one in found), found
    mine = of(**asked, analysisQuery_identitySelector_identity="user:dev@example.com")["analysisResults"]
    assert {n["name"] for one in mine for n in one["identityList"]["identities"]} == {"user:dev@example.com"}, mine
    many = api.analyzeIamPolicy(scope=ORGANIZATION, analysisQuery_accessSelector_permissions=[permission] * 11)
    refused(many, 400, "INVALID_ARGUMENT")


# Policy Analyzer.


@check("pages of 3 against the world's accounts; by name; the keys of an account")
def activities_are_queried(desk):
    analyzer = desk.client("policyanalyzer", "v1")
    api = analyzer.projects().locations().activityTypes().activities()
    parent = "projects/acme-prod/locations/global/activityTypes/serviceAccount"
    request = api.query(parent=f"{parent}LastAuthentication", pageSize=20)
    found = desk.pages(analyzer, request, api.query_next, "activities")
    full = "//iam.googleapis.com/projects/acme-prod/serviceAccounts/"
    once([one["fullResourceName"] for one in found], [full + email for email in accounts_of(desk.world, "acme-prod")])
    filtered = api.query(parent=f"{parent}LastAuthentication", filter=f'activities.fullResourceName="{full}{VAULT}"')
    (one,) = desk.ask(analyzer, filtered)["activities"]
    assert one["activity"]["serviceAccount"]["fullResourceName"] == full + VAULT, one
    keys = desk.ask(analyzer, api.query(parent=f"{parent}KeyLastAuthentication", pageSize=1000))["activities"]
    assert all("/keys/" in one["fullResourceName"] for one in keys), keys


# Policy Troubleshooter.

ASKED = [
    # Who, what, where; v1's and v3's word, and that of v3 about deny policies.
    ("dev@example.com", "iam.serviceAccounts.getAccessToken", DEPLOYER, "GRANTED", "CAN_ACCESS", "NOT_DENIED"),
    ("dev@example.com", "iam.serviceAccounts.setIamPolicy", VAULT, "NOT_GRANTED", "CANNOT_ACCESS", "NOT_DENIED"),
    ("dev@example.com", "iam.serviceAccounts.getOpenIdToken", "sealed@acme-locked.iam.gserviceaccount.com", "GRANTED",
     "CANNOT_ACCESS", "DENIED"),
]


@check("v1 and v3: granted, not granted, denied by a deny policy; 400 for a member with its prefix")
def a_denial_is_troubleshot(desk):
    for version in ("v1", "v3"):
        api = desk.client("policytroubleshooter", version)
        for who, permission, account, access, overall, denies in ASKED:
            project = account.partition("@")[2].partition(".")[0]
            full = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{account}"
            asked = {"principal": who, "fullResourceName": full, "permission": permission}
            found = desk.ask(api, api.iam().troubleshoot(body={"accessTuple": asked}))
            if version == "v1":
                assert found["access"] == access, found
            else:
                denied = found["denyPolicyExplanation"]["denyAccessState"]
                assert found["overallAccessState"] == overall, found["overallAccessState"]
                assert denied == f"DENY_ACCESS_STATE_{denies}", denied
                assert found["accessTuple"]["permissionFqdn"].startswith("iam.googleapis.com/"), found["accessTuple"]
        bad = {"accessTuple": asked | {"principal": "user:dev@example.com"}}
        refused(api.iam().troubleshoot(body=bad), 400, "INVALID_ARGUMENT")
    api = desk.client("policytroubleshooter", "v3")
    context = {"resource": {"service": "iam.googleapis.com"}, "request": {"receiveTime": "2019-06-01T00:00:00Z"}}
    account = "billing-export@acme-prod.iam.gserviceaccount.com"
    full = f"//iam.googleapis.com/projects/acme-prod/serviceAccounts/{account}"
    asked = {"principal": "dev@example.com", "permission": "iam.serviceAccounts.getAccessToken"}
    asked |= {"fullResourceName": full, "conditionContext": context}
    found = desk.ask(api, api.iam().troubleshoot(body={"accessTuple": asked}))
    assert found["overallAccessState"] == "CAN_ACCESS", found["overallAccessState"]


# The Security Token Service, and what OAuth says of tokens.


@check("a subject token of a pool against a token that IAM takes; wrong audience 400")
def a_token_from_outside_is_exchanged(desk):
    caller = next(one for one in desk.first["callers"] if one["kind"] == "external_account")
    with open(caller["path"], encoding="utf-8") as file:
        config = json.load(file)
    with open(config["credential_source"]["file"], encoding="utf-8") as file:
        subject = file.read()
    sts = desk.client("sts", "v1", None)
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": config["audience"],
        "scope": CLOUD,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectToken": subject,
        "subjectTokenType": config["subject_token_type"],
    }
    made = desk.ask(sts, sts.v1().token(body=body))
    assert made["access_token"].startswith("ya29.d.") and made["token_type"] == "Bearer", sorted(made)
    request = desk.client("iam", "v1", None).projects().serviceAccounts().list(name="projects/acme-ci")
    request.headers["authorization"] = f"Bearer {made['access_token']}"
    assert len(request.execute()["accounts"]) == 3, "not what the pool may see"
    refused(sts.v1().token(body=body | {"audience": "//example.com/x"}), 400, "invalid_request")
    refused(sts.v1().token(body=body | {"subjectToken": "x.y.z"}), 400, "invalid_grant")
    changed = subject.rpartition(".")[0] + "." + base64.urlsafe_b64encode(b"x" * 64).decode().rstrip("=")
    refused(sts.v1().token(body=body | {"subjectToken": changed}), 400, "invalid_grant")
    refused(sts.v1().token(body=body | {"grantType": "password"}), 400, "unsupported_grant_type")


@check("the caller's own profile at both addresses; the token's client and scopes; 400 for another text")
def a_token_is_told_about(desk):
    oauth2 = desk.client("oauth2", "v2")
    found = desk.ask(oauth2, oauth2.userinfo().get())
    assert (found["email"], found["name"], found["hd"]) == (OWNER, "Owner Example", "example.com"), found
    assert desk.ask(oauth2, oauth2.userinfo().v2().me().get()) == found, "another one at the other address"
    credentials = desk.credentials(f"user:{OWNER}")
    credentials.refresh(Request())
    nobody = desk.client("oauth2", "v2", None)
    info = desk.ask(nobody, nobody.tokeninfo(access_token=credentials.token))
    assert info["email"] == OWNER and info["user_id"] == found["id"] and info["verified_email"], info
    assert set(info["scope"].split()) == {"openid", CLOUD, *PROFILE}, info
    refused(nobody.tokeninfo(access_token="ya29.nothing"), 400, "invalid_token")
    refused(nobody.userinfo().get(), 401, "CREDENTIALS_MISSING")


# All methods at once.

# What somebody without any role gets of the requests above: nothing of it, but what is open to everybody.
IAM_DENIED = (403, "IAM_PERMISSION_DENIED")
CRM_DENIED = (403, "PERMISSION_DENIED")
USAGE_DENIED = (403, "AUTH_PERMISSION_DENIED")
OPEN = None
STRANGERS = {
    "iam.roles.": OPEN,
    "iam.permissions.": OPEN,
    "iam.iamPolicies.": OPEN,
    "iam.": IAM_DENIED,
    "iamcredentials.projects.serviceAccounts.getAllowedLocations": OPEN,
    "iamcredentials.projects.locations.": OPEN,
    "iamcredentials.locations.": OPEN,
    "iamcredentials.": IAM_DENIED,
    "cloudresourcemanager.": CRM_DENIED,
    "serviceusage.operations.get": OPEN,
    "serviceusage.": USAGE_DENIED,
    "cloudasset.": IAM_DENIED,
    "policytroubleshooter.": OPEN,
    "policyanalyzer.": IAM_DENIED,
    "oauth2.": OPEN,
}


def expected(method, version):
    """What a stranger gets of a method. Nobody is refused a test of permissions or a search: they find nothing."""
    if method.endswith(".testIamPermissions") or re.search(r"(projects|folders|organizations)\.search$", method):
        return OPEN
    if method.startswith("cloudresourcemanager.") and method.endswith((".get", ".list")):
        # The first version lists the projects that may be seen, the third one says which permission is missing.
        return {"v1": OPEN if method.endswith(".list") else CRM_DENIED, "v2": CRM_DENIED, "v3": IAM_DENIED}[version]
    return STRANGERS[max((start for start in STRANGERS if method.startswith(start)), key=len)]


def again(desk, key, who):
    """A request that was answered once, by somebody else."""
    request = copy.copy(desk.answered[key])
    # The pages of a request share its headers, the length of another page's body among them.
    request.headers = {k: v for k, v in request.headers.items() if k.lower() not in ("authorization", "content-length")}
    request.http = desk.client(*key[0], who)._http
    return request


@check("each request above by somebody without roles: the status and the reason of each API")
def a_stranger_is_refused(desk):
    count = 0
    for key in desk.answered:
        (name, version), method = key
        if name == "sts" or method == "oauth2.tokeninfo":
            continue  # whoever holds the token may ask
        wanted = expected(method, version)
        request = again(desk, key, f"user:{STRANGER}")
        if wanted is OPEN:
            answer = request.execute()
            schema = {"$ref": desk.methods[key[0]][method]["response"]["$ref"]}
            conforms(answer, schema, desk.documents[key[0]]["schemas"], method, name != "oauth2")
            lists = [answer.get(field) for field in ("projects", "folders", "organizations")]
            # `permissions` is a list of queryTestablePermissions, too.
            held = answer.get("permissions") if method.endswith("testIamPermissions") else None
            assert not any(lists) and not held, f"{method}: {str(answer)[:200]}"
        else:
            refused(request, *wanted)
            count += 1
    assert count > 40, count


@check("each request above without a token and with one that is none: 401 and the reason")
def nobody_is_refused(desk):
    for key in desk.answered:
        if key[0][0] == "sts" or key[1] == "oauth2.tokeninfo":
            continue
        refused(again(desk, key, None), 401, "CREDENTIALS_MISSING")
        request = again(desk, key, None)
        request.headers["authorization"] = "Bearer ya29.nothing"
        refused(request, 401, "ACCESS_TOKEN_TYPE_UNSUPPORTED")


def fits(path, flat):
    """Whether a path of the emulator's table is one of a document: what the document leaves open may be fixed."""
    ours, theirs = path.strip("/").split("/"), flat.strip("/").split("/")

    def part(mine, other):
        verbs = [text.partition("}")[2] if text.startswith("{") else "" for text in (mine, other)]
        if other.startswith("{"):
            return verbs[0] == verbs[1] and (mine.startswith("{") or ":" not in mine)
        return mine == other

    return len(ours) == len(theirs) and all(map(part, ours, theirs))


@check("the emulator's own list of methods and its log against the documents and the calls above")
def every_method_that_is_served_was_called(desk):
    rows = desk.control("methods")
    succeeded = {one["method"] for one in desk.control("requests") if one["status"] == 200}
    documented, called = set(), set()
    for row in rows:
        candidates = [
            (of, method["id"])
            for of in DOCUMENTS.get(row["service"], [])
            for method in desk.methods[of].values()
            if method["httpMethod"] == row["verb"] and fits(row["path"], method.get("flatPath", method["path"]))
        ]
        if candidates:
            documented.add(row["method"])
            assert any(one in desk.answered for one in candidates), f"{row} is called by no check"
            assert row["method"] in succeeded, f"{row['method']} never succeeded"
            called.update(candidates)
    rest = {row["method"] for row in rows} - documented
    assert rest == set(ELSEWHERE), f"in no document: {rest ^ set(ELSEWHERE)}"
    assert set(desk.answered) <= called, f"served under no name: {set(desk.answered) - called}"
    print(f"{len(desk.answered)} methods of {len(desk.methods)} documents, {len(documented)} names of the emulator's")


def main(binary):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("GOOGLE_", "CLOUDSDK_")):
            del os.environ[name]
    desk, rows = Desk(binary), []
    try:
        for one, compared in CHECKS:
            try:
                one(desk)
                held = True
            except Exception:
                held = False
                traceback.print_exc()
            rows.append((one.__name__.replace("_", " "), compared, held))
    finally:
        desk.close()
    return shown(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: api_client.py PATH-OF-IMPERSONA")
    sys.exit(main(sys.argv[1]))
