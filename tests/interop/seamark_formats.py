"""Seamark's formats, written from docs/FORMATS.md alone: JSON profile, DSSE, disclosures, masks, Merkle proofs.

Shares no code with the Rust side. Raises Refused with a sentence whenever something is not as it has to be.
"""

import base64
import datetime
import hashlib
import json
import re
import unicodedata

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://seamark.dev/attestation/{}/v1"
BULLET = "\u2022"


class Refused(Exception):
    """Something does not verify; the text says what."""


def need(condition, sentence):
    if not condition:
        raise Refused(sentence)


# ---- bytes and JSON (FORMATS.md section 2) ----


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def un_b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def un_b64(text):
    """Base64 of either alphabet, never mixed, with padding and unused bits zero."""
    for alphabet in (b"+/", b"-_"):
        try:
            data = base64.b64decode(text.encode("ascii"), alphabet, validate=True)
        except ValueError:
            continue
        if base64.b64encode(data, alphabet).decode() == text:
            return data
    raise Refused("not canonical base64")


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    """RFC 8785 for a profile without fractional numbers."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + canonical(value[name]) for name in names) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(canonical(item) for item in value) + b"]"
    need(not isinstance(value, float), "fractional numbers are not part of the profile")
    return json.dumps(value, ensure_ascii=False).encode()


def strict_json(data):
    def members(pairs):
        need(len({name for name, _ in pairs}) == len(pairs), "duplicate member name")
        return dict(pairs)

    def no_float(token):
        raise Refused("fractional numbers are not part of the profile")

    return json.loads(data, object_pairs_hook=members, parse_float=no_float, parse_constant=no_float)


# ---- keys and envelopes (sections 1 and 3) ----


def key_id(public_key):
    spki = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256_hex(spki)


def raw_public(private_key):
    return private_key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def pae(body):
    return b"DSSEv1 %d %s %d " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(body)) + body


def sign_envelope(statement, private_key):
    body = canonical(statement)
    signature = private_key.sign(pae(body))
    return {
        "payload": base64.b64encode(body).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key_id(private_key.public_key()), "sig": base64.b64encode(signature).decode()}],
    }


def open_envelope(envelope, keys):
    """The statement and the id of the key that verified; `keys` are {keyid: Ed25519PublicKey} allowed for this use."""
    need(envelope["payloadType"] == PAYLOAD_TYPE, "the envelope has another payload type")
    need(1 <= len(envelope["signatures"]) <= 16, "an envelope has 1 to 16 signatures")
    body = un_b64(envelope["payload"])
    for signature in envelope["signatures"]:
        for keyid, key in keys.items():
            try:
                key.verify(un_b64(signature["sig"]), pae(body))
            except (InvalidSignature, Refused):
                continue
            statement = strict_json(body)
            need(statement["_type"] == STATEMENT, "not an in-toto statement")
            return statement, keyid, sha256_hex(body)
    raise Refused("no signature verifies with a key of the directory that may sign this")


def expect_type(statement, kind):
    need(statement["predicateType"] == PREDICATE.format(kind), f"not a {kind} statement")
    return statement["predicate"]


SKEW_MS = 120_000


def ms(text):
    """Milliseconds of a time of the profile."""
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), "not a time of the profile")
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return round(moment.timestamp() * 1000)


def holds_at(entry, at):
    """Whether a key or role of the directory holds at a time."""
    return entry["from"] <= at and ("to" not in entry or at < entry["to"])


class Directory:
    """The signed list of people and keys, verified with the pinned root (section 8.2)."""

    def __init__(self, envelope, root_public, now):
        root = Ed25519PublicKey.from_public_bytes(root_public)
        statement, _, _ = open_envelope(envelope, {key_id(root): root})
        self.predicate = expect_type(statement, "directory")
        need(ms(self.predicate["validFrom"]) <= ms(now) + SKEW_MS, "the directory is not valid yet")
        need(ms(now) - SKEW_MS < ms(self.predicate["validTo"]), "the directory is not valid any more")
        self.listed, self.subjects = {}, {}
        for subject in self.predicate["subjects"]:
            need(subject["id"] not in self.subjects, "a subject is listed twice")
            self.subjects[subject["id"]] = subject
        for entry in self.predicate["keys"]:
            public = Ed25519PublicKey.from_public_bytes(un_b64url(entry["key"]))
            need(key_id(public) == entry["keyid"], "a key in the directory has another id than it says")
            need(entry["keyid"] not in self.listed, "a key is listed twice")
            need(entry["keyid"] != key_id(root) and entry["use"] != "directory", "the root is listed among the keys")
            need(entry["alg"] == "ed25519" and entry["subject"] in self.subjects, "a key has another algorithm or no subject")
            self.listed[entry["keyid"]] = (entry, public)
        # It says who signs after this root; nobody follows to that one without a person.
        if "nextRoot" in self.predicate:
            following = self.predicate["nextRoot"]
            need(set(following) == {"keyid", "key"}, "the next root has other members than its key")
            public = Ed25519PublicKey.from_public_bytes(un_b64url(following["key"]))
            need(key_id(public) == following["keyid"], "the next root has another id than it says")
            need(following["keyid"] not in {key_id(root), *self.listed}, "the next root is listed, or is the same root")

    def keys(self, use):
        return {keyid: public for keyid, (entry, public) in self.listed.items() if entry["use"] == use}

    def valid_at(self, keyid, at):
        return holds_at(self.listed[keyid][0], at)

    def holds_until(self, keyid, role, at):
        """First moment without the key or the role, `None` while neither has an end."""
        held = [one.get("to") for one in self.subject_of(keyid)["roles"] if one["role"] == role and holds_at(one, at)]
        role_ends = None if None in held else max(held, default=None)
        ends = [end for end in (self.listed[keyid][0].get("to"), role_ends) if end is not None]
        return min(ends, default=None)

    def subject_of(self, keyid):
        return self.subjects[self.listed[keyid][0]["subject"]]


# ---- what every view has to say (section 6.1) ----


def shown_at(predicate, path):
    """(text, masked) of a template's field, as the signed statement shows it."""
    root, rest = "payload", path.split(".")
    if rest[0] == "tool_outputs":
        index = next((i for i, output in enumerate(predicate["toolOutputs"]) if output["id"] == rest[1]), None)
        if index is None or predicate["toolOutputs"][index]["result"].get("isError") is True:
            return "not given", False
        root, rest = "toolOutputs", [str(index), "result", "structuredContent", *rest[2:]]
    masks = {mask["path"]: mask.get("shown", BULLET * 3) for mask in predicate["masks"]}
    value, pointer = predicate[root], f"/{root}"
    for step in [None, *rest]:
        if step is not None:
            pointer = f"{pointer}/{escape(step)}"
            if isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                value = value.get(step) if isinstance(value, dict) else None
        if pointer in masks:
            return masks[pointer], True
        if value is None:
            return "not given", False
    return value, False


NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND".split()


def money(amount, currency):
    digits = 0 if currency in NO_DIGITS else 3 if currency in THREE_DIGITS else 2
    whole, _, fraction = amount.lstrip("-").partition(".")
    fraction = fraction.rstrip("0").ljust(digits, "0")
    sign = "-" if amount.startswith("-") else ""
    return f"{currency} {sign}{int(whole):,}" + (f".{fraction}" if fraction else "")


def fill(predicate, template):
    """(text, masked): a template of the contract with the formatters `money` and `list`; others are not known here."""
    masked = []

    def field(found):
        path, _, formatter = (part.strip() for part in found.group(1).partition("|"))
        value, hidden = shown_at(predicate, path)
        masked.append(hidden)
        if hidden or value == "not given":
            return value
        if formatter.startswith("money("):
            return money(value, shown_at(predicate, formatter[6:-1])[0])
        if isinstance(value, list):
            return " and ".join(filter(None, [", ".join(value[:-1]), *value[-1:]])) or "none"
        need(isinstance(value, str) and formatter in ("", "list"), f"this client does not know how to show {path}")
        return value

    return re.sub(r"\{([^{}]+)\}", field, template), any(masked)


def binding_members(predicate, contract):
    """What a view of this statement says under this contract, whatever renders it."""
    verdicts = {one["index"]: one["verdict"] for one in predicate["comparisons"]}
    facts = []
    for index, line in enumerate(contract["review"]["compare"]):
        value, masked = fill(predicate, line["value"])
        confirm = line.get("confirm", False) and predicate["gate"]["tier"] >= "T3"
        facts.append({"id": f"f{index}", "value": value, "masked": masked, "confirm": confirm, "verdict": verdicts.get(index)})
    required = contract["review"].get("evidence", {}).get("required", [])
    outputs = [{"id": o["id"], "required": f"tool_outputs.{o['id']}" in required} for o in predicate["toolOutputs"]]
    files = [{"id": f"artifact:{a['digest']['sha256']}", "required": False} for a in predicate["artifacts"]]
    warnings = []
    for one in predicate.get("counterparties", []):
        imitates = one["likeEarlier"] or "like" in one
        warnings += [(code, one["path"]) for code, told in (("look-alike", imitates), ("first-seen", one["first"])) if told]
    owners = [*contract["owner"].get("escalation", []), predicate["fallbackOwner"]]
    taken = predicate.get("escalated", {}).get("to")
    return {
        "template": predicate["action"]["template"], "tier": predicate["gate"]["tier"],
        "audience": predicate["destination"]["audience"], "fallbackOwner": predicate["fallbackOwner"],
        "correlationId": predicate["correlationId"], "submittedAt": predicate["submittedAt"],
        "expiresAt": predicate["request"]["expiresAt"],
        "rejectReasons": contract["review"]["reasons"]["reject"],
        "escalationTargets": [owner for owner in dict.fromkeys(owners) if owner != taken],
        "facts": facts, "rules": predicate["rules"], "evidence": outputs + files, "warnings": warnings,
    }


def binding_of(view):
    """The same members of a view that somebody made."""
    names = ("template", "tier", "audience", "fallbackOwner", "correlationId", "submittedAt", "expiresAt")
    told = {name: view[name] for name in (*names, "rejectReasons", "escalationTargets")}
    told["facts"] = [
        {**{name: fact[name] for name in ("id", "value", "masked", "confirm")}, "verdict": fact.get("compare", {}).get("verdict")}
        for fact in view["facts"]
    ]
    told["rules"] = [{name: rule[name] for name in ("id", "kind", "result")} for rule in view["rules"]]
    about_counterparties = (one for one in view["warnings"] if one["code"] in ("look-alike", "first-seen"))
    told["warnings"] = [(one["code"], one["path"]) for one in about_counterparties]
    told["evidence"] = [{name: one[name] for name in ("id", "required")} for one in view["evidence"]]
    return told


# ---- disclosures and masks (section 4) ----


def disclosure_digest(disclosure):
    return b64url(hashlib.sha256(disclosure.encode("ascii")).digest())


def reconstruct(predicate, disclosures):
    """The predicate with every hidden member put back. Returns it and the pointers of what was hidden."""
    by_digest = {}
    for disclosure in disclosures:
        digest = disclosure_digest(disclosure)
        need(digest not in by_digest, "a disclosure comes twice")
        by_digest[digest] = strict_json(un_b64url(disclosure))
    used, hidden = set(), []

    def take(digest):
        need(digest in by_digest, "undisclosed")
        need(digest not in used, "a digest stands in two places")
        used.add(digest)
        return by_digest[digest]

    def walk(value, pointer):
        if isinstance(value, dict):
            result = {}
            for name, member in value.items():
                if name not in ("_sd", "_sd_alg"):
                    result[name] = walk(member, f"{pointer}/{escape(name)}")
            for digest in value.get("_sd", []):
                parts = take(digest)
                need(len(parts) == 3, "a member's disclosure has three parts")
                _, name, member = parts
                need(name not in result, "a disclosure collides with a member")
                hidden.append(f"{pointer}/{escape(name)}")
                result[name] = walk(member, hidden[-1])
            return result
        if isinstance(value, list):
            result = []
            for index, item in enumerate(value):
                if isinstance(item, dict) and set(item) == {"..."}:
                    parts = take(item["..."])
                    need(len(parts) == 2, "an element's disclosure has two parts")
                    hidden.append(f"{pointer}/{index}")
                    item = parts[1]
                result.append(walk(item, f"{pointer}/{index}"))
            return result
        return value

    roots = ("payload", "intent", "toolOutputs", "taskState", "narrative")
    rebuilt = {name: walk(value, f"/{name}") if name in roots else value for name, value in predicate.items()}
    need(used == set(by_digest), "undeclared-disclosure")
    return rebuilt, hidden


def digests_at(predicate, path):
    """The digests that stand where a field is hidden (section 6.4)."""
    parent, _, step = path.rpartition("/")
    here = resolve(predicate, parent)
    if isinstance(here, list):
        item = here[int(step)]
        return [item["..."]] if isinstance(item, dict) and set(item) == {"..."} else []
    return here.get("_sd", [])


def described_by(contract, output):
    """The key under which a contract describes a tool output (section 6.3)."""
    specs = contract.get("tool_outputs", {})
    for key in (output["id"], output["tool"]):
        if key in specs and specs[key].get("tool", output["tool"]) == output["tool"]:
            return key
    return next((key for key in sorted(specs) if specs[key].get("tool") == output["tool"]), None)


def may_be_revealed(predicate, contract, path):
    """Whether the contract lets somebody read what the mask at this path hides (section 6.4)."""
    mask = next((mask for mask in predicate["masks"] if mask["path"] == path), None)
    if mask is None or mask["kind"] in ("scrub", "clear"):
        return False
    field, steps = path, path.split("/")
    if not path.startswith("/payload/"):
        if steps[1] != "toolOutputs" or steps[3:5] != ["result", "structuredContent"] or len(steps) < 6:
            return False
        key = described_by(contract, predicate["toolOutputs"][int(steps[2])])
        if key is None:
            return False
        field = "/".join(["", "toolOutputs", escape(key), *steps[5:]])
    named = contract["gate"].get("reveal", {}).get("fields", [])
    return any(field == one or field.startswith(one + "/") for one in named)


def check_disclosed(disclosed, predicate, contract):
    """What a view may name as revealed."""
    need(all(one < other for one, other in zip(disclosed, disclosed[1:])), "revealed fields do not ascend")
    known = {digest for mask in predicate["masks"] if may_be_revealed(predicate, contract, mask["path"]) for digest in digests_at(predicate, mask["path"])}
    need(set(disclosed) <= known, "a view names a field as revealed that nobody may read")


def escape(name):
    return name.replace("~", "~0").replace("/", "~1")


def resolve(value, pointer):
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value


def mask_text(kind, value):
    """What `shown` has to be, for the kinds that depend on the one value only."""
    full = BULLET * 3
    if not isinstance(value, str) or kind == "full":
        return full
    if kind == "last4":
        return BULLET * (len(value) - 4) + value[-4:] if len(value) >= 8 else full
    if kind == "pan-bin6-last4":
        need(re.fullmatch(r"[0-9]{13,19}", value), "a card number has 13 to 19 digits")
        return value[:6] + BULLET * (len(value) - 10) + value[-4:]
    if kind == "email-domain":
        local, at, domain = value.rpartition("@")
        return f"{local[0]}{full}@{domain}" if at and local and domain else full
    if kind == "date-year":
        matched = re.fullmatch(r"([0-9]{4})-[0-9]{2}-[0-9]{2}.*", value)
        return f"{matched.group(1)}-{BULLET * 2}-{BULLET * 2}" if matched else full
    raise Refused(f"unknown mask {kind}")


def check_masks(predicate, rebuilt, hidden):
    declared = {mask["path"]: mask for mask in predicate["masks"]}
    for path, mask in declared.items():
        if mask["kind"] in ("clear", "scrub"):
            continue
        need(mask["shown"] == mask_text(mask["kind"], resolve(rebuilt, path)), f"mask-lies at {path}")
    for path in hidden:
        under = [mask for mask in declared if path == mask or path.startswith(mask + "/")]
        need(under, f"hidden without a mask: {path}")


# ---- ledger (section 9) ----


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_inclusion(entry, index, size, proof, root):
    """RFC 9162 section 2.1.3.2."""
    need(index < size, "the index lies outside the tree")
    fn, sn, computed = index, size - 1, leaf_hash(entry)
    for sibling in proof:
        need(len(sibling) == 32 and sn > 0, "the proof has a wrong length")
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and computed == root, "the entry is not in the ledger under this checkpoint")


def read_vkey(text, kind):
    """(name, hash, public key) of a C2SP vkey of this kind (section 9.4)."""
    name, told, key = text.split("+", 2)
    key = un_b64(key)
    need(len(key) == 33 and key[0] == kind, "the vkey is of another kind")
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    need(is_key_name(name) and told == digest.hex(), "the vkey's hash is another")
    return name, digest, Ed25519PublicKey.from_public_bytes(key[1:])


def is_key_name(name):
    is_good = all(not c.isspace() and unicodedata.category(c) != "Cc" and c != "+" for c in name)
    return 1 <= len(name.encode()) <= 255 and is_good


def read_note(note):
    """(text, [(name, hash, signature)]) of a C2SP signed note whose text is a checkpoint's, none of it verified."""
    need(len(note.encode()) <= 65_536 and all(c >= " " or c == "\n" for c in note), "the note has other characters, or too many")
    body, gap, lines = note.rpartition("\n\n")
    need(gap and lines.endswith("\n"), "the note has no lines of signatures")
    signatures = []
    for line in lines[:-1].split("\n"):
        need(line.startswith("\u2014 "), "a line of the note is none of a signature")
        name, space, signature = line[2:].partition(" ")
        need(space and is_key_name(name), "a line of the note has no name")
        signature = base64.b64decode(signature.encode("ascii"), validate=True)
        need(base64.b64encode(signature).decode() == line[3 + len(name):] and len(signature) >= 5, "a line of the note has no signature")
        signatures.append((name, signature[:4], signature[4:]))
    need(len(signatures) <= 64, "the note has too many signatures")
    origin, size, root = body.split("\n")
    root = base64.b64decode(root.encode("ascii"), validate=True)
    need(is_key_name(origin) and re.fullmatch("0|[1-9][0-9]{0,15}", size, re.ASCII) and int(size) < 2**53, "the note is no checkpoint")
    need(len(root) == 32 and body.endswith(base64.b64encode(root).decode()), "the root is no hash")
    need(int(size) > 0 or root == hashlib.sha256().digest(), "an empty ledger has another root")
    return body + "\n", signatures


def open_checkpoint(note, vkey):
    """(origin, size, root) of a C2SP signed note, verified with the ledger's vkey."""
    name, digest, key = read_vkey(vkey, 1)
    body, signatures = read_note(note)
    origin, size, root = body.splitlines()
    need(origin == name, "the checkpoint has another origin")
    own = [signature for *of, signature in signatures if of == [name, digest]]
    need(own, "the checkpoint is not signed by the ledger")
    for signature in own:
        check_signature(key, signature, body.encode(), "the checkpoint's signature does not verify")
    return origin, int(size), un_b64(root)


def cosigned_at(note, vkey):
    """When a witness cosigned, in seconds, the first time; `None` when it did not. Every line of its must verify."""
    name, digest, key = read_vkey(vkey, 4)
    body, signatures = read_note(note)
    times = []
    for *of, signature in signatures:
        if of == [name, digest]:
            need(len(signature) == 72, "a cosignature has another length")
            at = int.from_bytes(signature[:8], "big")
            need(at < 2**63, "a cosignature has no time")
            message = f"cosignature/v1\ntime {at}\n{body}".encode()
            check_signature(key, signature[8:], message, f"the cosignature of {name} does not verify")
            times.append(at)
    return min(times, default=None)


def check_signature(key, signature, message, sentence):
    try:
        key.verify(signature, message)
    except InvalidSignature as fault:
        raise Refused(sentence) from fault


def new_key():
    return Ed25519PrivateKey.generate()
