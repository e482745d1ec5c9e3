import { screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { paneOf } from "../src/host/fake-data";
import type { AppErrorCode } from "../src/host/host";
import { t } from "../src/messages/en";
import { decided, expectAccessible, openEvidence, openReview, type Page } from "./page";

const sheet = (name: RegExp) => screen.findByRole("dialog", { name });

async function approveSheet(): Promise<{ page: Page; dialog: HTMLElement }> {
  const page = await openReview("r-refund");
  await openEvidence(page);
  const approve = screen.getByRole("button", { name: /^Approve…/ });
  await waitFor(() => expect(approve.getAttribute("aria-disabled")).toBeNull());
  await page.user.click(approve);
  return { page, dialog: await sheet(/^You approve the refund of EUR 1,280.00/) };
}

async function fill(
  dialog: HTMLElement,
  { user }: Page,
  { amount = "EUR 1,280.00", pin = "246810" } = {},
): Promise<void> {
  const within_ = within(dialog);
  await user.type(within_.getByRole("textbox", { name: "Type: Amount" }), amount);
  await user.type(within_.getByRole("textbox", { name: "Reason" }), "Amount and card are those of the order.");
  await user.type(within_.getByLabelText("Signing PIN"), pin);
}

describe("the three answers", () => {
  it("have the same size, the same order and no focus", async () => {
    await openReview("r-refund");
    const bar = screen.getByRole("region", { name: "Decide" });
    const buttons = within(bar).getAllByRole("button", { name: /…/ });
    expect(buttons.map((button) => button.textContent.trim().split("…")[0])).toEqual(["Reject", "Escalate", "Approve"]);
    expect(new Set(buttons.map((button) => button.className)).size).toBe(1);
    expect(buttons.map((button) => button.getAttribute("aria-keyshortcuts"))).toEqual(["R", "U", "A"]);
    expect(buttons).not.toContain(document.activeElement);
    expect(bar.querySelector("[autofocus], .sign")).toBeNull();
  });

  it("take no click while the pane has only just changed its item", async () => {
    const page = await openReview("r-refund");
    location.hash = "#/inbox/r-article";
    await screen.findByRole("heading", { level: 1, name: /^Publish the article/ });
    await page.user.click(screen.getByRole("button", { name: /^Reject…/ }));
    await page.user.keyboard("r");
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

describe("the decision sheet", () => {
  it("restates the sentence, its fingerprint and what follows, and focuses none of its buttons", async () => {
    const { dialog } = await approveSheet();
    expect(within(dialog).getByText(/7f3a 91c2 harbour lantern moss/)).toBeTruthy();
    expect(dialog.textContent).toContain("refund-executor 3.0.1 sends EUR 1,280.00 today. It cannot be called back.");
    expect(dialog.textContent).toContain("Robin Reyes, refund-reviewer, with key bbe3 bf2c");
    expect(document.activeElement?.tagName).toBe("H2");
    expect(screen.queryByRole("listbox", { name: "Handoffs" })).toBeNull();
    expect(screen.getByRole("region", { name: "Compare" })).toBeTruthy();
    await expectAccessible();
  });

  it("passes exactly the digest that was shown", async () => {
    const { page, dialog } = await approveSheet();
    await fill(dialog, page);
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve the refund of EUR 1,280.00/ }));
    expect(await screen.findByText("Decided.")).toBeTruthy();
    expect(decided(page.host)).toEqual([
      {
        reviewId: "r-refund",
        viewDigest: paneOf("r-refund")?.viewDigest,
        decision: "approve",
        reason: { code: "none", text: "Amount and card are those of the order." },
        escalation: null,
        confirmed: [{ fact: "f0", value: "EUR 1,280.00" }],
        pin: "246810",
      },
    ]);
  });

  it("says the four acknowledgements only as they come true, then goes on to the next", async () => {
    const { page, dialog } = await approveSheet();
    await fill(dialog, page);
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    const list = await screen.findByRole("list", { name: "How far the decision has come" });
    await waitFor(() => expect(list.textContent).toContain("Executed"));
    expect(list.textContent).toMatch(/Saved here.*Recorded.*Counted.*Delivered.*Executed/);
    const next = screen.getByRole("link", { name: /^Decided. Next: Send contract offer/ });
    await waitFor(() => expect(document.activeElement).toBe(next));
    expect(screen.getByTestId("live-status").textContent).toContain("refund-executor reported it as executed.");
    await expectAccessible();
  });

  it("stays at Saved here when it is offline", async () => {
    const page = await openReview("r-article", "offline");
    await page.user.click(screen.getByRole("button", { name: /^Approve…/ }));
    const dialog = await sheet(/^You approve/);
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810");
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    const list = await screen.findByRole("list", { name: "How far the decision has come" });
    expect(list.textContent).toMatch(/Saved here\s*10:43.*Recorded\s*not yet.*Counted\s*not yet.*Delivered\s*not yet/);
  });

  it("lists what is missing, linked to its field", async () => {
    const { page, dialog } = await approveSheet();
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    const alert = within(dialog).getByRole("alert");
    expect(
      within(alert)
        .getAllByRole("button")
        .map((button) => button.textContent),
    ).toEqual(["Type the value of “Amount”.", "Write a reason of at least 15 characters.", "Enter your signing PIN."]);
    await page.user.click(within(alert).getByRole("button", { name: "Enter your signing PIN." }));
    expect(document.activeElement).toBe(within(dialog).getByLabelText("Signing PIN"));
    expect(decided(page.host)).toEqual([]);
    await expectAccessible();
  });

  it("no longer complains about what was filled in since", async () => {
    const { page, dialog } = await approveSheet();
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810");
    expect(within(dialog).queryByText("Enter your signing PIN.")).toBeNull();
    await page.user.clear(within(dialog).getByLabelText("Signing PIN"));
    expect(within(dialog).getByRole("button", { name: "Enter your signing PIN." })).toBeTruthy();
    await fill(dialog, page);
    expect(within(dialog).queryByRole("alert")).toBeNull();
  });

  it("says at the PIN that it is wrong, empties it, and keeps the rest", async () => {
    const { page, dialog } = await approveSheet();
    await fill(dialog, page, { pin: "000000" });
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    const pin = within(dialog).getByLabelText<HTMLInputElement>("Signing PIN");
    await waitFor(() => expect(pin.getAttribute("aria-invalid")).toBe("true"));
    expect(pin.value).toBe("");
    expect(pin.type).toBe("password");
    expect(within(dialog).getByRole<HTMLInputElement>("textbox", { name: "Type: Amount" }).value).toBe("EUR 1,280.00");
  });

  it("takes a long passphrase whole", async () => {
    const { page, dialog } = await approveSheet();
    const pin = "tern over grey water, and a second one behind it";
    await fill(dialog, page, { pin });
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    await waitFor(() => expect(decided(page.host)).toHaveLength(1));
    expect(decided(page.host)[0]).toMatchObject({ pin });
  });

  it("says at the typed value that it is not the one shown", async () => {
    const { page, dialog } = await approveSheet();
    await fill(dialog, page, { amount: "EUR 128.00" });
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    const field = within(dialog).getByRole("textbox", { name: "Type: Amount" });
    await waitFor(() => expect(field.getAttribute("aria-invalid")).toBe("true"));
  });

  it("rejects with a reason and what should change", async () => {
    const page = await openReview("r-refund");
    await page.user.click(screen.getByRole("button", { name: /^Reject…/ }));
    const dialog = await sheet(/^You reject/);
    await page.user.click(within(dialog).getByRole("radio", { name: "Wrong payee" }));
    await page.user.type(
      within(dialog).getByRole("textbox", { name: "What should change" }),
      "Use the card of the order.",
    );
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810");
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and reject/ }));
    await screen.findByText("Decided.");
    const [request] = decided(page.host);
    expect(request?.reason).toEqual({ code: "wrong-payee", text: "Use the card of the order." });
    expect(request?.confirmed).toEqual([]);
  });

  it("escalates to somebody with a question", async () => {
    const page = await openReview("r-refund");
    await page.user.click(screen.getByRole("button", { name: /^Escalate…/ }));
    const dialog = await sheet(/^You escalate/);
    await page.user.click(within(dialog).getByRole("radio", { name: "finance-oncall" }));
    await page.user.type(within(dialog).getByRole("textbox", { name: "Your question" }), "Is this card known?");
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810");
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and escalate/ }));
    await screen.findByText("Decided.");
    expect(decided(page.host)[0]?.escalation).toEqual({ to: "finance-oncall", question: "Is this card known?" });
  });

  it("asks for no PIN below T3 while the key is unlocked", async () => {
    const page = await openReview("r-article", "unlocked");
    await page.user.click(screen.getByRole("button", { name: /^Approve…/ }));
    const dialog = await sheet(/^You approve/);
    expect(within(dialog).queryByLabelText("Signing PIN")).toBeNull();
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    await screen.findByText("Decided.");
    expect(decided(page.host)[0]?.pin).toBeNull();
  });

  it("cannot sign while the keyring is locked, and tries again", async () => {
    const page = await openReview("r-article", "keyring-locked");
    await page.user.click(screen.getByRole("button", { name: /^Approve…/ }));
    const dialog = await sheet(/^You approve/);
    expect(within(dialog).getByText("Your keyring is locked, so nothing can be signed.")).toBeTruthy();
    const sign = within(dialog).getByRole("button", { name: /^Sign and approve/ });
    expect(sign.getAttribute("aria-disabled")).toBe("true");
    await page.user.click(within(dialog).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(sign.getAttribute("aria-disabled")).toBeNull());
  });

  it("keeps what was typed when it is closed, but never the PIN", async () => {
    const page = await openReview("r-refund");
    await page.user.click(screen.getByRole("button", { name: /^Reject…/ }));
    const dialog = await sheet(/^You reject/);
    await page.user.type(within(dialog).getByRole("textbox", { name: "What should change" }), "Half of it.");
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810");
    await page.user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    const kept = JSON.stringify(page.host.calls.findLast((call) => call.name === "saveDraft")?.request);
    expect(kept).toContain("Half of it.");
    expect(kept).not.toContain("246810");
    await waitFor(() => expect(document.activeElement?.textContent).toContain("Reject…"));
    await page.user.click(screen.getByRole("button", { name: /^Reject…/ }));
    const again = within(await sheet(/^You reject/)).getByRole<HTMLTextAreaElement>("textbox", {
      name: "What should change",
    });
    expect(again.value).toBe("Half of it.");
  });

  const codes = Object.keys(t.errorTitle) as AppErrorCode[];
  it.each(codes)("says what to do when the host refuses with %s", async (code) => {
    const page = await openReview("r-article", "unlocked");
    await page.user.click(screen.getByRole("button", { name: /^Approve…/ }));
    const dialog = await sheet(/^You approve/);
    page.host.failNext("decide", code);
    await page.user.click(within(dialog).getByRole("button", { name: /^Sign and approve/ }));
    await waitFor(() => expect(within(dialog).getAllByRole("alert").length).toBeGreaterThan(0));
    expect(dialog.textContent).toContain(`This is how “${code}” reads`);
    expect(screen.queryByText("Decided.")).toBeNull();
  });
});
