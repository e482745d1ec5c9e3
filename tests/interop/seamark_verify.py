"""The destination's gate (FORMATS.md section 12): may I act, and on what exactly?"""

import seamark_formats as f


def verify_delivery(delivery, trust, audience, now):
    """Returns {attempt, payload, handoff, handoffId, destination, contract, outcome, decisions, disclosures} or raises Refused. `now` is a timestamp text."""
    f.need(delivery["format"] == "seamark-delivery/v1", "not a delivery")
    f.need(delivery.get("outcome"), "there is no outcome")
    directory = f.Directory(delivery["directory"], f.un_b64url(trust["rootKey"]), now)
    handoff, keyid, handoff_digest = f.open_envelope(delivery["handoff"], directory.keys("handoff"))
    predicate = f.expect_type(handoff, "handoff")
    f.need(directory.subject_of(keyid)["kind"] == "gateway", "no gateway admitted the handoff")
    f.need(directory.valid_at(keyid, predicate["createdAt"]), "the gateway's key was not valid when it admitted the handoff")
    f.need(handoff["subject"][0]["digest"]["sha256"] == f.sha256_hex(f.canonical(predicate["payload"])), "the payload is not the one that was admitted")
    f.need(predicate["destination"]["audience"] == audience, "this is for another destination")
    contract = pinned_contract(delivery, predicate)
    entries = check_ledger(delivery, trust, predicate)
    cast = check_decisions(delivery, directory, predicate, handoff_digest, contract, entries)
    check_time(entries, now)
    outcome, counting = check_outcome(delivery, directory, predicate, handoff_digest, cast, entries, now)
    part = Part(entries, predicate, handoff_digest)
    part.check_complete([one["digest"] for one in cast], outcome["digest"])
    formed = recorded_as(entries, outcome["digest"], "outcome.formed")
    f.need(part.received["seq"] < formed["seq"] and part.next is None, "the outcome does not stand in its attempt")
    rebuilt, hidden = f.reconstruct(predicate, delivery["disclosures"])
    f.check_masks(predicate, rebuilt, hidden)
    return {
        "attempt": predicate["attempt"],
        "payload": rebuilt["payload"],
        "handoff": handoff_digest,
        "handoffId": predicate["handoffId"],
        "destination": predicate["destination"]["agent"],
        "contract": predicate["contract"],
        "outcome": outcome,
        "decisions": counting,
        "disclosures": [f.disclosure_digest(d) for d in delivery["disclosures"]],
    }


def pinned_contract(delivery, predicate):
    contract = delivery["contract"].encode()
    f.need(f.sha256_hex(contract) == predicate["contract"]["digest"]["sha256"], "the contract is not the one that the handoff pins")
    parsed = f.strict_json(contract)
    f.need((parsed["name"], parsed["version"]) == (predicate["contract"]["name"], predicate["contract"]["version"]), "the contract has another name")
    return parsed


def recorded_as(entries, digest, *types):
    """The one entry of these types about this object."""
    found = [entry for entry in entries if entry["object"] == digest and entry["type"] in types]
    f.need(len(found) == 1, f"the ledger has no single entry {types[0]} of it")
    return found[0]


class Cut(Exception):
    """Nothing is wrong with what is given; what would prove it came later."""


class Part:
    """The entries of one attempt: from its `handoff.received` up to the next one (section 11.2, step 7)."""

    def __init__(self, entries, predicate, handoff_digest):
        self.entries, self.received = entries, recorded_as(entries, handoff_digest, "handoff.received")
        begin = self.received["seq"]
        others = [one for one in entries if one["type"] == "handoff.received"]
        before = [one["object"] for one in others if one["seq"] < begin][-1:]
        named = [predicate["supersedes"]["sha256"]] if "supersedes" in predicate else []
        f.need(before == named, "the attempt does not stand after the one that it names")
        self.next = next((one for one in others if one["seq"] > begin), None)
        end = self.next["seq"] if self.next else float("inf")
        self.own = [one for one in entries if begin < one["seq"] < end]
        self.formed = next((one for one in self.own if one["type"] == "outcome.formed"), None)

    def check_complete(self, decisions, outcome):
        """No decision and no outcome was recorded in this attempt but those that are given."""
        for one in self.own:
            given = decisions if one["type"] == "decision.recorded" else [outcome] if one["type"] == "outcome.formed" else None
            f.need(given is None or one["object"] in given, f"the statement of entry {one['seq']} is not given")

    def check_ending(self, outcome, entry):
        """What has to be around the outcome."""
        before = [(one["type"], one["object"]) for one in self.own if one["seq"] < entry["seq"]]
        if outcome["outcome"] == "withdrawn":
            f.need(any(kind == "handoff.withdrawn" for kind, _ in before), "nobody withdrew it")
        if outcome["outcome"] != "superseded":
            f.need(self.next is None, "another attempt follows on an outcome that ended the handoff")
            return
        by = outcome["supersededBy"]["sha256"]
        if outcome["cause"] == "new-revision":
            f.need(("handoff.superseded", by) in before, "no entry says that there is a new revision")
        elif self.next is None:
            raise Cut("the entries end before the next attempt")
        f.need(self.next is None or self.next["object"] == by, "another attempt follows than the outcome says")

    def unmatched(self, kind, given):
        """(entry, how many other attempts had ended before it) of those whose statement is not given."""
        others, is_own, has_ended, found = 0, False, True, []
        for one in self.entries:
            if one["type"] == "handoff.received":
                is_own, has_ended = one is self.received, False
            elif one["type"] in ("outcome.formed", "handoff.passed"):
                others += not is_own and not has_ended
                has_ended = True
            elif one["type"] == kind and one["seq"] > self.received["seq"] and one["object"] not in given:
                found.append((one, others))
        return found

    def check_late(self, given):
        for one, others in self.unmatched("decision.late", given):
            f.need(others > 0, f"the late decision of entry {one['seq']} is not given")

    def check_reports(self, given):
        for number, (one, others) in enumerate(self.unmatched("execution.reported", given), 1):
            f.need(number <= others, f"the report of entry {one['seq']} is not given")

    def check_used(self, outcome_entry, report):
        uses = [one["seq"] for one in self.own if one["type"] == "attempt.consumed" and one["seq"] > outcome_entry["seq"]]
        f.need(len(uses) == 1 and uses[0] < report["seq"], "the attempt was not used up once before")


def check_time(entries, now):
    f.need(all(f.ms(one["at"]) <= f.ms(now) + f.SKEW_MS for one in entries), "an entry is from after the time that it is judged at")


def check_decisions(delivery, directory, predicate, handoff_digest, contract, entries):
    """Every decision as it was recorded, in ledger order (sections 6.2 and 11.2, step 8)."""
    f.need(len(delivery["views"]) == len(delivery["decisions"]), "there are not as many views as decisions")
    cast, last = [], -1
    for envelope, view in zip(delivery["decisions"], delivery["views"]):
        statement, keyid, digest = f.open_envelope(envelope, directory.keys("decision"))
        decision = f.expect_type(statement, "decision")
        entry = recorded_as(entries, digest, "decision.recorded", "decision.late")
        f.need(entry["seq"] > last and entry["actor"] == keyid, "a decision is not at its place in the ledger")
        last = entry["seq"]
        f.need(statement["subject"][0]["digest"]["sha256"] == handoff_digest, "a decision is about another handoff")
        f.need(decision["reviewer"]["keyid"] == keyid, "a decision names another key than the one that signed")
        f.need(decision["attempt"] == predicate["attempt"] and decision["audience"] == predicate["destination"]["audience"], "a decision is for another attempt or destination")
        f.need(decision["contract"] == predicate["contract"] and decision["policy"] == predicate["request"]["policy"], "a decision is under another contract or policy")
        check_reviewer(decision, directory, predicate, keyid, entry["at"])
        check_view(decision, view, predicate, handoff_digest, contract)
        check_times(decision, predicate, entry["at"])
        begin = recorded_as(entries, handoff_digest, "handoff.received")["seq"] if decision["view"]["disclosed"] else 0
        reveals = [one for one in entries if one["type"] == "disclosure.revealed" and one["actor"] == keyid and begin <= one["seq"] < entry["seq"]]
        f.need(len(reveals) >= len(decision["view"]["disclosed"]), "a decision names more revealed fields than were revealed")
        if entry["type"] == "decision.recorded":
            until = directory.holds_until(keyid, decision["reviewer"]["role"], entry["at"])
            conflict = is_party(decision, directory, predicate)
            cast.append({"decision": decision, "digest": digest, "at": entry["at"], "conflict": conflict, "until": until})
    return cast


def check_reviewer(decision, directory, predicate, keyid, at):
    reviewer, person = decision["reviewer"], directory.subject_of(keyid)
    f.need(directory.valid_at(keyid, at), "the key was not valid when the decision was recorded")
    f.need(person["kind"] == "person" and (person["id"], person["name"]) == (reviewer["id"], reviewer["name"]), "the key belongs to another person")
    f.need(reviewer["role"] in predicate["request"]["candidates"], "the reviewer's role may not decide this")
    f.need(any(role["role"] == reviewer["role"] and f.holds_at(role, at) for role in person["roles"]), "the reviewer did not have the role")


def check_view(decision, view, predicate, handoff_digest, contract):
    f.need(f.sha256_hex(f.canonical(view)) == decision["view"]["digest"]["sha256"], "a view is not the one that was signed")
    about = (view["handoff"]["sha256"], view["handoffId"], view["revision"], view["contract"], view["templateDigest"])
    said = (handoff_digest, predicate["handoffId"], predicate["revision"], predicate["contract"], predicate["action"]["templateDigest"])
    f.need(about == said, "a view is of another handoff")
    right = f.binding_members(predicate, contract)
    for name, told in f.binding_of(view).items():
        f.need(told == right[name], f"{name} of a view is not what handoff and contract say")
    f.check_disclosed(view["disclosed"], predicate, contract)
    f.need(decision["view"]["disclosed"] == view["disclosed"], "a decision names other revealed fields than the view")
    if decision["decision"] == "approve":
        needed = [one["id"] for one in right["evidence"] if one["required"] and right["tier"] >= "T2"]
        f.need(set(needed) <= set(decision["view"]["opened"]), "required evidence was not opened")
        confirmed = [(one["fact"], one["value"]) for one in decision.get("confirmed", [])]
        f.need(all((one["id"], one["value"]) in confirmed for one in right["facts"] if one["confirm"]), "a critical value was not confirmed")
    elif decision["decision"] == "reject":
        f.need(decision["reason"]["code"] in [one["code"] for one in right["rejectReasons"]], "a reason is none of the contract")
    else:
        f.need(decision["escalation"]["to"] in [*right["escalationTargets"], right["fallbackOwner"]], "it is handed on to somebody whom the contract does not name")


def check_times(decision, predicate, at):
    opened, decided, verified = (f.ms(text) for text in (decision["view"]["openedAt"], decision["decidedAt"], decision["auth"]["at"]))
    f.need(opened <= decided and verified <= decided, "a decision was signed before the view was opened or the person verified")
    f.need(opened >= f.ms(predicate["createdAt"]) - f.SKEW_MS, "a view was opened before the handoff was there")
    f.need(decided <= f.ms(at) + f.SKEW_MS, "a decision was made after it was recorded")
    f.need(decided <= verified + 15 * 60_000 + f.SKEW_MS, "the person was verified too long before")
    f.need(predicate["gate"]["tier"] < "T3" or verified >= opened - f.SKEW_MS, "the person was not verified for this decision")


def is_party(decision, directory, predicate):
    """Whether the reviewer asked for the action or answers for its agent, and so has no weight."""
    person, source = decision["reviewer"]["id"], predicate["source"]
    owners = [owner for agent in (source["agent"], source["submittedBy"]) for owner in directory.subjects.get(agent, {}).get("owners", [])]
    return person in (source.get("onBehalfOf"), predicate["intent"].get("author"), *owners)


def count(cast, predicate):
    """What the outcome has to say of the decisions, the windows of those that count, and how it ended (section 7.2)."""
    told, windows, persons, ending = [], [], {}, None
    for one in cast:
        decision, person = one["decision"], one["decision"]["reviewer"]["id"]
        for other, (place, window, until) in list(persons.items()):
            if until is not None and until <= one["at"]:
                told[place] = {**told[place], "counted": False, "why": "role"}
                windows.remove(window)
                del persons[other]
        f.need(ending is None and one["at"] < predicate["request"]["expiresAt"], "a decision counts after the end")
        why = "conflict" if one["conflict"] else "duplicate-person" if person in persons else None
        if why is None and decision["decision"] == "escalate":
            why, ending = "escalated", "superseded"
        elif why is None:
            persons[person] = (len(told), decision.get("constraints"), one["until"])
            if decision["decision"] == "reject":
                ending = "rejected"
            else:
                windows.append(decision["constraints"])
                ending = "approved" if len(windows) >= predicate["request"]["quorum"] else None
        entry = {"digest": {"sha256": one["digest"]}, "decision": decision["decision"], "reviewer": person, "counted": why is None}
        told.append(entry if why is None else {**entry, "why": why})
    return told, windows, ending


def check_outcome(delivery, directory, predicate, handoff_digest, cast, entries, now):
    statement, keyid, digest = f.open_envelope(delivery["outcome"], directory.keys("outcome"))
    outcome = f.expect_type(statement, "outcome")
    entry = recorded_as(entries, digest, "outcome.formed")
    f.need(statement["subject"][0]["digest"]["sha256"] == handoff_digest, "the outcome is about another handoff")
    f.need(outcome["formedBy"] == keyid == entry["actor"], "the outcome names another key than the one that signed")
    f.need(directory.valid_at(keyid, outcome["formedAt"]) and outcome["formedAt"] <= entry["at"], "the outcome was formed at another time")
    f.need(outcome["outcome"] == "approved", f"the outcome is {outcome['outcome']}, not approved")
    copied = ("handoffId", "revision", "attempt", "correlationId", "contract")
    f.need(all(outcome[name] == predicate[name] for name in copied), "the outcome is for another attempt")
    f.need(outcome["audience"] == predicate["destination"]["audience"] and outcome["policy"] == predicate["request"]["policy"], "the outcome is for another destination or policy")
    f.need(all(one["at"] <= outcome["formedAt"] for one in cast), "a decision was recorded after the outcome")
    told, windows, ending = count(cast, predicate)
    f.need(outcome["decisions"] == told and ending == "approved" and outcome["cause"] == "policy-met", "the outcome does not follow from the decisions")
    f.need(outcome["quorum"] == {"required": predicate["request"]["quorum"], "reached": len(windows)}, "the outcome counts otherwise")
    window = outcome["window"]
    f.need(window["notBefore"] == max(one["notBefore"] for one in windows), "the outcome widens the window")
    f.need(window["expiresAt"] == min(one["expiresAt"] for one in windows), "the outcome widens the window")
    f.need(f.ms(window["notBefore"]) <= f.ms(now) + f.SKEW_MS, "the approval does not hold yet")
    f.need(now < window["expiresAt"], "the approval has expired")
    return {"digest": digest, "id": outcome["outcomeId"]}, [one["digest"] for one in told if one["counted"]]


def check_ledger(delivery, trust, predicate):
    """The entries of this handoff, each included under the checkpoint, as one gapless chain (section 11.2, step 7)."""
    origin, size, root = f.open_checkpoint(delivery["checkpoint"], trust["ledgerVkey"])
    f.need(origin == trust["ledgerOrigin"], "the checkpoint is of another ledger")
    reference = f.sha256_hex(f.canonical([predicate["source"]["submittedBy"], predicate["handoffId"]]))
    entries, before = [], None
    for recorded in delivery["proofs"]:
        entry = recorded["entry"].encode()
        f.need(recorded["size"] == size, "a proof belongs to another checkpoint")
        f.check_inclusion(entry, recorded["seq"], size, [f.un_b64(h) for h in recorded["proof"]], root)
        parsed = f.strict_json(entry)
        f.need(parsed["seq"] == recorded["seq"] and parsed["origin"] == origin, "an entry stands in another place than it says")
        f.need(parsed["handoff"] == reference and parsed.get("prev") == before, "an entry is not the next one of this handoff")
        before = f.leaf_hash(entry).hex()
        entries.append(parsed)
    return entries


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
