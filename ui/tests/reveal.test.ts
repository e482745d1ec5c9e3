import { screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { VALUE } from "../src/host/fake-reveal";
import { decided, expectAccessible, open, openEvidence, openReview, type Page } from "./page";

const FIELD = "customer › email";
const button = (name: RegExp | string) => screen.getByRole("button", { name });
const revealButton = () => button(`Reveal ${FIELD}`);
const calls = ({ host }: Page, name: string) => host.calls.filter((call) => call.name === name);

async function reveal(page: Page): Promise<void> {
  await page.user.click(revealButton());
  const dialog = await screen.findByRole("dialog", { name: `Reveal ${FIELD}` });
  await page.user.click(within(dialog).getByRole("radio", { name: "Contact the person" }));
  await page.user.click(within(dialog).getByRole("button", { name: "Record and reveal" }));
}

describe("a masked field", () => {
  it("offers to be revealed only where the contract and the person's roles allow it", async () => {
    await openReview("r-refund");
    expect(screen.getAllByRole("button", { name: /^Reveal/ })).toEqual([revealButton()]);
    const row = revealButton().closest("[role='treeitem']");
    expect(row?.textContent).toContain("m•••@example.com");
    await expectAccessible();
  });

  it("asks for a purpose and says that it is recorded, before anything is revealed", async () => {
    const page = await openReview("r-refund");
    await page.user.click(revealButton());
    const dialog = await screen.findByRole("dialog", { name: `Reveal ${FIELD}` });
    expect(dialog.textContent).toContain("recorded before the value is shown");
    await expectAccessible();
    await page.user.click(within(dialog).getByRole("button", { name: "Record and reveal" }));
    expect(within(dialog).getByText("Choose what you need it for.")).toBeTruthy();
    await page.user.click(within(dialog).getByRole("radio", { name: "Something else" }));
    await page.user.click(within(dialog).getByRole("button", { name: "Record and reveal" }));
    expect(within(dialog).getByText("Say in a few words what you need it for.")).toBeTruthy();
    expect(calls(page, "revealField")).toEqual([]);
    await page.user.type(within(dialog).getByRole("textbox", { name: "In your own words" }), "an audit");
    await page.user.click(within(dialog).getByRole("button", { name: "Record and reveal" }));
    await screen.findByText(VALUE);
    expect(calls(page, "revealField").map((call) => call.request)).toEqual([
      { reviewId: "r-refund", path: "/payload/customer/email", purpose: "other", text: "an audit" },
    ]);
  });

  it("stands in its place with the time that is left, and the focus on masking it", async () => {
    const page = await openReview("r-refund");
    await reveal(page);
    const value = await screen.findByText(VALUE);
    const row = value.closest("[role='treeitem']");
    expect(row?.textContent).not.toContain("m•••@example.com");
    expect(screen.getByRole("timer").textContent).toMatch(/^masked again in (29|30) s$/);
    await waitFor(() => expect(document.activeElement).toBe(button(`Mask ${FIELD} now`)));
    await expectAccessible();
    await page.user.click(button(`Mask ${FIELD} now`));
    expect(screen.queryByText(VALUE)).toBeNull();
    expect(calls(page, "maskAgain").map((call) => call.request)).toEqual([
      { reviewId: "r-refund", path: "/payload/customer/email" },
    ]);
    await waitFor(() => expect(document.activeElement).toBe(revealButton()));
  });

  it("is masked again when its time is over", async () => {
    const page = await openReview("r-refund", "reveal-short");
    await reveal(page);
    await screen.findByText(VALUE);
    await waitFor(() => expect(screen.queryByText(VALUE)).toBeNull(), { timeout: 2_000 });
    expect(screen.getByText("m•••@example.com")).toBeTruthy();
    expect(calls(page, "maskAgain")).toHaveLength(1);
  });

  it("is masked again when the window loses the focus, also while the answer is on its way", async () => {
    const page = await openReview("r-refund");
    await reveal(page);
    await screen.findByText(VALUE);
    window.dispatchEvent(new Event("blur"));
    await waitFor(() => expect(screen.queryByText(VALUE)).toBeNull());
    await reveal(page);
    await waitFor(() => expect(calls(page, "revealedText")).toHaveLength(2));
    await waitFor(() => expect(calls(page, "maskAgain")).toHaveLength(2));
    expect(screen.queryByText(VALUE)).toBeNull();
    window.dispatchEvent(new Event("focus"));
    await reveal(page);
    await screen.findByText(VALUE);
  });

  it("is masked again when the core says so, as on lock", async () => {
    const page = await openReview("r-refund");
    await reveal(page);
    await screen.findByText(VALUE);
    page.host.emit("fieldsMasked", { reviewId: "r-offer" });
    expect(screen.getByText(VALUE)).toBeTruthy();
    page.host.emit("fieldsMasked", { reviewId: "r-refund" });
    await waitFor(() => expect(screen.queryByText(VALUE)).toBeNull());
  });

  it("is masked again when another review is opened, or its review ends", async () => {
    const page = await openReview("r-refund");
    await reveal(page);
    await screen.findByText(VALUE);
    location.hash = "#/inbox/r-offer";
    await waitFor(() => expect(screen.queryByText(VALUE)).toBeNull());
    expect(calls(page, "maskAgain").map((call) => call.request)).toEqual([{ reviewId: "r-refund", path: null }]);
  });

  it("is copied by Rust, which records it", async () => {
    const page = await openReview("r-refund");
    await reveal(page);
    await screen.findByText(VALUE);
    await page.user.click(button(`Copy ${FIELD}. This is recorded.`));
    await screen.findByText("Copied, and recorded");
    expect(calls(page, "copyRevealed")).toHaveLength(1);
    page.host.failNext("copyRevealed", "offline");
    await page.user.click(button(`Copy ${FIELD}. This is recorded.`));
    await screen.findByText(/^No connection\./);
    await expectAccessible();
  });

  it("is asked for and masked with the keyboard alone", async () => {
    const page = await openReview("r-refund");
    const row = revealButton().closest<HTMLElement>("[role='treeitem']");
    row?.focus();
    await page.user.keyboard("m");
    await screen.findByRole("dialog", { name: `Reveal ${FIELD}` });
    await page.user.click(button("Leave it masked"));
    await waitFor(() => expect(screen.queryByRole("dialog", { name: /Reveal/ })).toBeNull());
    row?.focus();
    await page.user.keyboard("{Enter}");
    await screen.findByRole("dialog", { name: `Reveal ${FIELD}` });
  });

  it("makes another view, and that one is decided", async () => {
    const page = await openReview("r-refund");
    await openEvidence(page);
    await reveal(page);
    await screen.findByText(VALUE);
    await page.user.click(button(/^Reject…/));
    await page.user.click(await screen.findByRole("radio", { name: /amount/i }));
    await page.user.type(document.getElementById("sheet-text") as HTMLElement, "Ten times the amount that was paid.");
    await page.user.type(document.getElementById("sheet-pin") as HTMLElement, "582914");
    await page.user.click(button(/^Sign and reject/));
    await waitFor(() => expect(decided(page.host)).toHaveLength(1));
    const plain = await page.host.openReview({ reviewId: "r-small" });
    expect(plain.status).toBe("ok");
    const now = await page.host.openReview({ reviewId: "r-refund" });
    expect(now.status === "ok" && now.data.view.disclosed).toHaveLength(1);
    expect(decided(page.host)[0]?.viewDigest).toBe(now.status === "ok" ? now.data.viewDigest : "");
  });
});

describe("what stands in the way of a reveal", () => {
  it.each([
    ["reveal-denied", "You may not read this field"],
    ["reveal-limited", "Too many fields in too short a time"],
    ["reveal-offline", "No connection"],
    ["reveal-over", "The deadline has passed"],
    ["reveal-mismatch", "The value does not fit what was signed"],
  ])("is said in words: %s", async (scenario, title) => {
    const page = await openReview("r-refund", scenario);
    await reveal(page);
    const dialog = screen.getByRole("dialog", { name: `Reveal ${FIELD}` });
    const alert = await within(dialog).findByRole("alert");
    expect(alert.textContent).toContain(title);
    expect(screen.queryByText(VALUE)).toBeNull();
    const again = button("Record and reveal");
    expect(again.getAttribute("aria-disabled")).toBe(scenario === "reveal-mismatch" ? "true" : null);
    await expectAccessible();
  });
});

describe("a record", () => {
  it("says who read which field, for which purpose, and whether it was copied", async () => {
    await open("#/audit/r-done");
    const section = await screen.findByRole("region", { name: "Revealed fields" });
    expect(section.textContent).toContain("customer › email");
    expect(section.textContent).toContain("Contact the person");
    await expectAccessible();
  });
});
