import { describe, expect, it } from "vitest";

import { readDraft, writeDraft } from "../src/features/decision/draft";
import { placeOf, problemsOf } from "../src/features/decision/needs";
import { NO_ACKS, paneOf } from "../src/host/fake-data";
import { ackSteps } from "../src/lib/acks";
import { Keys, keyName } from "../src/lib/keys";
import { announcedMinute, clockTime, fullTime, remaining, shortTime } from "../src/lib/time";
import { parentOf, placeOf as placeInTree, visibleRows } from "../src/lib/tree";
import { nameOf } from "../src/lib/urn";
import { zoomed } from "../src/lib/zoom";
import { paths } from "../src/paths";
import { parseRoute } from "../src/routes";

const LONDON = { locale: "en-GB", timeZone: "Europe/London" };
const NOON = Date.parse("2026-07-01T11:00:00.000Z");

describe("moments", () => {
  it("are written in the zone and language that Rust names", () => {
    expect(clockTime("2026-07-01T11:00:00.000Z", LONDON)).toBe("12:00");
    expect(shortTime("2026-07-02T11:00:00.000Z", NOON, LONDON)).toBe("2 Jul, 12:00");
    expect(fullTime("2026-11-22T10:42:07.000Z", LONDON)).toBe("22 Nov 2026, 10:42:07");
  });

  it("survive a language or zone that is none, and a text that is no moment", () => {
    expect(clockTime("2026-07-01T11:00:00.000Z", { locale: "C", timeZone: "Mars/Olympus" })).toBe("11:00");
    expect(clockTime("soon", LONDON)).toBe("soon");
  });

  it("count down in whole minutes and grow urgent", () => {
    const at = (seconds: number) => remaining(new Date(NOON + seconds * 1000).toISOString(), NOON);
    expect(at(3_601).urgency).toBe("none");
    expect(at(3_600)).toMatchObject({ minutes: 60, urgency: "soon" });
    expect(at(301).urgency).toBe("soon");
    expect(at(300)).toMatchObject({ minutes: 5, urgency: "late" });
    expect(at(1).minutes).toBe(1);
    expect(at(-5).minutes).toBe(0);
  });

  it("are announced once each at 15, 5 and 1 minutes", () => {
    const said: number[] = [];
    for (let minute = 20; minute > 0; minute -= 1) {
      const step = announcedMinute(minute, minute - 1);
      if (step !== null) said.push(step);
    }
    expect(said).toEqual([15, 5, 1]);
    expect(announcedMinute(5, 0)).toBeNull();
  });
});

describe("places", () => {
  it.each([
    paths.inbox(),
    paths.inbox({ reviewId: "r 1/2", sheet: "approve", filter: "expiring", query: "a&b" }),
    paths.audit({ query: "x", outcome: "expired", contract: "refund.issue 1.2.0", page: 3 }),
    paths.record("r-1"),
    paths.settings("keyboard"),
    paths.setup("team"),
    paths.lock("#/audit/r-1"),
    paths.outbox(),
    paths.ledger(),
  ])("%s leads where it came from", (path) => {
    const route = parseRoute(path);
    const back = {
      inbox: () => (route.screen === "inbox" ? paths.inbox(route) : ""),
      audit: () => (route.screen === "audit" ? paths.audit(route) : ""),
      record: () => (route.screen === "record" ? paths.record(route.reviewId) : ""),
      settings: () => (route.screen === "settings" ? paths.settings(route.page) : ""),
      setup: () => (route.screen === "setup" ? paths.setup(route.step) : ""),
      lock: () => (route.screen === "lock" ? paths.lock(route.back) : ""),
      ledger: () => paths.ledger(),
      outbox: () => paths.outbox(),
    };
    expect(back[route.screen]()).toBe(path);
  });

  it("end in the inbox when nothing fits", () => {
    for (const hash of ["", "#", "#/nowhere", "#/%E0%A4%A"]) expect(parseRoute(hash).screen).toBe("inbox");
    expect(parseRoute("#/inbox/r-1/sign")).toMatchObject({ reviewId: "r-1", sheet: null });
  });
});

describe("keys", () => {
  const press = (key: string, more: KeyboardEventInit = {}) =>
    new KeyboardEvent("keydown", { key, cancelable: true, ...more });

  it("have one name each", () => {
    expect(keyName(press("A", { shiftKey: true }))).toBe("a");
    expect(keyName(press("l", { metaKey: true }))).toBe("ctrl+l");
    expect(keyName(press("F6", { shiftKey: true }))).toBe("shift+F6");
    expect(keyName(press("ф", { code: "KeyA" }))).toBe("a");
  });

  it("make a sequence only when the second follows soon", () => {
    let now = 0;
    const keys = new Keys(() => now);
    const done: string[] = [];
    keys.add([
      { keys: "g i", run: () => done.push("inbox") },
      { keys: "i", run: () => done.push("plain") },
    ]);
    keys.press(press("g"));
    keys.press(press("i"));
    keys.press(press("g"));
    now = 2_000;
    keys.press(press("i"));
    expect(done).toEqual(["inbox", "plain"]);
  });

  it("go to the newest layer, and to none when switched off", () => {
    const keys = new Keys();
    const done: string[] = [];
    keys.add([{ keys: "a", run: () => done.push("below") }]);
    const remove = keys.add([{ keys: "a", run: () => done.push("above") }]);
    keys.press(press("a"));
    remove();
    keys.press(press("a"));
    keys.singlesOn = () => false;
    keys.press(press("a"));
    expect(done).toEqual(["above", "below"]);
  });
});

describe("a tree", () => {
  const rows = [
    { depth: 0, path: "/a", kind: "object" },
    { depth: 1, path: "/a/b", kind: "array" },
    { depth: 2, path: "/a/b/0", kind: "string" },
    { depth: 1, path: "/a/c", kind: "string" },
    { depth: 0, path: "/d", kind: "null" },
  ];
  it("hides what lies in a closed row", () => {
    expect(visibleRows(rows, new Set())).toEqual([0, 1, 2, 3, 4]);
    expect(visibleRows(rows, new Set(["/a/b"]))).toEqual([0, 1, 3, 4]);
    expect(visibleRows(rows, new Set(["/a", "/a/b"]))).toEqual([0, 4]);
  });
  it("knows parents and places", () => {
    expect(rows.map((_, index) => parentOf(rows, index))).toEqual([-1, 0, 1, 0, -1]);
    expect(placeInTree(rows, 3)).toEqual({ position: 2, of: 2 });
    expect(placeInTree(rows, 4)).toEqual({ position: 2, of: 2 });
  });
});

describe("acknowledgements", () => {
  const names = (acks: Partial<typeof NO_ACKS>) => ackSteps({ ...NO_ACKS, ...acks }, (iso) => iso);
  it("claim nothing that has not happened", () => {
    expect(names({ savedAt: "10:00" }).map((step) => step.state)).toEqual(["done", "waiting", "waiting", "waiting"]);
  });
  it("say why a decision does not count, and that it failed", () => {
    expect(names({ savedAt: "1", recordedAt: "2", notCounted: "late" }).at(-1)).toEqual({
      name: "Not counted",
      at: "late",
      state: "failed",
    });
    expect(names({ executed: "Failed: card closed" }).at(-1)).toEqual({
      name: "Failed",
      at: "card closed",
      state: "failed",
    });
  });
});

describe("a decision", () => {
  const pane = paneOf("r-refund");
  const draft = { code: "", text: "", to: "", question: "" };
  const fields = (kind: "approve" | "reject" | "escalate", isPinNeeded = true) =>
    pane === null ? [] : problemsOf(pane, kind, { draft, confirmed: {}, pin: "", isPinNeeded }).map((one) => one.field);

  it("asks of each answer only what belongs to it", () => {
    expect(fields("approve")).toEqual(["confirm:f0", "text", "pin"]);
    expect(fields("reject")).toEqual(["code", "text", "pin"]);
    expect(fields("escalate", false)).toEqual(["to", "question"]);
  });

  it("keeps a draft for each answer, and reads whatever was stored", () => {
    const stored = writeDraft(writeDraft("", "reject", { ...draft, text: "no" }), "escalate", { ...draft, to: "ana" });
    expect(readDraft(stored, "reject").text).toBe("no");
    expect(readDraft(stored, "escalate").to).toBe("ana");
    for (const bad of ["", "null", "[]", "7", '{"reject":"x"}', '{"reject":{"text":5}}']) {
      expect(readDraft(bad, "reject")).toEqual(draft);
    }
  });

  it("shows a refusal where it can be mended", () => {
    expect(placeOf("pin-wrong", null)).toEqual({ field: "pin" });
    expect(placeOf("confirm-mismatch", "f0")).toEqual({ field: "confirm:f0" });
    expect(placeOf("view-changed", null)).toBe("review");
    expect(placeOf("storage-failed", null)).toBe("sheet");
  });
});

it("names and zooms", () => {
  expect(nameOf("urn:seamark:user:ana")).toBe("ana");
  expect(nameOf("deadline")).toBe("deadline");
  expect([zoomed(1, 1), zoomed(2, 1), zoomed(0.8, -1), zoomed(1.07, -1), zoomed(1.5, 0)]).toEqual([1.1, 2, 0.8, 1, 1]);
});
