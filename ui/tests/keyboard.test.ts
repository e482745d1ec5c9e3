import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { decided, open, openEvidence, openReview, pastDeadTime } from "./page";

const focused = () => document.activeElement?.textContent?.trim() ?? "";

describe("the keyboard", () => {
  it("walks the list with J, K and arrows, and opens with Enter; nothing else decides there", async () => {
    const { user, host } = await open("#/inbox");
    const [first] = await screen.findAllByRole("option");
    first?.focus();
    await user.keyboard("j");
    expect(focused()).toContain("Northwind");
    await user.keyboard("{ArrowDown}k{ArrowUp}");
    expect(focused()).toContain("Refund EUR 1,280.00");
    await user.keyboard("aru");
    expect(screen.queryByRole("dialog")).toBeNull();
    await user.keyboard("j{Enter}");
    const heading = await screen.findByRole("heading", { level: 1, name: /Northwind Freight\?$/ });
    expect(location.hash).toBe("#/inbox/r-offer");
    await waitFor(() => expect(document.activeElement).toBe(heading));
    await pastDeadTime();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(location.hash).toBe("#/inbox"));
    expect(host.calls.some((call) => call.name === "decide")).toBe(false);
  });

  it.each([
    ["a", /^You approve/],
    ["r", /^You reject/],
    ["u", /^You escalate/],
  ])("%s opens its sheet and decides nothing", async (key, name) => {
    const page = await openReview("r-refund");
    await openEvidence(page);
    screen.getByRole("heading", { level: 1, name: /^Issue/ }).focus();
    await waitFor(() =>
      expect(screen.getByRole("button", { name: /^Approve…/ }).getAttribute("aria-disabled")).toBeNull(),
    );
    await page.user.keyboard(key);
    expect(await screen.findByRole("dialog", { name })).toBeTruthy();
    expect(decided(page.host)).toEqual([]);
  });

  it("takes no key that is held down", async () => {
    await openReview("r-refund");
    await fireEvent.keyDown(document.body, { key: "r", code: "KeyR", repeat: true });
    expect(screen.queryByRole("dialog")).toBeNull();
    await fireEvent.keyDown(document.body, { key: "r", code: "KeyR" });
    expect(await screen.findByRole("dialog")).toBeTruthy();
  });

  it("Ctrl+Enter goes to the sign button and never signs", async () => {
    const page = await openReview("r-article", "unlocked");
    await page.user.keyboard("a");
    const dialog = await screen.findByRole("dialog");
    await page.user.keyboard("{Control>}{Enter}{/Control}");
    const sign = within(dialog).getByRole("button", { name: /^Sign and approve/ });
    expect(document.activeElement).toBe(sign);
    expect(decided(page.host)).toEqual([]);
    const held = new KeyboardEvent("keydown", { key: "Enter", repeat: true, bubbles: true, cancelable: true });
    sign.dispatchEvent(held);
    expect(held.defaultPrevented).toBe(true);
  });

  it("Enter in a field of the sheet signs nothing", async () => {
    const page = await openReview("r-article");
    await page.user.keyboard("r");
    const dialog = await screen.findByRole("dialog");
    await page.user.type(within(dialog).getByLabelText("Signing PIN"), "246810{Enter}");
    expect(decided(page.host)).toEqual([]);
  });

  it("goes to sections by number, to evidence by V, and to places by G", async () => {
    const { user, host } = await openReview("r-refund");
    await user.keyboard("5");
    expect(focused()).toBe("Machine payload, masked");
    await user.keyboard("c");
    expect(focused()).toBe("How it got here");
    await user.keyboard("v");
    await waitFor(() => expect(focused()).toContain("Order 41-0977"));
    expect(host.calls.some((call) => call.name === "noteOpened")).toBe(true);
    await user.keyboard("ga");
    expect(await screen.findByRole("heading", { level: 1, name: "Audit" })).toBeTruthy();
    await user.keyboard("go");
    expect(await screen.findByRole("heading", { level: 1, name: "Outbox" })).toBeTruthy();
    await user.keyboard("gs");
    expect(await screen.findByRole("heading", { level: 1, name: "Settings" })).toBeTruthy();
    await user.keyboard("gi");
    expect(await screen.findByRole("listbox", { name: "Handoffs" })).toBeTruthy();
  });

  it("goes to the neighbour with the brackets", async () => {
    const { user } = await openReview("r-refund");
    await user.keyboard("]");
    await waitFor(() => expect(location.hash).toBe("#/inbox/r-offer"));
    await user.keyboard("[[");
    await waitFor(() => expect(location.hash).toBe("#/inbox/r-refund"));
  });

  it("F6 goes through the regions and back", async () => {
    const { user } = await openReview("r-refund");
    const seen: (string | undefined)[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      await user.keyboard("{F6}");
      seen.push(document.activeElement?.closest<HTMLElement>("[data-region]")?.dataset.region);
    }
    expect(seen).toEqual(["bar", "rail", "list", "review"]);
    await user.keyboard("{Shift>}{F6}{/Shift}");
    expect(document.activeElement?.closest<HTMLElement>("[data-region]")?.dataset.region).toBe("list");
  });

  it("search takes letters as letters", async () => {
    const { user } = await openReview("r-refund");
    await user.keyboard("/");
    expect(document.activeElement).toBe(screen.getByRole("searchbox", { name: "Search the inbox" }));
    await user.keyboard("ru");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(location.hash).toContain("q=ru");
  });

  it("shows its help, and switches single keys off", async () => {
    const { user } = await openReview("r-refund");
    await user.keyboard("?");
    const help = await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
    await user.click(within(help).getByRole("link", { name: "Keyboard settings" }));
    await user.click(await screen.findByRole("switch", { name: "Single-key shortcuts" }));
    location.hash = "#/inbox/r-article";
    await screen.findByRole("heading", { level: 1, name: /^Publish/ });
    await pastDeadTime();
    await user.keyboard("r");
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("zooms and locks", async () => {
    const { user, host } = await openReview("r-refund");
    await user.keyboard("{Control>}={/Control}");
    await waitFor(() =>
      expect(host.calls.findLast((call) => call.name === "setAppearance")?.request).toMatchObject({ zoom: 1.1 }),
    );
    await user.keyboard("{Control>}l{/Control}");
    expect(await screen.findByRole("heading", { level: 1, name: "Seamark is locked" })).toBeTruthy();
    expect(document.body.textContent).not.toContain("1,280.00");
  });
});
