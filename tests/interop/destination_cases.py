"""The sample destination of seamark_destination.py before everything that it has to refuse, and before its own crash.

Usage: destination_cases.py GATEWAY SOURCE_KEY DESTINATION_KEY INVITATION EXAMPLE.json DELIVERIES.json FOLDER
Prints the ids of handoffs by what was done with each; two are left for other destinations.
"""

import copy
import json
import multiprocessing
import os
import sys
import threading

import seamark_destination as sample
import seamark_formats as f
import seamark_http as http


def refused(why, walk):
    try:
        walk()
    except f.Refused as fault:
        f.need(why in str(fault), f"refused for another reason than {why!r}: {fault}")
        return
    raise f.Refused(f"accepted, although: {why}")


def check_vectors(path, folder):
    """Deliveries of a whole refund, and of a gateway that lies and signs its lies."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    settings = {"agent": vectors["agent"], "audience": vectors["audience"], "trust": vectors["trust"], "contracts": [vectors["contract"]]}
    good, now = vectors["deliveries"]["approved"], vectors["now"]

    def look(delivery, now=now, **other):
        return sample.Destination({**settings, **other}, folder).look(delivery, now)

    f.need(len(look(good)["payload"]["card"]["number"]) >= 13, "the hidden value is not in its place")
    refused("not approved", lambda: look(vectors["deliveries"]["rejected"]))
    refused("there is no outcome", lambda: look(vectors["deliveries"]["passed"]))
    refused("mask", lambda: look(vectors["deliveries"]["lying-mask"]))
    refused("another destination", lambda: look(good, audience="https://elsewhere.example"))
    refused("another agent", lambda: look(good, agent="urn:seamark:agent:offer-sender"))
    refused("none that this destination accepts", lambda: look(good, contracts=[{**vectors["contract"], "version": "9.0.0"}]))
    refused("has expired", lambda: look(good, "2026-11-22T07:00:00.000Z"))
    withheld = copy.deepcopy(good)
    withheld["disclosures"].pop()
    refused("undisclosed", lambda: look(withheld))
    swapped = {**good, "handoff": vectors["deliveries"]["lying-mask"]["handoff"]}
    refused("", lambda: look(swapped))


def approved(source, reviewer, example):
    """A new handoff that a person has approved."""
    handoff_id = http.uuid7()
    source.post("/v1/handoffs", dict(example, handoffId=handoff_id, submittedAt=http.now_text()))
    review = next(one for one in reviewer.reviews() if one["handoffId"] == handoff_id)
    reviewer.decide(review, "approve", {"code": "none", "text": "checked"})
    return handoff_id


def crash(gateway, key, settings, folder, delivery):
    """In a process of its own: uses the attempt and is gone before it knows what it did."""
    destination = sample.Destination(settings, folder, http.Agent(gateway, key), f.new_key())
    destination.walk(delivery, lambda payload, attempt: os._exit(9))


def main():
    gateway, source_key, key, code, example_path, vectors, folder = sys.argv[1:]
    check_vectors(vectors, os.path.join(folder, "vectors"))
    source, agent, reviewer = http.Agent(gateway, source_key), http.Agent(gateway, key), http.Reviewer(gateway, code)
    with open(example_path, encoding="utf-8") as file:
        example = json.load(file)
    ids = {name: approved(source, reviewer, example) for name in ("acted", "raced", "crashed", "sample", "program")}
    first = agent.outcome(ids["acted"])
    contract = json.loads(first["contract"])
    pinned = {"name": contract["name"], "version": contract["version"], "digest": {"sha256": f.sha256_hex(first["contract"].encode())}}
    executor = f"urn:seamark:agent:{contract['destination']['agent']}"
    settings = {"agent": executor, "audience": contract["destination"]["audience"], "trust": agent.get("/v1/trust"), "contracts": [pinned]}
    destination, done = sample.Destination(settings, os.path.join(folder, "python"), agent, f.new_key()), []

    def act(payload, attempt):
        done.append((payload, attempt))

    answer = destination.walk(first, act)
    f.need(answer["result"]["result"] == "executed" and done[0][0] == example["payload"], "not exactly the approved payload")
    refused("used here before", lambda: destination.walk(first, act))

    raced, refusals = agent.outcome(ids["raced"]), []

    def race():
        try:
            destination.walk(raced, act)
        except f.Refused as fault:
            refusals.append(fault)

    threads = [threading.Thread(target=race) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    f.need(len(done) == 2 and len(refusals) == 99, f"{len(done)} acts and {len(refusals)} refusals")

    crashed = agent.outcome(ids["crashed"])
    process = multiprocessing.get_context("spawn").Process(target=crash, args=(gateway, key, settings, os.path.join(folder, "python"), crashed))
    process.start()
    process.join()
    f.need(process.exitcode == 9, "the process was to crash")
    refused("used here before", lambda: destination.walk(crashed, act))
    destination.recover()
    result = agent.get(f"/v1/handoffs/{ids['crashed']}")["result"]
    f.need((result["result"], result["phase"], len(done)) == ("failed", "unknown", 2), f"after a crash nobody knows: {result}")

    # Another copy of this destination, without its memory: the gateway still says that the attempt is used.
    try:
        sample.Destination(settings, os.path.join(folder, "forgetful"), agent, destination.key).walk(first, act)
        raise f.Refused("the attempt could be used twice")
    except http.Problem as problem:
        f.need(problem.body["code"] == "attempt-consumed" and len(done) == 2, str(problem))
    print(json.dumps(ids))


if __name__ == "__main__":
    main()
