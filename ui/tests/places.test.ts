import { screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";

import { expectAccessible, open } from "./page";

describe("the outbox", () => {
  it("says of each decision how far it has come, in one word each", async () => {
    await open("#/outbox");
    const list = await screen.findByRole("list", { name: "Signed decisions" });
    expect(within(list).getByText("Recorded, not counted")).toBeTruthy();
    expect(within(list).getByText("Ana decided at 10:31, before yours.")).toBeTruthy();
    expect(within(list).queryByText(/^(Sent|Done)$/i)).toBeNull();
    await expectAccessible();
  });

  it.each([
    ["empty", "Nothing was signed on this computer yet."],
    ["error", "The outbox could not be read"],
    ["offline", "Offline. What waits here is safe on this computer and is sent when the connection is back."],
  ])("has its own words: %s", async (scenario, text) => {
    await open("#/outbox", scenario);
    expect(await screen.findByText(text)).toBeTruthy();
  });
});

describe("the audit", () => {
  it("searches, filters and turns pages in the address", async () => {
    const { user, host } = await open("#/audit");
    const table = await screen.findByRole("table", { name: "Decisions, newest first" });
    expect(within(table).getAllByRole("row")).toHaveLength(51);
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: "Next" }));
    expect(await screen.findByText("51 to 100 of 137")).toBeTruthy();
    await user.selectOptions(screen.getByRole("combobox", { name: "Outcome" }), "expired");
    await waitFor(() => expect(location.hash).toBe("#/audit?outcome=expired"));
    await user.type(screen.getByRole("searchbox", { name: "Search decisions" }), "zzz");
    expect(await screen.findByText("No decision matches.")).toBeTruthy();
    expect(host.calls.findLast((call) => call.name === "auditRows")?.request).toEqual({
      query: "zzz",
      outcome: "expired",
      contract: null,
      offset: 0,
      limit: 50,
    });
    await user.click(screen.getByRole("button", { name: "Clear search and filters" }));
    expect(await screen.findByText("1 to 50 of 137")).toBeTruthy();
  });

  it.each([
    ["empty", "Nothing was decided yet."],
    ["error", "The decisions could not be read"],
    ["offline", "Offline. You see what this computer has kept."],
    ["ledger-broken", "Ledger does not fit what was seen before"],
  ])("has its own words: %s", async (scenario, text) => {
    await open("#/audit", scenario);
    expect((await screen.findAllByText(text)).length).toBeGreaterThan(0);
  });
});

describe("a record", () => {
  it("shows outcome, signature, ledger and what was shown", async () => {
    await open("#/audit/r-done");
    expect(await screen.findByRole("heading", { level: 1, name: /Refund EUR 64.00/ })).toBeTruthy();
    const decisions = screen.getByRole("region", { name: "Decisions" });
    expect(decisions.textContent).toContain("“I approve exactly this action”");
    expect(decisions.textContent).toContain("Ledger position");
    expect(screen.getByRole("region", { name: "What was shown" }).textContent).toContain("Issue a refund");
    expect(screen.getByText(/^seamark handoff check/)).toBeTruthy();
    await expectAccessible();
  });

  it("saves its evidence, and says where the file is and what it proves", async () => {
    const { user, host } = await open("#/audit/r-done");
    await user.click(await screen.findByRole("button", { name: "Save evidence" }));
    const saved = await screen.findByText(/seamark-0199a1c2.*\.seamark\.zip$/);
    expect(saved.closest(".notice")?.textContent).toContain("Evidence saved");
    await expectAccessible();
    host.failNext("saveEvidence", "storage-failed");
    await user.click(screen.getByRole("button", { name: "Save evidence" }));
    expect(await screen.findByText("The evidence was not saved")).toBeTruthy();
    expect(saved.isConnected).toBe(false);
  });

  it("saves a report of it to read, and says that the proof is another file", async () => {
    const { user, host } = await open("#/audit/r-done");
    await user.click(await screen.findByRole("button", { name: "Save report" }));
    const saved = await screen.findByText(/seamark-0199a1c2.*\.pdf$/);
    expect(saved.closest(".notice")?.textContent).toContain("Report saved");
    expect(saved.closest(".notice")?.textContent).toContain("the proof is the evidence file");
    await expectAccessible();
    host.failNext("saveReport", "storage-failed");
    await user.click(screen.getByRole("button", { name: "Save report" }));
    expect(await screen.findByText("The report was not saved")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Save evidence" })).toBeTruthy();
  });

  it("verifies claim by claim, and calls unknown unknown", async () => {
    const { user } = await open("#/audit/r-done");
    await user.click(await screen.findByRole("button", { name: "Verify" }));
    const list = await screen.findByRole("list", { name: "Verify this record" });
    expect(within(list).getAllByText("Pass")).toHaveLength(5);
    expect(within(list).getAllByText("Unknown")).toHaveLength(1);
    expect(screen.getByText("5 passed, 1 unknown.")).toBeTruthy();
    expect(screen.queryByText("Everything that was claimed holds.")).toBeNull();
    await expectAccessible();
  });

  it("says not to rely on a record that fails", async () => {
    const { user } = await open("#/audit/r-done", "ledger-broken");
    await user.click(await screen.findByRole("button", { name: "Verify" }));
    expect(await screen.findByText("Fail")).toBeTruthy();
    expect(document.body.textContent).toContain("Do not rely on this record.");
  });

  it("says when it is not there or cannot be verified", async () => {
    const { host, user } = await open("#/audit/r-done");
    host.failNext("verifyRecord", "offline");
    await user.click(await screen.findByRole("button", { name: "Verify" }));
    expect(await screen.findByText("No connection")).toBeTruthy();
    location.hash = "#/audit/r-nowhere";
    expect(await screen.findByText("This record could not be read")).toBeTruthy();
  });
});

describe("the ledger", () => {
  it("shows the head that this desk verified and the pinned key", async () => {
    const { user } = await open("#/inbox");
    await user.click(await screen.findByRole("link", { name: /Ledger verified/ }));
    expect(await screen.findByRole("heading", { level: 1, name: "Ledger" })).toBeTruthy();
    expect(screen.getByText("Nothing contradicts what this desk saw")).toBeTruthy();
    expect(screen.getByRole("region", { name: "Last verified by this desk" }).textContent).toContain("18204");
    await expectAccessible();
  });

  it("an alarm says what happened, what it means and what to do, and saves the proof", async () => {
    const { user, host } = await open("#/ledger", "ledger-broken");
    const main = await screen.findByRole("main");
    const alert = await within(main).findByRole("alert");
    expect(alert.textContent).toContain("ledger shows another root for the same 18204 entries");
    expect(screen.getByRole("region", { name: "What it means" }).textContent).toContain("Rejecting and escalating");
    expect(screen.getByText(/^PROVED/)).toBeTruthy();
    host.failNext("saveAlarm", "storage-failed");
    await user.click(screen.getByRole("button", { name: "Save proof" }));
    expect(await screen.findByText("The proof was not saved")).toBeTruthy();
    await user.click(screen.getByRole("button", { name: "Save proof" }));
    expect((await screen.findByText(/seamark-ledger\.seamark-alarm\.json/)).textContent).toContain("Downloads");
    await expectAccessible();
  });

  it.each([
    ["empty", "Not checked yet"],
    ["error", "The ledger's state could not be read"],
  ])("has its own words: %s", async (scenario, text) => {
    await open("#/ledger", scenario);
    expect(await screen.findByText(text)).toBeTruthy();
  });
});

describe("settings and lock", () => {
  it("changes theme and density through the host", async () => {
    const { user } = await open("#/settings");
    await user.click(await screen.findByRole("radio", { name: "Dark" }));
    await waitFor(() => expect(document.documentElement.dataset.theme).toBe("dark"));
    await user.click(screen.getByRole("radio", { name: "Dense" }));
    await waitFor(() => expect(document.documentElement.dataset.density).toBe("dense"));
    await user.click(screen.getByRole("button", { name: "Larger" }));
    expect(await screen.findByText("110 %")).toBeTruthy();
    await expectAccessible();
  });

  it("follows the system while the theme is the system's, and only then", async () => {
    const listeners = new Map<string, () => void>();
    const holds = new Set<string>();
    vi.spyOn(window, "matchMedia").mockImplementation(
      (query) =>
        ({
          get matches() {
            return holds.has(query);
          },
          addEventListener: (_: string, hear: () => void) => listeners.set(query, hear),
          removeEventListener: () => listeners.delete(query),
        }) as unknown as MediaQueryList,
    );
    const become = (query: string, isOn: boolean): void => {
      if (isOn) holds.add(query);
      else holds.delete(query);
      listeners.get(query)?.();
    };
    const [dark, contrast] = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"];
    const theme = () => document.documentElement.dataset.theme;
    holds.add(dark);
    const { user } = await open("#/settings");
    expect((await screen.findByRole<HTMLInputElement>("radio", { name: "As the system" })).checked).toBe(true);
    expect(theme()).toBe("dark");
    become(dark, false);
    expect(theme()).toBe("light");
    become(contrast, true);
    expect(theme()).toBe("contrast");
    become(contrast, false);
    await user.click(screen.getByRole("radio", { name: "Light" }));
    await waitFor(() => expect(listeners.size).toBe(0));
    become(dark, true);
    expect(theme()).toBe("light");
  });

  it("says when a setting was not saved", async () => {
    const { user, host } = await open("#/settings");
    host.failNext("setAppearance", "storage-failed");
    await user.click(await screen.findByRole("radio", { name: "Light" }));
    expect(await screen.findByText("The setting was not saved")).toBeTruthy();
  });

  it.each(["account", "keyboard", "about"])("has a page: %s", async (page) => {
    await open(`#/settings/${page}`);
    expect(await screen.findByRole("heading", { level: 2 })).toBeTruthy();
    await expectAccessible();
  });

  it.each([
    ["#/settings/account", "keyring-locked", "Your keyring is locked, so nothing can be signed."],
    ["#/settings/account", "keyring-missing", "No keyring runs, so nothing can be signed."],
    ["#/lock", "keyring-locked", "Your keyring is locked, so nothing can be signed."],
    ["#/lock", "keyring-missing", "No keyring runs, so nothing can be signed."],
  ])("%s with %s says what to do and tries again", async (hash, scenario, title) => {
    const { user, host } = await open(hash, scenario);
    const notice = (await screen.findByText(title, { selector: ".title" })).closest(".notice");
    expect(notice?.textContent).toContain("then try again");
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(screen.queryByText(title, { selector: ".title" })).toBeNull());
    expect(host.calls.filter((call) => call.name === "retryKeyring")).toHaveLength(1);
  });

  it("says when trying the keyring again did not help", async () => {
    const { user } = await open("#/settings/account", "keyring-locked,keyring-stays");
    await user.click(await screen.findByRole("button", { name: "Try again" }));
    expect(await screen.findByText(/^Tried at 10:4\d: it is still locked\.$/)).toBeTruthy();
  });

  it("changes the PIN, and says at each field what is wrong", async () => {
    const { user, host } = await open("#/settings/account");
    await user.click(await screen.findByRole("button", { name: "Change PIN" }));
    const form = within(await screen.findByRole("form", { name: "Change PIN" }));
    const now = form.getByLabelText<HTMLInputElement>(/until now/);
    const pin = form.getByLabelText("New PIN");
    const again = form.getByLabelText(/again/);
    await expectAccessible();
    const change = () => user.click(form.getByRole("button", { name: "Change PIN" }));
    await change();
    expect(form.getByText("Enter the PIN that you have now.")).toBeTruthy();
    await user.type(now, "000000");
    await user.type(pin, "774520");
    await user.type(again, "774521");
    await change();
    expect(form.getByText("The two PINs are not the same.")).toBeTruthy();
    await user.clear(again);
    await user.type(again, "774520");
    await change();
    expect(await form.findByText(/This is not your signing PIN/)).toBeTruthy();
    expect(now.value).toBe("");
    await user.type(now, "246810");
    await change();
    expect(await screen.findByText("Your PIN was changed")).toBeTruthy();
    expect(screen.queryByRole("form", { name: "Change PIN" })).toBeNull();
    expect(host.calls.filter((call) => call.name === "changePin")).toHaveLength(2);
  });

  it("says until when no PIN is tried, before one is typed", async () => {
    await open("#/lock", "pin-locked-out");
    const pin = await screen.findByLabelText("Signing PIN");
    const help = document.getElementById(pin.getAttribute("aria-describedby") ?? "");
    expect(help?.textContent).toBe("Too many wrong PINs, so none is tried before 10:47:00.");
  });

  it("unlocks with the PIN and goes back to where it was", async () => {
    const { user } = await open("#/lock?back=%23%2Foutbox");
    const pin = await screen.findByLabelText("Signing PIN");
    await expectAccessible();
    await user.type(pin, "000000{Enter}");
    expect(await screen.findByText(/This is not your signing PIN.*4 tries are left/)).toBeTruthy();
    await user.type(pin, "246810{Enter}");
    await waitFor(() => expect(location.hash).toBe("#/outbox"));
  });
});
