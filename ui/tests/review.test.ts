import { screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { appState } from "../src/host/fake-data";
import type { ReviewChange } from "../src/host/host";
import { expectAccessible, open, openEvidence, openReview } from "./page";

const names = (elements: HTMLElement[]) => elements.map((element) => element.textContent.trim());

const change = (kind: ReviewChange["kind"], text: string): ReviewChange => ({
  kind,
  text,
  meaning: "Nothing is left to do.",
  newReviewId: null,
  diff: [],
});

describe("the review pane", () => {
  it("puts the facts in their order and the narrative last", async () => {
    await openReview("r-refund");
    const main = screen.getByRole("main", { name: "Review" });
    expect(names(within(main).getAllByRole("heading", { level: 2 }))).toEqual([
      "What happens",
      "Compare",
      "Why a person is needed",
      "Evidence",
      "Machine payload, masked",
      "In the customer’s own words",
      "How it got here",
      "Limits and task state",
      "About this handoff",
      "Written by order-desk 2.3.1, not verified",
    ]);
    await expectAccessible();
  });

  it("says what each answer leads to, also none", async () => {
    await openReview("r-refund");
    const table = screen.getByRole("table");
    expect(names(within(table).getAllByRole("rowheader"))).toEqual(["Approve", "Reject", "Escalate", "No answer"]);
    expect(table.textContent).toContain("At 10:54 it is rejected. No money moves.");
  });

  it("says a difference in words, not in colour alone", async () => {
    await openReview("r-refund");
    const compare = screen.getByRole("region", { name: "Compare" });
    const words = within(compare).getAllByText(/^(Agrees|Differs|Cannot be compared)\.$/);
    expect(names(words)).toEqual(["Differs.", "Differs.", "Agrees.", "Cannot be compared."]);
    expect(within(compare).getByText("EUR 1,280.00")).toBeTruthy();
  });

  it("says beside the fact that a name only looks like a known one, and nowhere else", async () => {
    await openReview("r-offer");
    const compare = screen.getByRole("region", { name: "Compare" });
    const said = within(compare).getByText(/looks like a value that was approved/);
    expect(said.closest(".fact")?.textContent).toContain("Northwind Freight GmbH");
    expect(screen.getAllByText(/looks like a value that was approved/)).toHaveLength(1);
    expect(within(compare).getByText(/No handoff with this value/)).toBeTruthy();
    await expectAccessible();
  });

  it("says what is wrong only of a rule that is broken, and names those that are kept", async () => {
    await openReview("r-refund");
    const rules = screen.getByRole("region", { name: "Why a person is needed" });
    const [broken, unchecked, kept] = within(rules).getAllByText(/^(Broken|Not checked|Kept)$/);
    expect(broken?.closest("li")?.textContent).toContain("The refund is more than was paid (EUR 128.00).");
    expect(unchecked?.closest("li")?.textContent).toContain("could not be read");
    expect(kept?.closest("li")?.textContent.trim()).toBe("Kept 2 rules kept: currency known, customer of the order");
    expect(rules.textContent).not.toContain("belongs to another customer");
  });

  it("counts required evidence as it is opened and tells Rust", async () => {
    const page = await openReview("r-refund");
    expect(screen.getByText("0 of 2 required pieces of evidence opened")).toBeTruthy();
    const approve = screen.getByRole("button", { name: /^Approve…/ });
    expect(approve.getAttribute("aria-disabled")).toBe("true");
    const why = document.getElementById(approve.getAttribute("aria-describedby") ?? "");
    expect(why?.textContent).toContain("Open the required evidence first.");
    await openEvidence(page);
    expect(page.host.calls.filter((call) => call.name === "noteOpened").map((call) => call.request)).toEqual([
      { reviewId: "r-refund", evidenceId: "order_lookup" },
      { reviewId: "r-refund", evidenceId: "return_scan" },
    ]);
    await waitFor(() => expect(approve.getAttribute("aria-disabled")).toBeNull());
    await expectAccessible();
  });

  it("shows masks, and nothing that reveals a field which nobody may read", async () => {
    await openReview("r-refund");
    const tree = screen.getByRole("tree", { name: "Machine payload, masked" });
    expect(within(tree).getByText("m•••@example.com")).toBeTruthy();
    expect(within(tree).getByText("middle digits hidden")).toBeTruthy();
    const card = within(tree).getByText("411111••••••4242").closest("[role='treeitem']");
    expect(card?.querySelector("button")).toBeNull();
  });

  it("folds and walks the tree with the arrow keys", async () => {
    const { user } = await openReview("r-refund");
    const tree = screen.getByRole("tree", { name: "Machine payload, masked" });
    const items = () => within(tree).getAllByRole("treeitem");
    const all = items().length;
    const customer = within(tree).getByRole("treeitem", { name: /^customer/ });
    expect(customer.getAttribute("aria-level")).toBe("1");
    expect(customer.getAttribute("aria-posinset")).toBe("4");
    customer.focus();
    await user.keyboard("{ArrowLeft}");
    expect(items()).toHaveLength(all - 3);
    expect(customer.getAttribute("aria-expanded")).toBe("false");
    await user.keyboard("{ArrowRight}{ArrowRight}");
    expect(document.activeElement?.textContent).toContain("c-20811");
    await user.keyboard("{ArrowLeft}");
    expect(document.activeElement).toBe(customer);
    await user.keyboard("{End}");
    expect(document.activeElement?.textContent).toContain("coupon");
  });

  it("keeps the agent's words folded, fenced and plain", async () => {
    const { user } = await openReview("r-refund");
    const region = screen.getByRole("region", { name: "Written by order-desk 2.3.1, not verified" });
    expect(region.textContent).not.toContain("URGENT");
    expect(within(region).getByText(/Invisible characters stand in this text/)).toBeTruthy();
    await user.click(within(region).getByRole("button", { name: "Read it" }));
    expect(within(region).getByText(/URGENT.*\[U\+200B\]/)).toBeTruthy();
  });

  it("shows what was lost on the way and who asked by escalation", async () => {
    await openReview("r-refund");
    const chain = screen.getByRole("region", { name: "How it got here" });
    expect(within(chain).getByText("Lost on the way: “refund to the original card only”")).toBeTruthy();
    expect(within(chain).getByText("You")).toBeTruthy();
  });

  it("puts an escalated question under the ask", async () => {
    await openReview("r-offer");
    expect(screen.getByText("Is the notice period of 90 days ours or theirs?")).toBeTruthy();
    expect(screen.getByText("revision 2")).toBeTruthy();
  });

  it("reads a text file only when asked", async () => {
    const { user, host } = await openReview("r-refund");
    await user.click(screen.getByRole("button", { name: /return-label\.txt/ }));
    expect(host.calls.some((call) => call.name === "artifactText")).toBe(false);
    await user.click(screen.getByRole("button", { name: "Show the text of the file" }));
    expect(await screen.findByText(/Parcel RT-5518/)).toBeTruthy();
  });

  it("says when a handoff is not there", async () => {
    await open("#/inbox/r-missing");
    expect(await screen.findByText("This handoff could not be opened")).toBeTruthy();
    await expectAccessible();
  });

  it("cannot be decided when it cannot be verified", async () => {
    await openReview("r-unverified");
    const alert = screen.getByText("This handoff cannot be verified").closest("[role='alert']");
    expect(alert?.textContent).toContain("Nothing can be signed about it: no approval, no rejection, no escalation.");
    for (const name of [/^Approve…/, /^Reject…/, /^Escalate…/])
      expect(screen.getByRole("button", { name }).getAttribute("aria-disabled")).toBe("true");
  });

  it.each([
    ["r-expired", "The deadline passed at 10:38 without an answer."],
    ["r-decided", "Ana Duarte approved this at 10:31, before you."],
  ])("is read-only when it is over: %s", async (reviewId, text) => {
    await openReview(reviewId);
    expect(screen.getByText(text)).toBeTruthy();
    expect(screen.queryByRole("button", { name: /^(Reject|Escalate|Approve)…/ })).toBeNull();
    expect(screen.getByRole("link", { name: "See its record" })).toBeTruthy();
    await expectAccessible();
  });
});

describe("what happens meanwhile", () => {
  it("a change makes the pending decision void and shows before and after", async () => {
    const { host, user } = await openReview("r-refund");
    await user.click(screen.getByRole("button", { name: /^Reject…/ }));
    const sheet = await screen.findByRole("dialog", { name: /^You reject/ });
    await user.type(within(sheet).getByRole("textbox", { name: "What should change" }), "Use the first card.");
    host.changeReview("r-refund", {
      kind: "changed",
      text: "order-desk sent a revision.",
      meaning: "Judge the new version.",
      newReviewId: "r-refund2",
      diff: [{ label: "Amount", before: "EUR 1,280.00", after: "EUR 640.00" }],
    });
    const dialog = await screen.findByRole("alertdialog", { name: "This handoff changed while you looked at it" });
    expect(screen.queryByRole("dialog", { name: /^You reject/ })).toBeNull();
    expect(within(dialog).getByText("EUR 1,280.00").tagName).toBe("DEL");
    expect(within(dialog).getByText("EUR 640.00").tagName).toBe("INS");
    expect(document.activeElement?.tagName).toBe("H2");
    const draft = host.calls.findLast((call) => call.name === "saveDraft")?.request;
    expect(JSON.stringify(draft)).toContain("Use the first card.");
    expect(screen.getByTestId("live-alert").textContent).toBe("order-desk sent a revision. Judge the new version.");
    await expectAccessible();
    await user.click(within(dialog).getByRole("button", { name: "Open the new version" }));
    await waitFor(() => expect(location.hash).toBe("#/inbox/r-refund2"));
  });

  it("staying with the old version keeps it to be read only, and D shows the change again", async () => {
    const { host, user } = await openReview("r-refund");
    host.changeReview("r-refund", change("changed", "A revision came."));
    await user.click(await screen.findByRole("button", { name: "Stay here" }));
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect(screen.queryByRole("button", { name: /^(Reject|Escalate|Approve)…/ })).toBeNull();
    await user.keyboard("d");
    expect(await screen.findByRole("alertdialog")).toBeTruthy();
  });

  it.each(["expired", "decided", "withdrawn"] as const)(
    "%s: told at once, and nothing can be decided",
    async (kind) => {
      const { host, user } = await openReview("r-refund");
      await user.click(screen.getByRole("button", { name: /^Reject…/ }));
      await screen.findByRole("dialog", { name: /^You reject/ });
      host.changeReview("r-refund", change(kind, `It is ${kind} now.`));
      const title = await screen.findByText(`It is ${kind} now.`, { selector: ".title" });
      expect(title.closest(".notice")?.textContent).toContain("Nothing is left to do.");
      expect(screen.getByTestId("live-alert").textContent).toBe(`It is ${kind} now. Nothing is left to do.`);
      // The sheet took the focus with it; it goes to the ask, not to nowhere.
      await waitFor(() => expect(document.activeElement?.tagName).toBe("H1"));
      expect(screen.queryByRole("dialog")).toBeNull();
      expect(screen.queryByRole("button", { name: /^(Reject|Escalate|Approve)…/ })).toBeNull();
      await user.keyboard("ru");
      expect(screen.queryByRole("dialog")).toBeNull();
    },
  );

  it("is over at its deadline by the clock, as soon as Rust says so, and that is announced", async () => {
    const { host } = await openReview("r-refund");
    const text = "The deadline passed at 10:54 without an answer.";
    const past = { ...appState(), now: "2026-11-22T10:54:01.000Z" };
    host.emit("appState", past);
    // By the clock alone nothing ends: the host still calls it open.
    await waitFor(() => expect(host.calls.filter((call) => call.name === "openReview").length).toBeGreaterThan(1));
    expect(screen.getByRole("button", { name: /^Reject…/ })).toBeTruthy();
    host.endQuietly("r-refund", { ...change("expired", text) });
    host.emit("appState", { ...past, now: "2026-11-22T10:54:03.000Z" });
    expect(await screen.findByText(text, { selector: ".title" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: /^(Reject|Escalate|Approve)…/ })).toBeNull();
    expect(screen.getByTestId("live-alert").textContent).toBe(`${text} Nothing is left to do.`);
  });

  it("what happens to another item changes nothing here", async () => {
    const { host } = await openReview("r-refund");
    host.changeReview("r-offer", change("expired", "It is over."));
    await Promise.resolve();
    expect(screen.getByRole("button", { name: /^Reject…/ })).toBeTruthy();
  });
});
