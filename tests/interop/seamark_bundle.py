"""The auditor's algorithm over evidence bundles, from docs/FORMATS.md sections 10 and 11 alone. Shares no code with the Rust side.

It does not render views (section 11.2, step 5), so the claim `view` is at best unknown here; the binding members of every view are compared.
Usage: seamark_bundle.py TRUST.json TIME BUNDLE..., a bundle being an archive or a folder; prints one line of JSON for each.
"""

import io
import json
import os
import re
import sys
import zipfile
import zlib

import seamark_formats as f
import seamark_time as t
import seamark_verify as v

README = "004737dbe56c6f809827d044c4f7fa7f7b49ec6e87434c86ac549175e73c04e6"
KIB, MIB = 1024, 1024 * 1024
NUMBER = r"(?!0000)([0-9]{4})"
INDEX = r"([0-9]{8}|[1-9][0-9]{8,15})"
PATHS = {
    r"manifest\.json": MIB,
    r"README\.txt": 64 * KIB,
    r"handoff/handoff\.dsse\.json": 384 * KIB,
    r"contract/(contract|policy|template)\.json": MIB,
    rf"decisions/{NUMBER}\.dsse\.json": 384 * KIB,
    rf"views/{NUMBER}\.json": MIB,
    r"outcome/outcome\.dsse\.json": 384 * KIB,
    rf"executions/{NUMBER}\.dsse\.json": 384 * KIB,
    r"log/checkpoint": 64 * KIB,
    rf"log/entries/{INDEX}\.json": 8 * KIB,
    rf"log/bodies/{INDEX}\.json": 8 * KIB,
    rf"log/proofs/{INDEX}\.tlog-proof": 72 * KIB,
    r"log/consistency\.json": 4 * MIB,
    r"log/timestamps/checkpoint\.tsr": 64 * KIB,
    r"log/timestamps/tsa-chain\.pem": 64 * KIB,
    r"trust/directory-([1-9][0-9]{0,15})\.dsse\.json": 3 * MIB,
}
NEEDED = ("manifest.json", "README.txt", "handoff/handoff.dsse.json", "contract/contract.json", "contract/policy.json", "contract/template.json", "log/checkpoint", "log/consistency.json")
REQUIRED = ("bundle", "directory", "handoff", "contract", "masks", "view", "decision", "outcome", "checkpoint", "inclusion", "outcome-ledger", "reviewer-witness", "presented-before-signing", "reveals", "execution")


class Unknown(Exception):
    """Not shown to be so; the text says why."""


def know(condition, sentence):
    if not condition:
        raise Unknown(sentence)


# ---- files (section 10) ----


def pack(files):
    """The archive of section 10.3."""

    def common(path, data):
        size = len(data).to_bytes(4, "little")
        start = bytes([10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]) + zlib.crc32(data).to_bytes(4, "little") + size + size
        return start + len(path).to_bytes(2, "little") + bytes(2)

    local, central = b"", b""
    for path in sorted(files):
        head = common(path, files[path])
        central += b"PK\x01\x02" + bytes([10, 0]) + head + bytes(10) + len(local).to_bytes(4, "little") + path.encode()
        local += b"PK\x03\x04" + head + path.encode() + files[path]
    n = len(files).to_bytes(2, "little")
    return local + central + b"PK\x05\x06" + bytes(4) + n + n + len(central).to_bytes(4, "little") + len(local).to_bytes(4, "little") + bytes(2)


def read_archive(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        f.need(len(infos) <= 4096 and sum(info.file_size for info in infos) <= 64 * MIB, "too many files, or too large")
        f.need(all(info.compress_type == zipfile.ZIP_STORED for info in infos), "a file is compressed")
        files = {info.filename: archive.read(info) for info in infos}
    f.need(all(limit_of(path) is not None for path in files), "a path that no bundle has")
    f.need(pack(files) == data, "the archive is not what packing its files gives")
    return files


def read_folder(folder):
    files = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            f.need(not os.path.islink(path), "a link")
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder)] = file.read()
    return files


def limit_of(path):
    return next((limit for pattern, limit in PATHS.items() if re.fullmatch(pattern, path, re.ASCII)), None)


def numbered(files, pattern):
    """{number: path} of the files of a kind."""
    found = ((re.fullmatch(pattern, path, re.ASCII), path) for path in files)
    return {int(match.group(1)): path for match, path in found if match}


def canonical_json(files, path):
    value = f.strict_json(files[path])
    f.need(f.canonical(value) == files[path], f"{path} is not in canonical form")
    return value


def envelope(files, path):
    value = canonical_json(files, path)
    f.need(set(value) == {"payload", "payloadType", "signatures"} and value["payloadType"] == f.PAYLOAD_TYPE, f"{path} is no envelope")
    f.need(1 <= len(value["signatures"]) <= 16, f"{path} has no signature, or too many")
    f.need(all(set(one) <= {"keyid", "sig"} and "sig" in one for one in value["signatures"]), f"{path} is no envelope")
    f.un_b64(value["payload"])
    return value


def unverified(value):
    return f.strict_json(f.un_b64(value["payload"]))


def read_bundle(files):
    """Section 11.3, step 1: the parts of a bundle, or Refused."""
    for path, data in files.items():
        f.need(limit_of(path) is not None, f"{path} is no path of a bundle")
        f.need(len(data) <= limit_of(path), f"{path} is too large")
    f.need(len(files) <= 4096 and sum(map(len, files.values())) <= 64 * MIB, "too many files, or too large")
    f.need(all(path in files for path in NEEDED), "a file is missing")
    manifest = canonical_json(files, "manifest.json")
    f.need(set(manifest) == {"format", "handoff", "createdAt", "files"} and manifest["format"] == "seamark-evidence/v1", "another format")
    f.ms(manifest["createdAt"])
    listed = {path: {"sha256": f.sha256_hex(data), "size": len(data)} for path, data in files.items() if path != "manifest.json"}
    f.need(manifest["files"] == listed, "the files are not those of the manifest")
    f.need(listed["README.txt"]["sha256"] == README, "README.txt has other words")
    handoff = envelope(files, "handoff/handoff.dsse.json")
    f.need(unverified(handoff)["predicate"]["handoffId"] == manifest["handoff"], "the manifest names another handoff")
    contract = f.strict_json(files["contract/contract.json"])
    for name, section in (("policy", "gate"), ("template", "review")):
        f.need(files[f"contract/{name}.json"] == f.canonical(contract[section]), f"contract/{name}.json is not the contract's")
    parts = {"handoff": handoff, "contract": files["contract/contract.json"].decode(), "views": [], "decisions": [], "executions": []}
    for kind, end in (("views", r"\.json"), ("decisions", r"\.dsse\.json"), ("executions", r"\.dsse\.json")):
        found = numbered(files, rf"{kind}/{NUMBER}{end}")
        f.need(sorted(found) == list(range(1, len(found) + 1)), f"the numbers of {kind} have a gap")
        for number in sorted(found):
            parts[kind].append(files[found[number]].decode() if kind == "views" else envelope(files, found[number]))
    parts["outcome"] = envelope(files, "outcome/outcome.dsse.json") if "outcome/outcome.dsse.json" in files else None
    parts["checkpoint"] = files["log/checkpoint"].decode()
    size = int(f.read_note(parts["checkpoint"])[0].split("\n")[1])
    entries, proofs = numbered(files, rf"log/entries/{INDEX}\.json"), numbered(files, rf"log/proofs/{INDEX}\.tlog-proof")
    f.need(set(entries) == set(proofs), "entries and proofs are not of the same indexes")
    parts["proofs"] = [
        {"seq": seq, "entry": files[entries[seq]].decode(), "proof": proof_of(files[proofs[seq]].decode(), seq, parts["checkpoint"]), "size": size}
        for seq in sorted(entries)
    ]
    stamp = ["log/timestamps/checkpoint.tsr", "log/timestamps/tsa-chain.pem"]
    f.need(sum(path in files for path in stamp) != 1, "a token without its certificates, or they without it")
    parts["timestamp"] = (files[stamp[0]], t.read_pem(files[stamp[1]].decode())) if stamp[0] in files else None
    bodies = numbered(files, rf"log/bodies/{INDEX}\.json")
    f.need(set(bodies) <= set(entries), "a body has no entry")
    for path in bodies.values():
        canonical_json(files, path)
    parts["bodies"] = {seq: files[bodies[seq]] for seq in sorted(bodies)}
    parts["consistency"] = canonical_json(files, "log/consistency.json")
    f.need(all(set(one) == {"from", "proof", "to"} for one in parts["consistency"]), "log/consistency.json is no list of proofs")
    directories = numbered(files, r"trust/directory-([1-9][0-9]{0,15})\.dsse\.json")
    f.need(len(directories) == 1, "there is not one directory")
    ((version, path),) = directories.items()
    parts["directory"] = envelope(files, path)
    f.need(unverified(parts["directory"])["predicate"]["version"] == version, "the directory is named by another version")
    return parts


def proof_of(text, seq, checkpoint):
    """The hashes of a tlog-proof (section 10.1)."""
    lines, _, note = text.partition("\n\n")
    head, index, *hashes = lines.split("\n")
    f.need(head == "c2sp.org/tlog-proof@v1" and index == f"index {seq}", "a proof is of another index or form")
    f.need(note == checkpoint and len(hashes) <= 64, "a proof has another checkpoint")
    return hashes


# ---- claims (section 11) ----


class Claims:
    def __init__(self):
        self.verdicts, self.sentences, self.proved = {}, {}, {}
        self.relied_on, self.entries = [], []

    def make(self, name, check, *needs):
        """Settles a claim; what it builds on has to have passed."""
        missing = [need for need in needs if self.verdicts.get(need) != "pass"]
        if missing:
            self.say(name, "unknown", f"{missing[0]} did not pass")
            return None
        try:
            self.proved[name] = check()
            self.say(name, "pass", "")
        except Unknown as why:
            self.say(name, "unknown", str(why))
        except (f.Refused, KeyError, IndexError, TypeError, ValueError, AttributeError) as why:
            self.say(name, "fail", f"{type(why).__name__}: {why}")
        return self.proved.get(name)

    def say(self, name, verdict, sentence):
        self.verdicts[name], self.sentences[name] = verdict, sentence

    def verdict(self):
        """Section 11.3, without `view`, which nobody can judge here beyond its binding members."""
        if "fail" in self.verdicts.values():
            return "fail"
        required = [name for name in REQUIRED if name != "view"] + self.relied_on
        return "pass" if all(self.verdicts.get(name) == "pass" for name in required) else "unknown"


def verify_bundle(read, trust, now):
    """The claims about a bundle. `read` gives its files."""
    claims = Claims()
    try:
        parts = read_bundle(read())
    except Exception as why:  # whatever stops the reading of untrusted files: it is no bundle
        claims.say("bundle", "fail", f"{type(why).__name__}: {why}")
        return claims
    claims.say("bundle", "pass", "")
    claims.relied_on = [name for name, pin in (("witnesses", "witnesses"), ("time", "tsaRoots")) if trust.get(pin)]
    directory = claims.make("directory", lambda: f.Directory(parts["directory"], f.un_b64url(trust["rootKey"]), now))
    handoff = claims.make("handoff", lambda: check_handoff(parts, directory, now), "directory")
    head = claims.make("checkpoint", lambda: f.open_checkpoint(parts["checkpoint"], trust["ledgerVkey"]))
    if head:
        claims.make("witnesses", lambda: check_witnesses(parts, trust, now))
    claims.make("time", lambda: check_time(parts, trust, claims, directory, now))
    if not handoff:
        return claims
    predicate, digest = handoff["predicate"], handoff["digest"]
    contract = claims.make("contract", lambda: check_contract(parts, predicate))
    claims.make("masks", lambda: check_mask_form(predicate))
    claims.say("disclosures", "unknown" if predicate["masks"] else "pass", "")
    claims.make("view", lambda: check_views(parts, predicate, digest, contract), *(["contract"] if parts["views"] else []))
    chain = Claims()
    chain.verdicts = dict(claims.verdicts)
    entries = chain.make("entries", lambda: check_entries(parts, trust, handoff), "checkpoint")
    cast = claims.make("decision", lambda: check_cast(parts, directory, handoff, contract, entries, chain), "contract")
    outcome = claims.make("outcome", lambda: check_outcome(parts, directory, handoff, cast), "decision")
    claims.make("inclusion", lambda: check_inclusion(parts, handoff, entries, chain, claims, cast, outcome, now), "checkpoint")
    claims.make("outcome-ledger", lambda: extends(parts, outcome["ledger"], head), "checkpoint", "outcome")
    claims.make("reviewer-witness", lambda: [extends(parts, one["decision"]["seenCheckpoint"], head) for one in cast["all"]], "checkpoint", "decision")
    claims.make("presented-before-signing", lambda: check_presented(cast, entries), "inclusion")
    claims.make("reveals", lambda: check_reveals(parts, directory, handoff, contract, cast, entries), "contract", "inclusion", "decision")
    claims.make("execution", lambda: check_executions(parts, directory, handoff, outcome, entries), "inclusion", "outcome")
    claims.entries = entries if claims.verdicts["inclusion"] == "pass" else []
    claims.make("time", lambda: check_time(parts, trust, claims, directory, now))
    return claims


def check_time(parts, trust, claims, directory, now):
    """Section 11.3, step 6."""
    roots = [f.un_b64(root) for root in trust.get("tsaRoots", [])]
    know(parts["timestamp"] and roots, "no time stamp, or no pinned authority")
    know(claims.verdicts["checkpoint"] == "pass", "checkpoint did not pass")
    at = t.verify(*parts["timestamp"], f.read_note(parts["checkpoint"])[0].encode(), roots)
    know(at <= f.ms(now) + f.SKEW_MS, "the time stamp is from after the time that this is judged at")
    f.need(all(f.ms(entry["at"]) <= at + f.SKEW_MS for entry in claims.entries), "an entry is from after the time stamp")
    ends = [directory.listed[keyid][0].get("to") for keyid in signers(claims)]
    know(not any(end is not None and f.ms(end) <= at for end in ends), "a key had ended before the time stamp")


def signers(claims):
    """Key ids under which the statements of passing claims are signed."""
    passed = lambda name: claims.proved.get(name) if claims.verdicts.get(name) == "pass" else None
    handoff, cast, outcome = passed("handoff"), passed("decision"), passed("outcome")
    found = [handoff["keyid"]] if handoff else []
    found += [one["decision"]["reviewer"]["keyid"] for one in cast["all"]] if cast else []
    found += [outcome["formedBy"]] if outcome else []
    return found + (passed("execution") or [])


def check_witnesses(parts, trust, now):
    """Section 11.3, step 5."""
    witnesses = trust.get("witnesses", [])
    know(witnesses, "none is pinned")
    times = [f.cosigned_at(parts["checkpoint"], vkey) for vkey in witnesses]
    n_seen = sum(at is not None and at * 1000 <= f.ms(now) + f.SKEW_MS for at in times)
    know(n_seen >= trust.get("witnessQuorum", len(witnesses)), f"{n_seen} witnesses cosigned")


def check_handoff(parts, directory, now):
    statement, keyid, digest = f.open_envelope(parts["handoff"], directory.keys("handoff"))
    predicate = f.expect_type(statement, "handoff")
    f.need(directory.subject_of(keyid)["kind"] == "gateway", "no gateway admitted the handoff")
    f.need(directory.valid_at(keyid, predicate["createdAt"]), "the gateway's key was not valid then")
    f.need(f.ms(predicate["createdAt"]) <= f.ms(now) + f.SKEW_MS, "it is from the future")
    f.need(statement["subject"][0]["digest"]["sha256"] == f.sha256_hex(f.canonical(predicate["payload"])), "the payload is another")
    return {"predicate": predicate, "digest": digest, "keyid": keyid, "signature": signature_digest(parts["handoff"])}


def signature_digest(value, keyid=None):
    """SHA-256 of the raw signature; of the one with this hint where there are several."""
    chosen = [one for one in value["signatures"] if keyid is None or one.get("keyid") == keyid] or value["signatures"]
    return f.sha256_hex(f.un_b64(chosen[0]["sig"]))


def check_contract(parts, predicate):
    contract = v.pinned_contract(parts, predicate)
    digests = {section: {"sha256": f.sha256_hex(f.canonical(contract[section]))} for section in ("gate", "review")}
    f.need(predicate["action"]["templateDigest"] == digests["review"], "the templates are not the contract's")
    if "request" in predicate:
        label = f"{contract['name']}@{contract['version']}"
        f.need(predicate["request"]["policy"] == {"id": label, "digest": digests["gate"]}, "the policy is not the contract's")
    return contract


def check_mask_form(predicate):
    paths = [mask["path"].encode() for mask in predicate["masks"]]
    f.need(paths == sorted(set(paths)), "masks do not ascend")
    f.need(all(("shown" in mask) == (mask["kind"] != "clear") for mask in predicate["masks"]), "a mask does not say what it shows")


def check_views(parts, predicate, digest, contract):
    for text in parts["views"]:
        view = f.strict_json(text.encode())
        f.need(f.canonical(view) == text.encode(), "a view is not in canonical form")
        f.need((view["handoff"]["sha256"], view["contract"]) == (digest, predicate["contract"]), "a view is of another handoff")
        right = f.binding_members(predicate, contract)
        f.check_disclosed(view["disclosed"], predicate, contract)
        f.need(all(told == right[name] for name, told in f.binding_of(view).items()), "a view says something else than handoff and contract")
    know(not parts["views"], "views are not rendered again here")


def check_entries(parts, trust, handoff):
    know(parts["proofs"], "no ledger entry was given")
    return v.check_ledger(parts, trust, handoff["predicate"])


def check_cast(parts, directory, handoff, contract, entries, chain):
    """Every decision as it was recorded, and of them those that can count."""
    know(chain.verdicts["entries"] == "pass", "inclusion did not pass")
    predicate, everything = handoff["predicate"], []
    f.need(all(f.canonical(f.strict_json(text.encode())) == text.encode() for text in parts["views"]), "a view is not in canonical form")
    delivery = {"decisions": parts["decisions"], "views": [f.strict_json(text.encode()) for text in parts["views"]]}
    timely = v.check_decisions(delivery, directory, predicate, handoff["digest"], contract, entries)
    for value in parts["decisions"]:
        statement, keyid, digest = f.open_envelope(value, directory.keys("decision"))
        entry = v.recorded_as(entries, digest, "decision.recorded", "decision.late")
        f.need(signature_digest(value, keyid) in entry["sigs"], "the entry of a decision names another signature")
        everything.append({"decision": f.expect_type(statement, "decision"), "digest": digest, "entry": entry})
    part = part_of(entries, handoff)
    if part:
        part.check_late([one["digest"] for one in everything])
    return {"timely": timely, "all": everything}


def part_of(entries, handoff):
    """The entries of this attempt. Without its place in the chain the claim `inclusion` fails."""
    try:
        return v.Part(entries, handoff["predicate"], handoff["digest"])
    except f.Refused:
        return None


CAUSES = {"approved": ["policy-met"], "rejected": ["veto"], "expired": ["deadline"], "withdrawn": ["source", "fallback-owner"], "superseded": ["new-revision", "new-attempt"]}


def check_outcome(parts, directory, handoff, cast):
    know(parts["outcome"], "there is no outcome")
    predicate = handoff["predicate"]
    statement, keyid, digest = f.open_envelope(parts["outcome"], directory.keys("outcome"))
    outcome = f.expect_type(statement, "outcome")
    f.need(statement["subject"][0]["digest"]["sha256"] == handoff["digest"], "the outcome is about another handoff")
    f.need(outcome["formedBy"] == keyid and directory.valid_at(keyid, outcome["formedAt"]), "the outcome's key is another, or was not valid")
    copied = ("handoffId", "revision", "attempt", "correlationId", "contract")
    f.need(all(outcome[name] == predicate[name] for name in copied), "the outcome is for another attempt")
    f.need(outcome["audience"] == predicate["destination"]["audience"] and outcome["policy"] == predicate["request"]["policy"], "the outcome is for another destination or policy")
    f.need(all(one["at"] <= outcome["formedAt"] for one in cast["timely"]), "a decision was recorded after the outcome")
    told, windows, ending = v.count(cast["timely"], predicate)
    f.need(outcome["decisions"] == told, "the decisions are counted otherwise")
    f.need(outcome["cause"] in CAUSES[outcome["outcome"]], "outcome and cause do not belong together")
    if ending is None:
        f.need(outcome["outcome"] not in ("approved", "rejected"), "the outcome does not follow from the decisions")
        if outcome["cause"] in ("deadline", "new-attempt"):
            f.need(outcome["formedAt"] >= predicate["request"]["expiresAt"], "the deadline was not over")
    else:
        f.need(outcome["outcome"] == ending and outcome["cause"] in ("policy-met", "veto", "new-attempt"), "the outcome does not follow from the decisions")
    f.need(outcome["quorum"] == {"required": predicate["request"]["quorum"], "reached": len(windows)}, "the quorum is another")
    right = None
    if outcome["outcome"] == "approved":
        right = {"notBefore": max(one["notBefore"] for one in windows), "expiresAt": min(one["expiresAt"] for one in windows), "maxUses": 1}
    f.need(outcome.get("window") == right, "the window is not what the approvals allow")
    return {**outcome, "digest": digest, "signature": signature_digest(parts["outcome"], keyid)}


def check_inclusion(parts, handoff, entries, chain, claims, cast, outcome, now):
    if chain.verdicts["entries"] != "pass":
        know(chain.verdicts["entries"] == "fail", chain.sentences["entries"])
        raise f.Refused(chain.sentences["entries"])
    v.check_time(entries, now)
    know(claims.verdicts["decision"] == "pass", "decision did not pass")
    know(outcome or not parts["outcome"], "outcome did not pass")
    part = v.Part(entries, handoff["predicate"], handoff["digest"])
    received = part.received
    f.need(handoff["signature"] in received["sigs"], "the entry of the handoff names another signature")
    part.check_complete([one["digest"] for one in cast["all"]], outcome["digest"] if outcome else None)
    if "request" not in handoff["predicate"]:
        f.need(v.recorded_as(entries, handoff["digest"], "handoff.passed")["seq"] > received["seq"], "it passed before it came")
        f.need(part.next is None, "another attempt follows")
        return
    entry = v.recorded_as(entries, outcome["digest"], "outcome.formed") if outcome else None
    for one in cast["all"]:
        if one["entry"]["type"] == "decision.late":
            f.need(entry and one["entry"]["seq"] > entry["seq"], "a decision is late before the outcome")
        else:
            f.need(one["entry"] in part.own, "a decision does not stand in its attempt")
    if not outcome:
        f.need(part.next is None, "another attempt follows")
        return
    last = max([received["seq"], *(one["entry"]["seq"] for one in cast["all"] if one["entry"]["type"] == "decision.recorded")])
    f.need(entry["actor"] == outcome["formedBy"] and outcome["signature"] in entry["sigs"], "the entry of the outcome names another key or signature")
    f.need(entry in part.own and entry["seq"] > last and outcome["formedAt"] <= entry["at"], "the outcome stands before its decisions")
    ledger = outcome["ledger"]
    f.need(ledger["origin"] == entry["origin"] and last < ledger["size"] <= entry["seq"], "the outcome names a head that does not hold its decisions")
    try:
        part.check_ending(outcome, entry)
    except v.Cut as why:
        raise Unknown(str(why))


def root_of_consistency(start, size, proof, old):
    """RFC 9162 section 2.1.4.2: the two roots that a proof from `start` to `size` leads to."""
    path = list(proof)
    if start & (start - 1) == 0:
        path.insert(0, old)
    f.need(path, "a consistency proof is too short")
    fn, sn = start - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for one in path[1:]:
        f.need(len(one) == 32 and sn > 0, "a consistency proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = f.node_hash(one, fr), f.node_hash(one, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = f.node_hash(sr, one)
        fn, sn = fn >> 1, sn >> 1
    f.need(sn == 0, "a consistency proof is too short")
    return fr, sr


def extends(parts, earlier, head):
    origin, size, root = head
    f.need(earlier["origin"] == origin and 1 <= earlier["size"] <= size, "an earlier head is of another or a longer ledger")
    old = f.un_b64(earlier["root"])
    given = next((one for one in parts["consistency"] if (one["from"], one["to"]) == (earlier["size"], size)), None)
    if earlier["size"] == size:
        f.need(old == root and not (given and given["proof"]), "the ledger is another one than was seen")
        return
    know(given, "no consistency proof was given")
    found = root_of_consistency(earlier["size"], size, [f.un_b64(one) for one in given["proof"]], old)
    f.need(found == (old, root), "the ledger does not begin with what was seen of it")


def check_presented(cast, entries):
    for one in cast["all"]:
        decision = one["decision"]
        wanted = ("handoff.presented", decision["view"]["digest"]["sha256"], decision["reviewer"]["keyid"])
        shown = [e for e in entries if (e["type"], e["object"], e["actor"]) == wanted and e["seq"] < decision["seenCheckpoint"]["size"]]
        know(shown, "a decision was signed without the ledger at hand")


ABOUT_REVEALS = ("disclosure.revealed", "disclosure.copied", "access.refused")
PURPOSES = ("confirm-identity", "compare-record", "contact-person", "suspected-misuse", "legal-request", "other")


def event_body(data, kind, members):
    """A body of section 9.3, closed."""
    value = f.strict_json(data)
    f.need(set(value) == {"v", "type", "nonce", "person", "device", *members}, "a body has other members")
    f.need(value["v"] == 1 and value["type"] == kind, "a body is of another event")
    return value


def check_purpose(purpose):
    """The form of a purpose; of its text only what needs no table of characters."""
    f.need(set(purpose) == {"code", "text"} and purpose["code"] in PURPOSES and len(purpose["text"]) <= 200, "a purpose is of another form")
    f.need(purpose["code"] != "other" or len(purpose["text"].strip()) >= 3, "a purpose says nothing")
    f.need(all(ord(character) >= 32 for character in purpose["text"]), "a purpose has control characters")


def check_reveals(parts, directory, handoff, contract, cast, entries):
    """Who read which masked field (section 11.2, step 14)."""
    predicate, part = handoff["predicate"], v.Part(entries, handoff["predicate"], handoff["digest"])
    by_seq = {one["seq"]: one for one in entries if one["type"] in ABOUT_REVEALS}
    for seq, data in parts["bodies"].items():
        f.need(seq in by_seq and by_seq[seq]["object"] == f.sha256_hex(data), "a body is not the one that its entry names")
    about = [one for one in part.own if one["type"] in ABOUT_REVEALS]
    missing, reveals = [one for one in about if one["seq"] not in parts["bodies"]], []
    for entry in (one for one in about if one["type"] == "disclosure.revealed" and one not in missing):
        body = event_body(parts["bodies"][entry["seq"]], "disclosure.revealed", ("path", "purpose", "disclosure", "statement"))
        f.need(entry["actor"] in directory.keys("decision"), "a reveal names a key that decides nothing")
        person = directory.subject_of(entry["actor"])
        f.need(body["statement"] == {"sha256": handoff["digest"]} and body["device"] == entry["actor"], "a reveal is of another statement or device")
        f.need(person["id"] == body["person"] and directory.valid_at(entry["actor"], entry["at"]), "a reveal names a device that was not this person's")
        roles = {role["role"] for role in person["roles"] if f.holds_at(role, entry["at"])}
        f.need(roles & set(predicate["request"]["candidates"]) and roles & set(contract["gate"].get("reveal", {}).get("roles", [])), "somebody without the right read a field")
        f.need(f.may_be_revealed(predicate, contract, body["path"]), "a field was revealed that nobody may read")
        f.need(body["disclosure"] in f.digests_at(predicate, body["path"]), "a reveal names a value that is not hidden there")
        check_purpose(body["purpose"])
        f.need(not part.formed or entry["seq"] < part.formed["seq"], "a field was revealed after the outcome")
        reveals.append({**body, "seq": entry["seq"]})
    for entry in (one for one in about if one["type"] == "disclosure.copied" and one not in missing):
        body = event_body(parts["bodies"][entry["seq"]], "disclosure.copied", ("reveal", "disclosure"))
        named = ("person", "device", "disclosure")
        found = [one for one in reveals if one["seq"] == body["reveal"] and all(one[name] == body[name] for name in named)]
        lost = [one for one in missing if one["seq"] == body["reveal"] and one["type"] == "disclosure.revealed"]
        f.need(lost or found and body["device"] == entry["actor"] and body["reveal"] < entry["seq"], "a copy belongs to no reveal")
    for one in cast["all"]:
        known = {r["disclosure"] for r in reveals if r["device"] == one["decision"]["reviewer"]["keyid"] and r["seq"] < one["entry"]["seq"]}
        f.need(missing or set(one["decision"]["view"]["disclosed"]) <= known, "a decision names a field that was not revealed before")
    know(not missing, "what stands beside an entry about a reveal is missing")


def check_executions(parts, directory, handoff, outcome, entries):
    predicate, part, given, keyids = handoff["predicate"], v.Part(entries, handoff["predicate"], handoff["digest"]), [], []
    for value in parts["executions"]:
        statement, keyid, digest = f.open_envelope(value, directory.keys("execution"))
        did = f.expect_type(statement, "execution")
        about = [
            {"name": f"urn:seamark:handoff:{predicate['handoffId']}", "digest": {"sha256": handoff["digest"]}},
            {"name": f"urn:seamark:outcome:{outcome['outcomeId']}", "digest": {"sha256": outcome["digest"]}},
        ]
        f.need(statement["subject"] == about and did["attempt"] == predicate["attempt"], "an execution is of another attempt")
        f.need(did["executor"] == predicate["destination"]["agent"] == directory.subject_of(keyid)["id"], "another agent executed")
        f.need(directory.valid_at(keyid, did["executedAt"]), "the executor's key was not valid")
        entry = v.recorded_as(entries, digest, "execution.reported")
        f.need(entry["actor"] == keyid and signature_digest(value, keyid) in entry["sigs"], "the entry of an execution names another key or signature")
        given.append(digest)
        keyids.append(keyid)
        f.need(entry["seq"] > part.formed["seq"], "an execution stands before the outcome")
        if did["result"] == "executed":
            window = outcome["window"]
            f.need(f.ms(window["notBefore"]) <= f.ms(did["executedAt"]) + f.SKEW_MS and did["executedAt"] < window["expiresAt"], "it was executed outside of its window")
            counting = {one["digest"]["sha256"] for one in outcome["decisions"] if one["counted"]}
            f.need({one["sha256"] for one in did["decisions"]} == counting, "an execution names other decisions")
            part.check_used(part.formed, entry)
    part.check_reports(given)
    f.need(len(given) <= 1, "there is more than one report")
    know(given or outcome["outcome"] != "approved", "the destination has not reported")
    return keyids


def main():
    trust_path, now, *bundles = sys.argv[1:]
    with open(trust_path, encoding="utf-8") as file:
        trust = json.load(file)

    def reader(path):
        def read():
            if os.path.isdir(path):
                return read_folder(path)
            with open(path, "rb") as file:
                return read_archive(file.read())

        return read

    for path in bundles:
        claims = verify_bundle(reader(path), trust, now)
        print(json.dumps({"verdict": claims.verdict(), "claims": claims.verdicts, "why": claims.sentences}))


if __name__ == "__main__":
    main()
