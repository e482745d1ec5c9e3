"""A sample destination: acts on an approval exactly once (docs/FORMATS.md, section 12). No Seamark library.

The nine steps, each named where it is taken: 1 proof, 2 audience, 3 attempt, 4 window, 5 masks, 6 log, 7 use, 8 act, 9 report.
Whatever does not hold raises Refused, and then nothing is done.
"""

import json
import os
import tempfile

import seamark_formats as f
import seamark_http as http
import seamark_verify as verify


class Attempts:
    """One file for each fact, written once: NAME.used before the act, NAME.ended after it, NAME.sent when it is reported."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, attempt, what):
        return os.path.join(self.folder, f"{f.sha256_hex(attempt.encode())}.{what}")

    def write_once(self, attempt, what, fact):
        """True when this was the first. Brought to the disk beside its name, then linked to it: one wins, nothing is half."""
        handle, beside = tempfile.mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(fact, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(beside, self.path(attempt, what))
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def read(self, attempt, what):
        try:
            with open(self.path(attempt, what), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None


class Destination:
    """`settings` is the destination's own: {agent, audience, trust, contracts}; contracts as {name, version, digest}."""

    def __init__(self, settings, folder, agent=None, key=None):
        self.settings, self.attempts, self.agent, self.key = settings, Attempts(folder), agent, key
        if agent:
            agent.enrol_execution_key(settings["agent"], key)
            # What is done under a key that the root has not signed nobody could verify.
            agent.wait_until_signed(settings["trust"], f.key_id(key.public_key()))

    def look(self, delivery, now=None):
        """Steps 1 to 6. Uses nothing up."""
        trust, audience = self.settings["trust"], self.settings["audience"]
        # 1 proof, 2 audience, 4 window, 5 masks, 6 log.
        action = verify.verify_delivery(delivery, trust, audience, now or http.now_text())
        # 1 proof: the gateway's contract is one that this destination accepts.
        f.need(action["contract"] in self.settings["contracts"], "the contract is none that this destination accepts")
        # 3 attempt: mine, and not used here.
        f.need(action["destination"] == self.settings["agent"], "another agent is to act on it")
        f.need(self.attempts.read(action["attempt"], "used") is None, "the attempt was used here before")
        return action

    def walk(self, delivery, act):
        action = self.look(delivery)
        about = {name: action[name] for name in ("attempt", "handoff", "handoffId", "outcome", "decisions", "disclosures")}
        # 7 use: here first, so that of all who run here one goes on; then at the gateway, so that it can be proven.
        f.need(self.attempts.write_once(action["attempt"], "used", about), "the attempt was used here before")
        self.agent.post(f"/v1/handoffs/{action['handoffId']}/attempt", {"attempt": action["attempt"]})
        # 8 act: on the reconstructed payload alone, with the attempt as idempotency key.
        try:
            act(action["payload"], action["attempt"])
        except Exception:
            self.report(about, "failed", "action", "act-failed")
            raise
        # 9 report.
        return self.report(about, "executed")

    def report(self, about, result, phase=None, code=None):
        statement = verify.execution_statement(about, {"handoff": about["handoffId"]}, result, self.settings["agent"], http.now_text())
        if phase:
            statement["predicate"].update(phase=phase, code=code)
        # Kept before it is sent; what was kept first is what is sent, however often.
        self.attempts.write_once(about["attempt"], "ended", f.sign_envelope(statement, self.key))
        kept = self.attempts.read(about["attempt"], "ended")
        answer = self.agent.post(f"/v1/handoffs/{about['handoffId']}/result", kept)
        self.attempts.write_once(about["attempt"], "sent", answer)
        return answer

    def recover(self):
        """After a crash, while nothing else runs here: reports what is open as unknown, and never acts."""
        for name in sorted(os.listdir(self.attempts.folder)):
            stem, _, what = name.rpartition(".")
            if stem and what == "used" and not os.path.exists(os.path.join(self.attempts.folder, f"{stem}.sent")):
                with open(os.path.join(self.attempts.folder, name), encoding="utf-8") as file:
                    self.report(json.load(file), "failed", "unknown", "interrupted")
