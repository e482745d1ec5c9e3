"""A LangGraph graph whose refund step goes through Seamark over plain HTTP. No model, no Seamark library.

The step submits a handoff and interrupts; the graph resumes only with an outcome that verifies, and refunds exactly
what was approved. Usage: refund_graph.py GATEWAY AGENT_KEY INVITATION INVITATION EXAMPLE.json approve|reject|forge|conflict|later

With `conflict` the first reviewer is the one for whom the refund is asked, rejects it, and has no weight; the second approves.
With `later` the approval holds only from 150 seconds on.
"""

import copy
import json
import sys
from typing import TypedDict

import seamark_formats as f
import seamark_http as http
import seamark_verify as verify
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict, total=False):
    order: dict
    handoff_id: str
    refunded: dict
    refused: str


def build(agent, example, trust, audience, executed):
    def submit(state):
        handoff = dict(example, handoffId=state["handoff_id"], submittedAt=http.now_text())
        # LangGraph runs an interrupted node again from its start, so submitting has a node of its own.
        answer = agent.post("/v1/handoffs", handoff)
        f.need(answer["status"] == "open", f"expected a gate, got {answer['status']}")
        return {}

    def refund(state):
        delivery = interrupt({"kind": "handoff", "handoffId": state["handoff_id"]})
        try:
            verified = verify.verify_delivery(delivery, trust, audience, http.now_text())
        except f.Refused as fault:
            return {"refused": str(fault)}
        agent.post(f"/v1/handoffs/{state['handoff_id']}/attempt", {"attempt": verified["attempt"]})
        executed.append(verified)
        return {"refunded": verified["payload"]}

    graph = StateGraph(State)
    graph.add_node("submit", submit)
    graph.add_node("refund", refund)
    graph.add_edge(START, "submit")
    graph.add_edge("submit", "refund")
    graph.add_edge("refund", END)
    return graph.compile(checkpointer=InMemorySaver())


def forged(delivery):
    """What somebody between gateway and agent would send: the outcome, signed with a key of their own."""
    fake = copy.deepcopy(delivery)
    fake["outcome"] = f.sign_envelope(f.strict_json(f.un_b64(fake["outcome"]["payload"])), f.new_key())
    return fake


def check_the_verifier(delivery, trust, audience):
    """What the verifier has to refuse, tried on a delivery that it accepts."""
    verify.verify_delivery(delivery, trust, audience, http.now_text())

    def refused(why, change=lambda fake: None, now=http.now_text(), to=audience):
        fake = copy.deepcopy(delivery)
        change(fake)
        try:
            verify.verify_delivery(fake, trust, to, now)
        except f.Refused as fault:
            f.need(why in str(fault), f"refused for another reason than {why!r}: {fault}")
            return
        raise f.Refused(f"accepted, although: {why}")

    refused("has expired", now=http.now_text(901))
    refused("another destination", to="https://elsewhere.example")
    refused("not the one that was signed", lambda fake: fake["views"][0].update(tier="T0"))
    refused("not the one that the handoff pins", lambda fake: fake.update(contract=fake["contract"].replace("PT4H", "PT9H")))
    refused("no single entry", lambda fake: fake.update(proofs=fake["proofs"][:-1]))
    refused("not as many views", lambda fake: fake["views"].clear())
    refused("undisclosed", lambda fake: fake["disclosures"].pop())


def main():
    gateway, key, code, second_code, example_path, mode = sys.argv[1:]
    agent = http.Agent(gateway, key)
    reviewer = http.Reviewer(gateway, code)
    trust = agent.get("/v1/trust")
    with open(example_path, encoding="utf-8") as file:
        example = json.load(file)
    if mode == "conflict":
        example["source"]["onBehalfOf"] = reviewer.person["id"]
    contract = agent.get(f"/v1/contracts/{example['contract']['name']}/{example['contract']['version']}")
    contract = contract if isinstance(contract, dict) else json.loads(contract)
    executed = []
    graph = build(agent, example, trust, contract["destination"]["audience"], executed)
    config = {"configurable": {"thread_id": "refund-1"}}
    handoff_id = http.uuid7()

    paused = graph.invoke({"handoff_id": handoff_id}, config)
    f.need(paused["__interrupt__"][0].value["handoffId"] == handoff_id, "the graph did not stop at the gate")
    f.need(agent.outcome(handoff_id, wait_s=0) is None, "there is an outcome before anybody decided")

    review = next(r for r in reviewer.reviews() if r["handoffId"] == handoff_id)
    raw = json.dumps(review, ensure_ascii=False)
    f.need(example["payload"]["card"]["number"] not in raw, "the reviewer received a raw card number")
    if mode == "conflict":
        own = reviewer.decide(review, "reject", {"code": "other", "text": "my own request"})
        f.need(own["decision"]["counted"] is False and own["decision"]["why"] == "conflict", f"the requester's reject counts: {own}")
        reviewer = http.Reviewer(gateway, second_code)
    kind = "reject" if mode == "reject" else "approve"
    answer = reviewer.decide(review, kind, {"code": "none" if kind == "approve" else "other", "text": "checked"}, holds_from_s=150 if mode == "later" else 0)
    f.need(answer["decision"]["counted"] is True, "the decision does not count")

    delivery = agent.outcome(handoff_id)
    f.need(delivery is not None, "no outcome within the wait")
    if mode == "forge":
        delivery = forged(delivery)
    if mode in ("approve", "conflict"):
        check_the_verifier(delivery, trust, contract["destination"]["audience"])
    done = graph.invoke(Command(resume=delivery), config)
    if mode in ("approve", "conflict"):
        f.need(done.get("refunded") == example["payload"], f"not exactly the approved payload was executed: {done}")
        report(agent, trust, handoff_id, executed[0], contract)
        try:
            agent.post(f"/v1/handoffs/{handoff_id}/attempt", {"attempt": executed[0]["attempt"]})
            raise f.Refused("the attempt could be used twice")
        except http.Problem as problem:
            f.need(problem.body["code"] == "attempt-consumed", str(problem))
    else:
        f.need("refunded" not in done and not executed, "money moved without a verified approval")
        f.need(done.get("refused"), "the refusal has no reason")
    if mode == "later":
        verified = verify.verify_delivery(delivery, trust, contract["destination"]["audience"], http.now_text(40))
        try:
            agent.post(f"/v1/handoffs/{handoff_id}/attempt", {"attempt": verified["attempt"]})
            raise f.Refused("the attempt could be used before its window")
        except http.Problem as problem:
            f.need(problem.body["code"] == "expired", str(problem))
    print(json.dumps({"mode": mode, "handoffId": handoff_id, "refunded": "refunded" in done, "refused": done.get("refused")}))


def report(agent, trust, handoff_id, verified, contract):
    executor = f"urn:seamark:agent:{contract['destination']['agent']}"
    key = f.new_key()
    agent.enrol_execution_key(executor, key)
    agent.wait_until_signed(trust, f.key_id(key.public_key()))
    statement = verify.execution_statement(verified, {"handoff": handoff_id}, "executed", executor, http.now_text())
    answer = agent.post(f"/v1/handoffs/{handoff_id}/result", f.sign_envelope(statement, key))
    f.need(answer["result"]["result"] == "executed", "the result was not recorded")


if __name__ == "__main__":
    main()
