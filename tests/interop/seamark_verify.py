"""The destination's gate (FORMATS.md section 12): may I act, and on what exactly?"""

import seamark_formats as f


def verify_delivery(delivery, trust, audience, now):
    """Returns {attempt, payload, handoff, decisions, disclosures} or raises Refused. `now` is a timestamp text."""
    f.need(delivery["format"] == "seamark-delivery/v1", "not a delivery")
    f.need(delivery.get("outcome"), "there is no outcome")
    directory = f.Directory(delivery["directory"], f.un_b64url(trust["rootKey"]))
    handoff, _, handoff_digest = f.open_envelope(delivery["handoff"], directory.keys("handoff"))
    predicate = f.expect_type(handoff, "handoff")
    f.need(handoff["subject"][0]["digest"]["sha256"] == f.sha256_hex(f.canonical(predicate["payload"])), "the payload is not the one that was admitted")
    f.need(predicate["destination"]["audience"] == audience, "this is for another destination")
    persons = check_decisions(delivery, directory, predicate, handoff_digest)
    outcome = check_outcome(delivery, directory, predicate, handoff_digest, persons, now)
    rebuilt, hidden = f.reconstruct(predicate, delivery["disclosures"])
    f.check_masks(predicate, rebuilt, hidden)
    check_ledger(delivery, trust)
    return {
        "attempt": predicate["attempt"],
        "payload": rebuilt["payload"],
        "handoff": handoff_digest,
        "outcome": outcome,
        "decisions": [entry["digest"] for entry in persons.values()],
        "disclosures": [f.disclosure_digest(d) for d in delivery["disclosures"]],
    }


def check_decisions(delivery, directory, predicate, handoff_digest):
    persons = {}
    for envelope in delivery["decisions"]:
        statement, keyid, digest = f.open_envelope(envelope, directory.keys("decision"))
        decision = f.expect_type(statement, "decision")
        f.need(statement["subject"][0]["digest"]["sha256"] == handoff_digest, "a decision is about another handoff")
        f.need(decision["reviewer"]["keyid"] == keyid, "a decision names another key than the one that signed")
        f.need(directory.subject_of(keyid) == decision["reviewer"]["id"], "the key belongs to another person")
        f.need(decision["attempt"] == predicate["attempt"] and decision["audience"] == predicate["destination"]["audience"], "a decision is for another attempt or destination")
        f.need(decision["contract"] == predicate["contract"] and decision["policy"] == predicate["request"]["policy"], "a decision is under another contract or policy")
        f.need(decision["reviewer"]["role"] in predicate["request"]["candidates"], "the reviewer's role may not decide this")
        f.need(decision["reviewer"]["id"] != predicate["source"].get("onBehalfOf"), "the requester decided")
        f.need(decision["decidedAt"] <= predicate["request"]["expiresAt"], "a decision came after the deadline")
        f.need(decision["decision"] != "reject", "there is a reject")
        if decision["decision"] == "approve":
            persons[decision["reviewer"]["id"]] = {"digest": {"sha256": digest}, "window": decision["constraints"]}
    f.need(len(persons) >= predicate["request"]["quorum"], "too few persons approved")
    return persons


def check_outcome(delivery, directory, predicate, handoff_digest, persons, now):
    statement, keyid, digest = f.open_envelope(delivery["outcome"], directory.keys("outcome"))
    outcome = f.expect_type(statement, "outcome")
    f.need(statement["subject"][0]["digest"]["sha256"] == handoff_digest, "the outcome is about another handoff")
    f.need(outcome["formedBy"] == keyid, "the outcome names another key than the one that signed")
    f.need(outcome["outcome"] == "approved", f"the outcome is {outcome['outcome']}, not approved")
    f.need(outcome["attempt"] == predicate["attempt"], "the outcome is for another attempt")
    window = outcome["window"]
    f.need(window["notBefore"] == max(p["window"]["notBefore"] for p in persons.values()), "the outcome widens the window")
    f.need(window["expiresAt"] == min(p["window"]["expiresAt"] for p in persons.values()), "the outcome widens the window")
    f.need(now <= window["expiresAt"], "the approval has expired")
    return {"digest": digest, "id": outcome["outcomeId"]}


def check_ledger(delivery, trust):
    origin, size, root = f.open_checkpoint(delivery["checkpoint"], trust["ledgerVkey"])
    f.need(origin == trust["ledgerOrigin"], "the checkpoint is of another ledger")
    types = []
    for recorded in delivery["proofs"]:
        entry = recorded["entry"].encode()
        f.need(recorded["size"] == size, "a proof belongs to another checkpoint")
        f.check_inclusion(entry, recorded["seq"], size, [f.un_b64(h) for h in recorded["proof"]], root)
        parsed = f.strict_json(entry)
        f.need(parsed["seq"] == recorded["seq"] and parsed["origin"] == origin, "an entry stands in another place than it says")
        types.append(parsed["type"])
    f.need("decision.recorded" in types and "outcome.formed" in types, "the decision or the outcome is not in the ledger")


def execution_statement(verified, delivery_ids, result, executor, now):
    """The statement of execution/v1 for what was done with a verified outcome."""
    return {
        "_type": f.STATEMENT,
        "subject": [
            {"name": f"urn:seamark:handoff:{delivery_ids['handoff']}", "digest": {"sha256": verified["handoff"]}},
            {"name": f"urn:seamark:outcome:{verified['outcome']['id']}", "digest": {"sha256": verified["outcome"]["digest"]}},
        ],
        "predicateType": f.PREDICATE.format("execution"),
        "predicate": {
            "result": result,
            "attempt": verified["attempt"],
            "decisions": verified["decisions"],
            "disclosures": verified["disclosures"],
            "executedAt": now,
            "executor": executor,
        },
    }
