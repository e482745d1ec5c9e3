"""Plain HTTP with the standard library: an agent's side and a reviewer's side of the gateway's API."""

import base64
import datetime
import json
import os
import time
import urllib.error
import urllib.request
import uuid

import seamark_formats as f


def now_text(offset_s=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def uuid7():
    value = (int(time.time() * 1000) << 80) | (7 << 76) | (int.from_bytes(os.urandom(2), "big") & 0xFFF) << 64
    value |= (2 << 62) | (int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1))
    return str(uuid.UUID(int=value))


class Problem(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Http:
    def __init__(self, address, token=None):
        self.address, self.token = address.rstrip("/"), token

    def call(self, method, path, body=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                raw = answer.read()
                is_json = "json" in answer.headers.get("Content-Type", "")
                return answer.status, json.loads(raw) if is_json and raw else raw.decode()
        except urllib.error.HTTPError as fault:
            raise Problem(fault.code, json.loads(fault.read() or b"{}")) from fault

    def get(self, path):
        return self.call("GET", path)[1]

    def post(self, path, body):
        return self.call("POST", path, body)[1]


    def wait_until_signed(self, trust, keyid, patience_s=30):
        """Until the root has signed that this key is listed, nothing under it counts; somebody else holds the root."""
        root, until = f.un_b64url(trust["rootKey"]), time.monotonic() + patience_s
        while True:
            try:
                if keyid in f.Directory(self.get("/v1/directory"), root, now_text()).listed:
                    return
            except Problem as problem:
                if problem.body.get("code") != "not-found":
                    raise
            f.need(time.monotonic() < until, "the root did not sign the key")
            time.sleep(0.2)


class Agent(Http):
    def outcome(self, handoff_id, wait_s=30):
        """The delivery, or None while the review is open."""
        status, body = self.call("GET", f"/v1/handoffs/{handoff_id}/outcome?wait_s={wait_s}")
        return body if status == 200 else None

    def enrol_execution_key(self, executor, private_key):
        public = f.b64url(f.raw_public(private_key))
        proof = private_key.sign(f"seamark-execution-key/v1\n{executor}\n{public}".encode())
        return self.post("/v1/execution-keys", {"agent": executor, "publicKey": public, "proof": f.b64url(proof)})


class Reviewer(Http):
    """A reviewer's device: its own two keys, enrolled with an invitation."""

    def __init__(self, address, code):
        super().__init__(address)
        self.device, self.decision = f.new_key(), f.new_key()
        device, decision = f.b64url(f.raw_public(self.device)), f.b64url(f.raw_public(self.decision))
        signed = f"seamark-enrolment/v1\n{code}\n{device}\n{decision}".encode()
        enrolled = self.post("/v1/enrolments", {
            "code": code, "deviceName": "Interop", "deviceKey": device, "decisionKey": decision,
            "proof": f.b64url(self.device.sign(signed)), "decisionProof": f.b64url(self.decision.sign(signed)),
        })
        self.trust, self.person = enrolled["trust"], enrolled["person"]
        self.keyid, self.device_keyid = enrolled["decisionKeyid"], enrolled["deviceKeyid"]
        self.open_session()
        self.wait_until_signed(self.trust, self.keyid)

    def open_session(self):
        challenge = self.post("/v1/sessions/challenges", {"keyid": self.device_keyid})["challenge"]
        signed = f"seamark-session/v1\n{self.trust['ledgerOrigin']}\n{challenge}".encode()
        session = self.post("/v1/sessions", {"keyid": self.device_keyid, "challenge": challenge, "proof": f.b64url(self.device.sign(signed))})
        self.token = session["token"]

    def reviews(self):
        found, after = [], ""
        while True:
            page = self.get(f"/v1/reviews?limit=100{after}")
            found += page["reviews"]
            if "next" not in page:
                return found
            after = f"&after={page['next']}"

    def decide(self, review, kind, reason, escalation=None, holds_from_s=0):
        directory = f.Directory(self.get("/v1/directory"), f.un_b64url(self.trust["rootKey"]), now_text())
        handoff, _, digest = f.open_envelope(review["handoff"], directory.keys("handoff"))
        predicate = f.expect_type(handoff, "handoff")
        opened_at = now_text()
        named = predicate["contract"]
        contract = self.call("GET", f"/v1/contracts/{named['name']}/{named['version']}")[1]
        contract = contract if isinstance(contract, dict) else json.loads(contract)
        shown = make_view(predicate, digest, contract)
        view = f.canonical(shown).decode()
        self.post(f"/v1/reviews/{review['reviewId']}/presented", {"view": view, "openedAt": opened_at})
        _, size, root = f.open_checkpoint(self.get("/v1/ledger/checkpoint"), self.trust["ledgerVkey"])
        seen = {"origin": self.trust["ledgerOrigin"], "size": size, "root": base64.b64encode(root).decode()}
        statement = self.decision_statement(predicate, digest, kind, reason, shown, opened_at, seen, escalation, holds_from_s)
        envelope = f.sign_envelope(statement, self.decision)
        return self.post(f"/v1/reviews/{review['reviewId']}/decisions", {"envelope": envelope, "view": view})

    def decision_statement(self, predicate, digest, kind, reason, view, opened_at, seen, escalation, holds_from_s):
        decided_at = now_text()
        meaning = {"approve": "I approve exactly this action", "reject": "I reject this action", "escalate": "I hand this decision on and do not decide it"}
        role = next(role for role in predicate["request"]["candidates"] if role in self.person["roles"])
        decision = {
            "decisionId": uuid7(), "decision": kind, "meaning": meaning[kind], "attempt": predicate["attempt"],
            "audience": predicate["destination"]["audience"], "contract": predicate["contract"], "policy": predicate["request"]["policy"],
            "reviewer": {"id": self.person["id"], "name": self.person["name"], "role": role, "keyid": self.keyid},
            "view": {"digest": {"sha256": f.sha256_hex(f.canonical(view))}, "disclosed": [], "openedAt": opened_at, "dwellMs": 1000,
                     "opened": [evidence["id"] for evidence in view["evidence"]]},
            "auth": {"method": "pin", "at": decided_at}, "reason": reason, "seenCheckpoint": seen, "decidedAt": decided_at,
        }
        if kind == "approve":
            decision["constraints"] = {"notBefore": now_text(holds_from_s) if holds_from_s else decided_at, "expiresAt": now_text(900), "maxUses": 1}
        confirmed = [{"fact": fact["id"], "value": fact["value"]} for fact in view["facts"] if fact["confirm"]]
        if confirmed:
            decision["confirmed"] = confirmed
        if escalation:
            decision["escalation"] = escalation
        subject = [{"name": f"urn:seamark:handoff:{predicate['handoffId']}", "digest": {"sha256": digest}}]
        return {"_type": f.STATEMENT, "subject": subject, "predicateType": f.PREDICATE.format("decision"), "predicate": decision}


def make_view(predicate, digest, contract):
    """What this client shows: words of its own, so an auditor of another make says UNKNOWN to them, around the binding
    members, which are the same in every view."""
    request, pinned, members = predicate["request"], predicate["contract"], f.binding_members(predicate, contract)
    facts = []
    for fact, line in zip(members["facts"], contract["review"]["compare"]):
        verdict, words = fact.pop("verdict"), {"label": line["label"]}
        if verdict:
            words["compare"] = {"source": line["with"]["path"], "verdict": verdict, "text": verdict}
        facts.append({**fact, **words})
    evidence = [{**one, "title": one["id"], "source": one["id"], "isError": False, "described": False, "rows": [], "texts": []} for one in members["evidence"]]
    return {
        **members, "facts": facts, "evidence": evidence, "rules": [{**rule, "text": rule["id"]} for rule in members["rules"]],
        "v": 1, "nonce": f.b64url(os.urandom(16)), "handoff": {"sha256": digest}, "handoffId": predicate["handoffId"],
        "revision": predicate["revision"], "renderer": "interop/1", "contract": pinned,
        "templateDigest": predicate["action"]["templateDigest"], "locale": "en", "title": pinned["name"],
        "ask": f"Allow {pinned['name']}?", "line": pinned["name"], "context": predicate["correlationId"], "object": pinned["name"],
        "why": predicate["gate"]["reasons"], "source": predicate["source"]["agent"], "destination": predicate["destination"]["agent"],
        "branches": [{"option": option, "text": option} for option in request["options"]],
        "constraints": predicate["constraints"], "taskState": {"completed": [], "inProgress": [], "skipped": [], "deferred": []},
        "evaluations": predicate["evaluations"], "payload": [], "chain": [], "disclosed": [],
        "warnings": [{"code": code, "path": path, "text": code} for code, path in members["warnings"]],
    }
